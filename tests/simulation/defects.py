"""
Deliberate defects of what is shipped, one at a time: what a slip of the pen could have made of it. The simulator must find each.

They are put in by monkeypatching, for the length of a test. Nothing in the product knows of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from corewire._channel import Channel, int32
from corewire.client._tries import Tries
from corewire.wire import hot
from corewire_server.core import dispatch, routing
from corewire_server.core.broker import Broker
from corewire_server.core.commands import sending
from corewire_server.core.session import Session
from corewire_server.core.snapshot import Snapshot
from corewire_server.ha import roles
from corewire_server.ha._states import Role
from corewire_server.ha.roles import Do
from corewire_server.journal import recovery
from corewire_server.journal.actions import Sync
from corewire_server.journal.format import BATCH_HEAD_BYTES
from corewire_server.journal.writer import Writer
from corewire_server.node import operating
from corewire_server.node.following import Following
from corewire_server.node.gate import Gate
from corewire_server.node.keeping import Keeper
from corewire_server.node.pair import PairNode
from corewire_server.node.settings import GateMode
from corewire_server.node.talks import Talks
from corewire_server.records import Mark, Standing
from corewire_server.replication.primary import Feed
from corewire_server.simulator.scenario import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pytest

    from corewire.client._calls import Script
    from corewire_server.core.queues import Queue
    from corewire_server.core.state import State
    from corewire_server.journal.actions import Action
    from corewire_server.journal.format import BatchHead
    from corewire_server.replication.link import SnapshotBegin

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


PAIR_FAULTS = ("kill", "power", "reset", "cut", "stall", "one-way", "slow", "pause", "slow-disk")


def pair(*faults: str) -> Options:
    """A pair, to which these things happen."""
    return Options(nodes=2, faults=faults or PAIR_FAULTS)


def session_missing(patch: pytest.MonkeyPatch) -> None:
    """The snapshot for a joining node leaves the newest session out."""
    take = Snapshot._take_session

    def take_all_but_one(self: Snapshot, session: Session) -> None:
        if session.name != max(session.link.sessions.values(), key=lambda one: one.channel.channel).name:
            take(self, session)

    patch.setattr(Snapshot, "_take_session", take_all_but_one)


def routed_by_identity(patch: pytest.MonkeyPatch) -> None:
    """A message gets into its queues in the order in which a set of them gives them, which is that of their addresses."""
    targets = routing.targets

    def unordered(state: State, *args: Any) -> list[Queue]:
        return list(set(targets(state, *args)))

    for user in (routing, sending):
        patch.setattr(user, "targets", unordered)


def order_by_identity(patch: pytest.MonkeyPatch) -> None:
    """
    What is written in one step leaves in the order in which a set of links gives them: the state is the same, only what leaves
    has another order.
    """
    effects = Broker._effects

    def unordered(self: Broker) -> Any:
        self.state.written = sorted(self.state.written, key=id)
        return effects(self)

    patch.setattr(Broker, "_effects", unordered)


def not_told_promotes(patch: pytest.MonkeyPatch) -> None:
    """A joiner takes itself for in step when it has loaded the snapshot."""
    finish = Following._finish

    def finish_in_step(self: Following, now: int, digest: bytes) -> None:
        finish(self, now, digest)
        self.place = 1

    patch.setattr(Following, "_finish", finish_in_step)


def no_new_epoch(patch: pytest.MonkeyPatch) -> None:
    """A promoted node goes on in the epoch of the old primary."""
    patch.setattr(PairNode, "_next_epoch", lambda self: self._epoch or 2)


def promotion_by_silence(patch: pytest.MonkeyPatch) -> None:
    """A backup that hears nothing takes the primary for dead."""
    tick = Talks.tick

    def use_silence(self: Talks, now: int) -> None:
        tick(self, now)
        following = self._node._following  # type: ignore[attr-defined]
        if following is not None and following.place and following.link is None and not following.leased(now):
            self._node.carry_out(now, Do.SERVE, "nothing is heard")

    patch.setattr(Talks, "tick", use_silence)


def late_echo_is_fresh(patch: pytest.MonkeyPatch) -> None:
    """A lease begins when the echo of a stamp is read, not when the stamp was sent."""
    renew = Following._renew

    def renew_now(self: Following, now: int, echo: int) -> None:
        renew(self, now, echo)
        self._echo = now

    patch.setattr(Following, "_renew", renew_now)


def lease_too_long(patch: pytest.MonkeyPatch) -> None:
    """A backup is in step for longer than the primary waits for it."""

    def leased(self: Following, now: int) -> bool:
        return self.place > 0 and self._echo is not None and now - self._echo < 5 * self._kit.settings.lease_ms

    patch.setattr(Following, "leased", leased)


def gate_waits_for_disk_only(patch: pytest.MonkeyPatch) -> None:
    """The gate does not wait for the backup."""
    wait_for = Gate.wait_for
    patch.setattr(Gate, "wait_for", lambda self, mode: wait_for(self, GateMode.DISK))


def joiner_counts_what_it_had(patch: pytest.MonkeyPatch) -> None:
    """A joiner acknowledges all that its own journal had, also what the primary never sent it."""
    begin = Following._begin

    def begin_ahead(self: Following, now: int, frame: SnapshotBegin) -> None:
        begin(self, now, frame)
        assert self.intake is not None
        self.intake.received += 3

    patch.setattr(Following, "_begin", begin_ahead)


def acknowledged_before_it_came(patch: pytest.MonkeyPatch) -> None:
    """A primary counts inputs as acknowledged when they are sent."""
    take = Feed.take

    def take_for_acknowledged(self: Feed) -> Any:
        frames = take(self)
        self.acknowledge(self.sent)
        return frames

    patch.setattr(Feed, "take", take_for_acknowledged)


def epoch_not_checked(patch: pytest.MonkeyPatch) -> None:
    """A node that serves, or hands over, does not heed a later epoch."""
    patch.setattr(roles, "supersedes", lambda other, mine: False)


def alone_forgets_to_write(patch: pytest.MonkeyPatch) -> None:
    """Going on alone is not written down."""
    mark = Keeper.mark

    def mark_some(self: Keeper, step: int, wanted: Mark, time: int) -> None:
        if wanted.standing is not Standing.ALONE or self.mark_wanted is None or self.mark_wanted.epoch != wanted.epoch:
            mark(self, step, wanted, time)

    patch.setattr(Keeper, "mark", mark_some)


def restarted_serves_at_once(patch: pytest.MonkeyPatch) -> None:
    """A restarted node whose record says "in step" serves without asking."""
    patch.setattr(PairNode, "_asks_in_vain", property(_restarted))


def _restarted(node: PairNode) -> bool:
    return node.role is Role.WAITING and node._record in (Standing.ALONE, Standing.IN_STEP)


def backup_keeps_no_journal(patch: pytest.MonkeyPatch) -> None:
    """A backup writes nothing of what it executes."""
    run = Following.run

    def run_forgetful(self: Following, now: int, limit: int) -> None:
        append = self._kit.keeper.append
        forgetful = self._records is None
        if forgetful:
            self._kit.keeper.append = lambda *args: None  # type: ignore[method-assign]
        try:
            run(self, now, limit)
        finally:
            if forgetful:
                self._kit.keeper.append = append  # type: ignore[method-assign]

    patch.setattr(Following, "run", run_forgetful)


def every_order_is_obeyed(patch: pytest.MonkeyPatch) -> None:
    """A backup that is in step serves, because somebody says so."""
    patch.setattr(operating, "why_not_fail_over", lambda status: "")


PUBLISHED = replace(pair(), workload="publish")  # so that a message has several queues

PAIR = [
    Defect("a session is missing from the snapshot", session_missing, pair()),
    Defect("queues get messages in the order of their addresses", routed_by_identity, PUBLISHED),
    Defect("links are written in the order of their addresses", order_by_identity, pair()),
    Defect("a backup that was not told promotes itself", not_told_promotes, pair("torn")),
    Defect("a promotion takes no new epoch", no_new_epoch, pair("kill", "power")),
    Defect("silence promotes", promotion_by_silence, pair("unheard", "stall", "one-way", "pause")),
    Defect("a late echo is taken as fresh", late_echo_is_fresh, pair("forsaken")),
    Defect("the lease outlasts the primary's patience", lease_too_long, pair("forsaken", "unheard")),
    Defect("the gate does not wait for the backup", gate_waits_for_disk_only, pair("torn")),
    Defect("a joiner acknowledges what it had", joiner_counts_what_it_had, pair()),
    Defect("inputs count as acknowledged when they are sent", acknowledged_before_it_came, pair("torn")),
    Defect("a later epoch is not heeded", epoch_not_checked, pair("switch", "kill", "reset")),
    Defect("going alone is not written down", alone_forgets_to_write, pair("forsaken", "unheard")),
    Defect("a restarted node serves without asking", restarted_serves_at_once, pair("split")),
    Defect("every order is obeyed", every_order_is_obeyed, pair("order")),
    Defect("a backup keeps no journal", backup_keeps_no_journal, pair("kill", "both")),
]


TRIES = Options(workload="tries", faults=("kill", "power"))


def _answers(had_committed: bool) -> Patch:
    def ask(self: Tries, *args: Any) -> Script[bool]:
        yield from ()
        return had_committed

    return lambda patch: patch.setattr(Tries, "_ask", ask)


SINGLE = [
    Defect("the gate opens early", gate_open_early, Options(faults=("kill", "power"))),
    Defect("a sync is skipped", sync_skipped, Options(faults=("power", "cut", "reset"))),
    Defect("replay is off by one", replay_off_by_one, Options(faults=("reset", "cut", "stall"))),
    Defect("an acknowledgement is applied twice", acknowledged_twice),
    Defect("a torn record is accepted", torn_record_accepted, Options(faults=("power", "kill"))),
    Defect("a refused command is not counted", refused_not_counted, Options(faults=("reset", "cut", "stall"))),
    Defect("a confirmation overtakes an exception", confirmed_before_refused),
    Defect("a doubled write is executed", doubled_write_executed, Options(faults=("reset", "cut"), workload="send")),
    Defect("a try of which nobody knows runs again", _answers(False), TRIES),
    Defect("a try of which nobody knows counts", _answers(True), TRIES),
]
