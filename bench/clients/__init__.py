"""Python clients of one real Artemis, each a process of its own: what sending, receiving and acknowledging a message costs it."""
