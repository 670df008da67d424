"""Numbered traffic of clients of all worlds, and a ledger of it: for the demo, and for tests that spoil links and brokers."""
