"""``corewire explain``: frames for people."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from itertools import chain
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from corewire.wire import registry
from corewire.wire.explain import blocks
from corewire.wire.framing import HEADER_SIZE, channel_id, packet_type
from corewire.wire.versions import VERSION
from corewire_server.cli.decode import write_objects
from corewire_server.cli.options import Talk
from corewire_server.cli.report import Exit, UsageError, attempt
from corewire_server.cli.sources import pieces_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corewire.wire.pieces import Piece


def explain(
    *files: Annotated[
        str, Parameter(help="Hex, recordings, raw streams, pcap or pcapng; none or -: standard input.", negative="")
    ],
    protocol_version: Annotated[
        int, Parameter(help="Of frames of which nothing else tells.", validator=Number(gte=0, lte=VERSION))
    ] = VERSION,
    port: Annotated[int | None, Parameter(help="Only captured connections with this port.")] = None,
    channel: Annotated[tuple[int, ...], Parameter(help="Only frames of this channel.", negative="")] = (),
    type: Annotated[tuple[str, ...], Parameter(help="Only packets of this name or code.", negative="")] = (),  # noqa: A002
    follow: Annotated[bool, Parameter(help="Go on as the file grows.", negative="")] = False,
    hexdump: Annotated[bool, Parameter(help="Show the bytes of each frame too.", negative="")] = False,
    talk: Talk = Talk(),  # noqa: B008  immutable
) -> int:
    """
    Print frames as readable blocks: both directions of captured connections, as they came.

    With --json: one object a frame, as ``decode`` writes it.
    """

    def work() -> int:
        if follow and len(files) > 1:
            raise UsageError("--follow: one file")
        channels, types = frozenset(channel), frozenset(map(_code, type))
        found = chain.from_iterable(
            pieces_of(name, protocol_version, port=port, follow=follow) for name in files or ("-",)
        )
        wanted = _wanted(found, channels, types)
        if talk.json:
            return write_objects(wanted)
        for number, block in enumerate(blocks(wanted, hexdump=hexdump)):
            sys.stdout.write(f"\n{block}" if number else block)
            sys.stdout.flush()
        return Exit.DONE

    return attempt(work, as_json=talk.json, verbose=talk.verbose)


def _wanted(found: Iterator[Piece], channels: frozenset[int], types: frozenset[int]) -> Iterator[Piece]:
    """Leave out what was not asked for; what is bad is always told."""
    for piece in found:
        frame = piece.frame
        if frame is None or len(frame) < HEADER_SIZE:
            if piece.bad or not (channels or types):
                yield piece
        elif (not channels or channel_id(frame) in channels) and (not types or packet_type(frame) in types):
            yield piece


def _code(text: str) -> int:
    """Read the name or the code of a packet. Raises UsageError."""
    names = {registry.packet_name(code): code for code in range(-128, 128) if registry.packet_class(code)}
    name = text.upper().replace("-", "_")
    if name in names:
        return names[name]
    try:
        code = int(text)
    except ValueError:
        nearest = get_close_matches(name, names, n=1, cutoff=0.4)
        raise UsageError(
            f"--type: no packet is called {text}", hint=f"--type {nearest[0]}" if nearest else None
        ) from None
    if registry.packet_class(code) is None:
        raise UsageError(f"--type: no packet has code {code}")
    return code
