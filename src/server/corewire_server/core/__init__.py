"""The broker core: ``Broker.step(now, input) -> effects``, a deterministic state machine without I/O."""
