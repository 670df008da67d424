"""The replication link: the same inputs for a second core (docs/design/pair.md). Without I/O."""
