"""
Sends that come before the replay they belong to.

A Java client keeps an unblocked send for the replay first and writes it then. A thread that is held up in between writes it to the
next connection, perhaps when its session is re-attached already and nothing was replayed yet: in front of all that was lost. Executed
there, it would overtake what comes with the replay, and be counted in its place. So the first send behind a re-attachment that
leaves a gap in the correlation ids waits for what comes next: a lower id is the replay, which will bring it again; a higher one,
or a command that its client waits for, says that the gap is one, and so does time. Who waits for an answer writes nothing until
it comes, so nothing of that kind can be lost in front of a send that was written.

All other commands tell nothing: the replay may begin with them, or they are new. They wait, too, in their order, and are neither
executed nor counted. If one of them were counted, and the connection were lost next, its client would take the send for executed.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from corewire.wire import hot
from corewire.wire.framing import HEADER_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from corewire_server.core.session import Session

TICKS_MAX: Final = 2
"""Ticks of the clock that a send waits for what comes next."""

BEHIND_BYTES_MAX: Final = 1 << 20
"""Of the commands that wait behind it. More of them, and the gap is taken for one."""

_long: Final = Struct(">q").unpack_from


class Early:
    """What is expected of a session that was re-attached."""

    __slots__ = ("behind_bytes", "held", "ticks")

    def __init__(self, held: Iterable[bytes] = (), ticks: int = 0) -> None:
        self.held = list(held)  # the send that waits and what came behind it; empty: none came yet
        self.behind_bytes = sum(map(len, self.held[1:]))
        self.ticks = ticks  # so many has it seen


def in_order(session: Session, kind: int, frames: list[bytes], *, asks: bool) -> list[bytes]:
    """
    The frames that count now, in their order, when a run of this type came: of sends, or behind one that waits.

    ``asks``: its client waits for an answer to one of them.
    """
    early = session.early
    assert early is not None
    if kind == hot.SEND:
        return _behind(session, early, frames)
    if kind == hot.PACKETS_CONFIRMED:
        return frames
    early.behind_bytes += sum(map(len, frames))
    early.held += frames
    return overdue(session) if asks or early.behind_bytes > BEHIND_BYTES_MAX else []


def _behind(session: Session, early: Early, run: list[bytes]) -> list[bytes]:
    if not early.held:
        if _correlation(session, run[0]) <= session.last_async + 1:
            session.early = None
            return run
        early.held.append(run.pop(0))
    if not run:
        return run
    session.early = None
    replayed = 0 < _correlation(session, run[0]) <= _correlation(session, early.held[0])
    return [*(early.held[1:] if replayed else early.held), *run]


def overdue(session: Session) -> list[bytes]:
    """What waits, if it waits no longer."""
    early, session.early = session.early, None
    return [] if early is None else early.held


def tick(session: Session) -> bool:
    """Time passes. Returns whether a send has waited long enough."""
    early = session.early
    if early is None or not early.held or not session.link.alive:
        return False
    early.ticks += 1
    return early.ticks >= TICKS_MAX


def _correlation(session: Session, frame: bytes) -> int:
    """Of a send; 0: it has none."""
    end = len(frame) - session.trailer
    if not session.correlates or end < HEADER_SIZE:
        return 0
    number: int = _long(frame, end + 1)[0]
    return number
