"""All I/O of the broker: performs what ``node`` decides."""
