"""What an application asks of a client: a room of commands each, all on the one `ClientEngine`."""
