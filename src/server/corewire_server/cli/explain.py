"""``corewire explain``: frames for people."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from corewire.wire.explain import explain as explained
from corewire.wire.versions import VERSION
from corewire_server.cli.report import Exit, attempt


def explain(
    *files: Annotated[str, Parameter(help="Hex lines, recordings or raw streams; none or -: standard input.")],
    protocol_version: Annotated[int, Parameter(help="Of frames whose line names none.")] = VERSION,
) -> int:
    """Print frames as readable blocks."""
    return attempt(lambda: _explain(files, protocol_version))


def _explain(files: tuple[str, ...], version: int) -> int:
    for data in read(files):
        sys.stdout.write(explained(data, version=version))
    return Exit.DONE


def read(files: tuple[str, ...]) -> list[bytes]:
    """Read each file; none, or -, is standard input. Raises OSError."""
    return [sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes() for name in files or ("-",)]
