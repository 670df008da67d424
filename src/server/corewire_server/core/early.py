"""
Sends that come before the replay they belong to.

A Java client keeps an unblocked send for the replay first and writes it then. A thread that is held up in between writes it to the
next connection, perhaps when its session is re-attached already and nothing was replayed yet: in front of all that was lost. Executed
there, it would overtake what comes with the replay, and be counted in its place. So the first send behind a re-attachment that
leaves a gap in the correlation ids waits for what comes next: a lower id is the replay, which will bring it again; a higher one,
or a command that is answered, says that the gap is one, and so does time.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from corewire.wire.framing import HEADER_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from corewire_server.core.session import Session

TICKS_MAX: Final = 2
"""Ticks of the clock that a send waits for what comes next."""

_long: Final = Struct(">q").unpack_from


class Early(NamedTuple):
    """What is expected of a session that was re-attached."""

    frame: bytes = b""  # the send that waits; b"": none came yet
    ticks: int = 0  # so many has it seen


def in_order(session: Session, frames: Iterable[bytes]) -> list[bytes]:
    """The sends of a run that count now, in their order. ``session.early`` is not None before."""
    run = list(frames)
    early = session.early
    if early is not None and not early.frame:
        session.early = early = None
        if session.last_async and _correlation(session, run[0]) > session.last_async + 1:
            session.early = early = Early(run.pop(0))
    if early is None or not run:
        return run
    session.early = None
    replayed = 0 < _correlation(session, run[0]) <= _correlation(session, early.frame)
    return run if replayed else [early.frame, *run]


def overdue(session: Session) -> list[bytes]:
    """The send that waits, if it waits no longer."""
    early, session.early = session.early, None
    return [] if early is None or not early.frame else [early.frame]


def tick(session: Session) -> bool:
    """Time passes. Returns whether a send has waited long enough."""
    early = session.early
    if early is None or not early.frame or not session.link.alive:
        return False
    session.early = Early(early.frame, early.ticks + 1)
    return early.ticks + 1 >= TICKS_MAX


def _correlation(session: Session, frame: bytes) -> int:
    """Of a send; 0: it has none."""
    end = len(frame) - session.trailer
    if not session.correlates or end < HEADER_SIZE:
        return 0
    number: int = _long(frame, end + 1)[0]
    return number
