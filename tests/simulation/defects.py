"""
Deliberate defects of what is shipped, one at a time: what a slip of the pen could have made of it. The simulator must find each.

They are put in by monkeypatching, for the length of a test. Nothing in the product knows of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from corewire._channel import Channel, int32
from corewire.wire import hot
from corewire_server.core import dispatch
from corewire_server.core.session import Session
from corewire_server.journal import recovery
from corewire_server.journal.actions import Sync
from corewire_server.journal.format import BATCH_HEAD_BYTES
from corewire_server.journal.writer import Writer
from corewire_server.node.gate import Gate
from corewire_server.simulator.scenario import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pytest

    from corewire_server.core.state import State
    from corewire_server.journal.actions import Action
    from corewire_server.journal.format import BatchHead

    Patch = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Defect:
    """A slip, what a history must have to show it, and by which rules it shows."""

    name: str
    apply: Patch
    options: Options = field(default_factory=Options)


def gate_open_early(patch: pytest.MonkeyPatch) -> None:
    """What a step shows leaves before its records are on the disk."""
    patch.setattr(Gate, "shut", lambda self, step: None)


def sync_skipped(patch: pytest.MonkeyPatch) -> None:
    """A batch is written, and not synced."""
    flush = Writer._flush

    def without(self: Writer, actions: list[Action], flags: int) -> None:
        flush(self, actions, flags)
        actions[:] = [one for one in actions if not isinstance(one, Sync)]

    patch.setattr(Writer, "_flush", without)


def replay_off_by_one(patch: pytest.MonkeyPatch) -> None:
    """A re-attachment takes the peer's number for that of the next command."""
    resume = Channel.resume

    def resume_behind(self: Channel, peer_received: int) -> int:
        more = int32(peer_received + 1) < int32(self.first_unconfirmed + self.unconfirmed - self.waiting)
        return resume(self, int32(peer_received + more))

    patch.setattr(Channel, "resume", resume_behind)


def acknowledged_twice(patch: pytest.MonkeyPatch) -> None:
    """An acknowledgement is taken for two."""
    handle = dispatch.HOT[hot.INDIVIDUAL_ACKNOWLEDGE]

    def twice(state: State, session: Session, frames: Iterable[bytes]) -> None:
        for frame in frames:
            handle(state, session, [frame])
            session.last_ack = b""
            handle(state, session, [frame])

    for kind in (hot.ACKNOWLEDGE, hot.INDIVIDUAL_ACKNOWLEDGE):
        patch.setitem(dispatch.HOT, kind, twice)


def torn_record_accepted(patch: pytest.MonkeyPatch) -> None:
    """A batch that is long enough is taken for whole, whatever its checksum says."""

    def unchecked(data: bytes, at: int, head: BatchHead, salt: int) -> bytes | None:
        payload = data[at + BATCH_HEAD_BYTES : at + BATCH_HEAD_BYTES + head.payload_bytes]
        return payload if len(payload) == head.payload_bytes else None

    patch.setattr(recovery, "payload_of", unchecked)


def refused_not_counted(patch: pytest.MonkeyPatch) -> None:
    """A refused command is not counted, as in the reference broker."""
    refuse = dispatch._refuse

    def refuse_uncounted(state: State, session: Session, refusal: Any, **options: Any) -> None:
        refuse(state, session, refusal, **options)
        session.channel._last_received = int32(session.channel.last_received - 1)

    patch.setattr(dispatch, "_refuse", refuse_uncounted)


def confirmed_before_refused(patch: pytest.MonkeyPatch) -> None:
    """A confirmation leaves before the EXCEPTION of a command that it covers."""
    refuse = dispatch._refuse

    def refuse_late(state: State, session: Session, refusal: Any, **options: Any) -> None:
        channel = session.channel
        last = channel.last_received
        channel.processed(1)
        channel.flush()
        refuse(state, session, refusal, **options)
        channel._last_received = last

    patch.setattr(dispatch, "_refuse", refuse_late)


def doubled_write_executed(patch: pytest.MonkeyPatch) -> None:
    """The numbers of unblocked sends are ignored."""
    patch.setattr(Session, "is_stray", lambda self, correlation, gaps_max: False)


SINGLE = [
    Defect("the gate opens early", gate_open_early),
    Defect("a sync is skipped", sync_skipped, Options(faults=("power", "cut", "reset"))),
    Defect("replay is off by one", replay_off_by_one),
    Defect("an acknowledgement is applied twice", acknowledged_twice),
    Defect("a torn record is accepted", torn_record_accepted, Options(faults=("power", "kill"))),
    Defect("a refused command is not counted", refused_not_counted),
    Defect("a confirmation overtakes an exception", confirmed_before_refused),
    Defect("a doubled write is executed", doubled_write_executed),
]
