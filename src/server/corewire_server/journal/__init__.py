"""The journal: segments, batches, recovery and compaction, without I/O."""
