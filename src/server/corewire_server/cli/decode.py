"""``corewire decode``: frames for programs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from corewire.errors import RemoteProtocolError
from corewire.wire.inspect import BadLine, to_json, verify
from corewire.wire.inspect import check as checked
from corewire.wire.versions import VERSION
from corewire_server.cli.options import Talk
from corewire_server.cli.report import Exit, attempt
from corewire_server.cli.sources import pieces_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from corewire.wire.pieces import Piece


def decode(
    *files: Annotated[
        str, Parameter(help="Hex, recordings, raw streams, pcap or pcapng; none or -: standard input.", negative="")
    ],
    check: Annotated[
        bool, Parameter(help="Encode again and compare; standard input: lines HEX or VERSION<TAB>HEX.", negative="")
    ] = False,
    protocol_version: Annotated[
        int, Parameter(help="Of frames of which nothing else tells.", validator=Number(gte=0, lte=VERSION))
    ] = VERSION,
    talk: Talk = Talk(),  # noqa: B008  immutable
) -> int:
    """Print one JSON object per frame, or check that frames survive decoding and encoding."""
    work = _check if check else _decode
    return attempt(lambda: work(files or ("-",), protocol_version), as_json=talk.json, verbose=talk.verbose)


def _check(files: tuple[str, ...], version: int) -> int:
    good = bad = 0
    for name in files:
        if name == "-":
            ok, wrong = checked(_lines(), version=version)
            found = [str(line) for line in wrong]
        else:
            ok, found = _check_file(name, version)
        good, bad = good + ok, bad + len(found)
        for line in found:
            sys.stderr.write(f"{line}\n" if len(files) == 1 else f"{name}: {line}\n")
    sys.stdout.write(f"{good} ok, {bad} bad\n")
    return Exit.NO if bad else Exit.DONE


def _lines() -> Iterator[str]:
    return (raw.decode("utf-8", "replace") for raw in sys.stdin.buffer)


def _check_file(name: str, version: int) -> tuple[int, list[str]]:
    """Verify the frames of a file of any kind: how many are good, and what is wrong with the others."""
    good, bad = 0, list[str]()
    for piece in pieces_of(name, version):
        if piece.frame is None:
            if piece.bad:
                bad.append(f"{piece.where}, no packet: {piece.note}")
            continue
        try:
            verify(piece.frame, piece.version)
            good += 1
        except RemoteProtocolError as error:
            bad.append(BadLine(0, error.message, error.packet, error.offset).at(piece.where))
    return good, bad


def _decode(files: tuple[str, ...], version: int) -> int:
    return write_objects(piece for name in files for piece in pieces_of(name, version))


def write_objects(pieces: Iterable[Piece]) -> int:
    """Write one JSON object per frame to stdout, as it comes, and what is wrong to stderr. Returns the exit code."""
    code = Exit.DONE
    for piece in pieces:
        if piece.frame is None:
            sys.stderr.write(f"{piece.where}: {piece.note}\n" if piece.bad else "")
            code = Exit.NO if piece.bad else code
            continue
        try:
            sys.stdout.write(to_json(piece.frame, piece.version) + "\n")
            sys.stdout.flush()
        except RemoteProtocolError as error:
            sys.stderr.write(f"{piece.where}: {error}\n")
            code = Exit.NO
    return code
