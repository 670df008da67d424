"""``corewire decode``: frames for programs."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from corewire.errors import RemoteProtocolError
from corewire.wire.explain import pieces
from corewire.wire.inspect import check as checked
from corewire.wire.inspect import to_json
from corewire.wire.versions import VERSION
from corewire_server.cli.explain import read
from corewire_server.cli.report import Exit, attempt


def decode(
    *files: Annotated[str, Parameter(help="Hex lines, recordings or raw streams; none or -: standard input.")],
    check: Annotated[
        bool, Parameter(help="Encode again and compare; reads lines HEX or VERSION<TAB>HEX.", negative="")
    ] = False,
    protocol_version: Annotated[int, Parameter(help="Of frames whose line names none.")] = VERSION,
) -> int:
    """Print one JSON object per frame, or check that frames survive decoding and encoding."""
    return attempt(lambda: _check(files, protocol_version) if check else _decode(files, protocol_version))


def _check(files: tuple[str, ...], version: int) -> int:
    lines = [line for data in read(files) for line in data.decode("utf-8", "replace").splitlines()]
    good, bad = checked(lines, version=version)
    for line in bad:
        sys.stderr.write(f"{line}\n")
    sys.stdout.write(f"{good} ok, {len(bad)} bad\n")
    return Exit.NO if bad else Exit.DONE


def _decode(files: tuple[str, ...], version: int) -> int:
    code = Exit.DONE
    for data in read(files):
        for piece in pieces(data, version=version):
            if piece.frame is None:
                sys.stderr.write(f"{piece.where}: {piece.note}\n")
                continue
            try:
                sys.stdout.write(to_json(piece.frame, piece.version) + "\n")
            except RemoteProtocolError as error:
                sys.stderr.write(f"{piece.where}: {error}\n")
                code = Exit.NO
    return code
