"""
A node that follows a primary: it joins with a snapshot, then executes the same inputs, and throws away what is for clients.

It acknowledges on receipt. Its journal is made from its own core: first the records of what the snapshot held, behind them
those of each input. Only when all of the former are on disk it says that it has executed anything, so it is not told that it
is in step before: else a pair that was in step could have all its data on one disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corewire_server.core.effects import Append
from corewire_server.core.inputs import decode
from corewire_server.node.desk import sooner
from corewire_server.node.kit import DIGEST_STEPS, GRACE_MS, STOOD_STILL_MS
from corewire_server.node.orders import Door
from corewire_server.records import Mark, Standing
from corewire_server.replication.backup import Intake
from corewire_server.replication.link import (
    Ack,
    HandOver,
    HeartBeat,
    Inputs,
    LinkProtocolError,
    SnapshotBegin,
    SnapshotEnd,
    SnapshotSlice,
    Told,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corewire_server.node.cores import Core, Restorer
    from corewire_server.node.kit import Kit
    from corewire_server.records import Record
    from corewire_server.replication.link import Claim, Frame

RECORDS_AT_ONCE: Final = 200  # of the snapshot, handed to the journal in place of one input
BACKLOG_BYTES_MAX: Final = 4 << 20  # records that wait for a full disk: beyond it a backup gives its place up
DOOR_GRACE_MS: Final = 2000  # behind the end of the lease, before clients are sent to find the other node


class Following:
    """The part of a node that joins or is the backup."""

    def __init__(self, kit: Kit, epoch: int, *, keep_data: bool) -> None:
        self._kit = kit
        kit.keeper.follows = True
        self.epoch = epoch
        self.place = 0  # 0: none, and it must not serve
        self.core: Core | None = None
        self.intake: Intake | None = None
        self.peer: Claim | None = None  # the primary
        self.link: int | None = None
        self.ended = False  # the last link was ended by the other side
        self.handed_over = False  # the primary says: serve
        self.ahead = -(1 << 62)  # time of inputs minus the node's clock: the newest that came, and what passed since
        self.input_at: int | None = None
        self._keep_data = keep_data  # of the data that it gives up for the primary's
        self._aside = ""
        self._restorer: Restorer | None = None
        self._records: Iterator[Record] | None = None  # of the snapshot, for the journal
        self._seed = b""
        self._slices = 0
        self._snapshot_step = 0
        self._kept = False  # the snapshot is on our disk
        self._echo: int | None = None  # the newest of our stamps that came back
        self._heard = 0
        self._beat_at = 0
        self._ticked = 0
        self._digest = (0, b"")

    # -- what the node asks

    @property
    def pending(self) -> bool:
        """Whether something is to be executed, and the disk is not too far behind."""
        if self._kit.keeper.congested:
            return False
        intake = self.intake
        return self._records is not None or (
            self.core is not None and intake is not None and intake.executed < intake.received
        )

    def lease_age(self, now: int) -> int | None:
        """Milliseconds since the newest stamp that came back was sent; None: none came back."""
        return None if self._echo is None else now - self._echo

    def leased(self, now: int) -> bool:
        """Rule (a)."""
        return self.place > 0 and self._echo is not None and now - self._echo < self._kit.settings.lease_ms

    @property
    def last_input(self) -> int:
        """The last one that was received."""
        return 0 if self.intake is None else self.intake.received

    @property
    def executed(self) -> int:
        """The last one that was executed."""
        return 0 if self.intake is None else self.intake.executed

    @property
    def overflows(self) -> bool:
        """Whether the disk is full, and too much waits for room. Who has no core yet has nothing to give up."""
        return self.core is not None and self._kit.keeper.full and self._kit.keeper.backlog_bytes > BACKLOG_BYTES_MAX

    def time(self, now: int) -> int:
        """The time of inputs by now, as far as it is known."""
        return now if self.ahead < -now else now + self.ahead

    # -- the link

    def take_in(self, now: int, link: int, peer: Claim) -> None:
        """The primary lets us join on this connection."""
        self.link, self.peer, self.epoch = link, peer, peer.epoch
        self.ended = False
        self._heard, self._beat_at = now, now
        self._restorer = self._records = None
        self.intake, self.core = None, None
        self._slices, self._kept = 0, False
        self._digest = (0, b"")  # of inputs of another service

    def resume(self, now: int, link: int, peer: Claim) -> None:
        """The link goes on, on this connection."""
        self.link, self.peer = link, peer
        self.ended = False
        self._heard = self._beat_at = now
        self.tick(now)

    def lose_link(self, *, ended: bool) -> None:
        """The link is over. ``ended``: by the other side, or the network, not by our own time-out."""
        if self.link is not None:
            self._kit.peers.close(self.link)
            self.link = None
        self.ended = ended

    def leave(self, now: int) -> None:
        """Give the place up, for good, and say so: the primary need not wonder."""
        if self.place:
            self.place = 0
            self._acknowledge(now)
        self.lose_link(ended=False)

    def on_frame(self, now: int, frame: Frame) -> None:
        """The primary says something. Raises LinkProtocolError for what it must not say now."""
        self._heard = now
        match frame:
            case Inputs():
                self._running().take(frame)
                self.input_at = self._beat_at = now  # one acknowledgement for all of a read, by the tick behind it
            case HeartBeat(time, echo):
                self.ahead = max(self.ahead, time - now)
                if echo:
                    self._renew(now, echo)
            case SnapshotBegin():
                self._begin(now, frame)
            case SnapshotSlice(data):
                self._load(now, data)
            case SnapshotEnd(digest):
                self._finish(now, digest)
            case Told(place, epoch):
                self._be_told(now, place, epoch)
            case HandOver(step):
                if not self.place or step != self.last_input:
                    raise LinkProtocolError(f"told to take over at input {step}")
                self.handed_over = True
            case _:
                raise LinkProtocolError(f"{type(frame).__name__} from a primary")

    def _running(self) -> Intake:
        if self.intake is None:
            raise LinkProtocolError("inputs without a snapshot")
        return self.intake

    def _renew(self, now: int, echo: int) -> None:
        if echo > now:
            raise LinkProtocolError("the echo of a stamp that was never sent")
        if self._echo is None or echo > self._echo:
            self._echo = echo
        self.watch_door(now)

    # -- joining

    def _begin(self, now: int, frame: SnapshotBegin) -> None:
        if self.place or self._restorer is not None or self.core is not None or frame.epoch != self.epoch:
            raise LinkProtocolError(f"a snapshot of epoch {frame.epoch} that was not asked for")
        self._restorer = self._kit.cores.restorer(frame.seed)
        self._seed = frame.seed
        self.intake = Intake(frame.step)
        self._snapshot_step = frame.step
        self.ahead = frame.time - now

    def _load(self, now: int, data: bytes) -> None:
        if self._restorer is None:
            raise LinkProtocolError("a slice without a snapshot")
        try:
            self._restorer.feed(data)
        except ValueError as problem:
            raise LinkProtocolError(str(problem)) from problem
        self._slices += 1
        self._acknowledge(now)

    def _finish(self, now: int, digest: bytes) -> None:
        if self._restorer is None or self.intake is None:
            raise LinkProtocolError("the end of no snapshot")
        try:
            self.core = self._restorer.finish()
        except ValueError as problem:
            raise LinkProtocolError(str(problem)) from problem
        self._restorer = None
        if self.core.effects_digest != digest:
            raise LinkProtocolError("the snapshot is not what was sent")
        keeper = self._kit.keeper
        aside = drop = ""
        if keeper.mark_wanted is not None:
            aside = keeper.name_aside(now)
            if self._aside:  # of a join that broke: it was the primary's data, in part
                drop = aside
            else:
                self._aside = aside
        mark = Mark(Standing.JOINING, self.epoch, 0)
        keeper.begin_anew(now + self.ahead, self.intake.executed, mark, self._seed, aside)
        if drop:
            keeper.drop_aside(drop)
        self._records = self.core.records()
        self._kit.next_job(now)

    def _be_told(self, now: int, place: int, epoch: int) -> None:
        if epoch != self.epoch or self.core is None or self._records is not None or not place:
            raise LinkProtocolError(f"told to have place {place} in epoch {epoch}")
        if self.place != place:
            self.place = place
            step = self._running().executed
            self._kit.keeper.mark(step, Mark(Standing.IN_STEP, epoch, place), now + self.ahead)
            self._kit.next_job(now)
            self._kit.log("info", f"epoch {epoch}: in step with the primary, place {place}")
            if self._aside and not self._keep_data:
                self._kit.keeper.drop_aside(self._aside)
                self._kit.next_job(now)
        self._open_door()
        self._acknowledge(now)

    # -- executing

    def run(self, now: int, limit: int) -> None:
        """Execute at most ``limit`` inputs, or hand as much to the journal."""
        kit, core, intake = self._kit, self.core, self.intake
        if core is None or intake is None or kit.keeper.congested:
            return
        while self._records is not None and limit > 0:
            limit -= 1
            self._keep_records(now, intake)
        while intake.executed < intake.received and limit > 0:
            limit -= 1
            time, item = decode(intake.next())
            for effect in core.step(time, item):
                if isinstance(effect, Append):
                    kit.keeper.append(intake.executed, effect.records, time, now)
            self.ahead = max(self.ahead, time - now)
            if intake.executed % DIGEST_STEPS == 0:
                self._digest = (intake.executed, core.effects_digest)
                self._acknowledge(now)
        kit.next_job(now)

    def _keep_records(self, now: int, intake: Intake) -> None:
        assert self._records is not None
        for _ in range(RECORDS_AT_ONCE):
            record = next(self._records, None)
            if record is None:
                self._records = None
                self._kit.next_job(now)
                self.settle(now)
                return
            self._kit.keeper.append(intake.executed, (record,), now + self.ahead, now)

    def settle(self, now: int) -> None:
        """The disk has done something."""
        if (
            self._records is None
            and self.core is not None
            and not self._kept
            and self._kit.keeper.has(self._snapshot_step)
        ):
            self._kept = True
            self._acknowledge(now)

    def _acknowledge(self, now: int) -> None:
        if self.link is None:
            return
        self._beat_at = now + self._kit.settings.heartbeat_ms
        intake = self.intake
        received = 0 if intake is None else intake.acknowledged
        executed = intake.executed if intake is not None and self._kept else 0
        self._kit.send(self.link, Ack(received, executed, now, self.place, self._slices, *self._digest))

    # -- time and the door

    def next_timeout(self) -> int | None:
        """When ``tick`` wants to be called."""
        kit, due = self._kit, None
        if self.link is not None:
            due = sooner(self._beat_at, self._heard + kit.settings.silence_ms)
        if self.place and self._echo is not None and kit.door is not None and kit.door.door is Door.LEAD:
            due = sooner(due, self._echo + kit.settings.lease_ms + DOOR_GRACE_MS)
        return due

    def tick(self, now: int) -> None:
        """Heart-beats, silence, and whether clients are still led."""
        if now - self._ticked > STOOD_STILL_MS:  # first what lies in the buffers, then judge
            self._heard = max(self._heard, now - self._kit.settings.silence_ms + GRACE_MS)
        self._ticked = now
        if self.link is not None and now - self._heard >= self._kit.settings.silence_ms:
            self._kit.log("warning", f"nothing was heard from the primary for {now - self._heard} ms")
            self.lose_link(ended=False)
        if self.link is not None and now >= self._beat_at:
            self._acknowledge(now)
        self.watch_door(now)

    def watch_door(self, now: int) -> None:
        """Clients are led while there is hope that this node or the primary can serve them."""
        if not self.place or self._echo is None:
            return
        if now - self._echo < self._kit.settings.lease_ms + DOOR_GRACE_MS:
            self._open_door()
        else:
            self._kit.set_door(Door.CLOSED)

    def _open_door(self) -> None:
        self._kit.set_door(Door.LEAD, "" if self.peer is None else self.peer.client_address)
