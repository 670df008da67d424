"""The program ``corewire``."""
