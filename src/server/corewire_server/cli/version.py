"""``corewire version``."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version as installed


def version() -> int:
    """Print the version of corewire and of the Python that runs it."""
    sys.stdout.write(f"corewire {installed('corewire')} (Python {platform.python_version()})\n")
    return 0
