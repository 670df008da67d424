"""Whole brokers in an invented world: network, disk and clock drawn from one seed."""
