"""``corewire version``."""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import version as installed

from corewire_server.cli.options import Talk


def version(*, talk: Talk = Talk()) -> int:  # noqa: B008  immutable
    """Print the version of corewire and of the Python that runs it."""
    ours, python = installed("corewire"), platform.python_version()
    said = json.dumps({"corewire": ours, "python": python}) if talk.json else f"corewire {ours} (Python {python})"
    sys.stdout.write(f"{said}\n")
    return 0
