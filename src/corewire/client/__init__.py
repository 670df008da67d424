"""The client above the wire: sessions, reconnection, failover, without I/O."""
