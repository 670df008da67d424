"""Who serves: roles, and what they may become (docs/design/pair.md). Without I/O."""
