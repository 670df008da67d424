"""
A primary at work: inputs are numbered, handed to the backup, executed, and what they show waits in the gate.

Towards its backup it goes through the stages of `Waits`. The order of the critical moment is the point of it: first the gate
waits for the joiner; when that has acknowledged all inputs up to there, "in step" is written; when that is on disk, the backup
is told; when it has acknowledged that, and its door is open, clients are told.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Self

from corewire_server.core.effects import Append, Log
from corewire_server.core.inputs import Announced, BytesReceived, RoomChanged, Timeout, decode, encode
from corewire_server.ha.roles import Waits
from corewire_server.node.company import Company
from corewire_server.node.desk import room_log, sooner
from corewire_server.node.kit import DIGEST_STEPS, GRACE_MS, STOOD_STILL_MS
from corewire_server.node.orders import Door
from corewire_server.node.settings import GateMode
from corewire_server.records import Mark, Standing
from corewire_server.replication.link import Ack, HandOver, HeartBeat, LinkProtocolError, SnapshotBegin, Told
from corewire_server.replication.primary import BEHIND_BYTES_MAX, JOINING_BYTES_MAX, Feed

if TYPE_CHECKING:
    from corewire_server.core.inputs import Input
    from corewire_server.journal.recovery import Recovered
    from corewire_server.node.cores import Core
    from corewire_server.node.following import Following
    from corewire_server.node.kit import Kit
    from corewire_server.node.orders import Order
    from corewire_server.replication.link import Claim, Frame

INPUT_BYTES_MAX: Final = 1 << 18  # more at once is cut, so that it fits into a frame of the link
HAND_OVER_MS: Final = 5000  # for the last answers to leave
OWN_INPUTS: Final = 100  # executed at once when the node has one of its own
LAG_INPUTS_MAX: Final = 1000  # a joiner that is further behind in executing is not in step yet


class Serving:
    """The part of a node that serves. ``last``: the number of the last input; ``ahead``: time of inputs minus the node's clock."""

    def __init__(self, kit: Kit, core: Core, *, epoch: int, last: int, ahead: int) -> None:
        self._kit = kit
        kit.keeper.follows = False
        self.core = core
        self.epoch = epoch
        self.feed = Feed(last)
        self.executed = last
        self._core_due = core.next_timeout()
        self.ahead = ahead
        self.waits = Waits.ALONE
        self.place = 0
        self.peer: Claim | None = None  # of the joiner or backup
        self.link: int | None = None
        self.heard = 0  # when the backup's last frame came
        self.answered_by = b""  # incarnation that answered our last dial
        self.shared = last  # the last input that another node is known to have
        self.fell_out = 0
        self.input_at: int | None = None
        self._pending: deque[tuple[int, int, Input]] = deque()
        self._company = Company()
        self._inherited = last  # inputs up to this are of the primary before: what they show is for links that are gone
        self._stamp = 0  # the newest one of the backup
        self._beat_at = 0
        self._critical_since = 0
        self._critical_input = 0
        self._told = False  # on this link
        self._left = False  # the backup gave its place up by itself, in good order
        self._opening = False  # "alone" is on its way to the disk; the gate opens behind it
        self.heir = False  # by a hand-over: the gate opens when the primary of before has joined, or long enough after
        self._heir_since = 0
        self._announces = False  # clients are told that there is no backup, when the gate opens
        self._withheld: deque[Input] | None = None  # inputs that are not numbered while this node hands over
        self._over = False  # stopped in order: it only keeps its backup sure of its place
        self._hands_over_since = 0
        self._said_at: int | None = None  # when the backup was told to serve
        self._behind_since = 0
        self._ticked = 0
        self._full: bool | None = None  # None: the core may have the word of another node's disk
        self._digests: deque[tuple[int, bytes]] = deque()
        self._their_digest = (0, b"")

    @classmethod
    def from_disk(cls, recovered: Recovered, kit: Kit, *, epoch: int, now: int) -> Self:
        """Go on from what the disk holds."""
        core = kit.cores.make(kit.keeper.seed)
        core.recover(recovered.records)
        serving = cls(kit, core, epoch=epoch, last=recovered.step, ahead=max(0, recovered.now - now))
        serving._full = False
        return serving

    @classmethod
    def in_place_of(cls, following: Following, kit: Kit, *, epoch: int, now: int, heir: bool) -> Self:
        """
        Go on where the primary ended: what it had numbered and this node has not executed yet comes first. ``heir``: it has
        handed over, and is there.
        """
        core, intake = following.core, following.intake
        assert core is not None
        assert intake is not None
        serving = cls(kit, core, epoch=epoch, last=intake.executed, ahead=following.ahead)
        feed = serving.feed
        while len(intake):
            time, item = decode(intake.next())
            serving._pending.append((feed.add(None), time, item))
        serving.shared = serving._inherited = feed.acknowledged = feed.last
        if heir:
            serving.heir = serving._opening = True
            serving._heir_since = now
            kit.gate.acknowledged(feed.last)
            kit.gate.wait_for(GateMode.DISK_AND_BACKUP)
        return serving

    # -- inputs

    @property
    def pending(self) -> bool:
        """Whether inputs wait to be executed."""
        return bool(self._pending) or self.feed.hungry

    @property
    def congested(self) -> bool:
        """Whether disk or backup are too far behind."""
        limit = BEHIND_BYTES_MAX if self.waits else JOINING_BYTES_MAX
        if self._withheld is not None:
            return True
        return self._kit.keeper.congested or self.feed.kept_bytes > limit

    @property
    def last_input(self) -> int:
        """The last one that was numbered."""
        return self.feed.last

    @property
    def dialled(self) -> bool:
        """Whether the node at the other end of the link was reached by a dial of ours, too: rule (f)."""
        return self.link is not None and self.peer is not None and self.answered_by == self.peer.incarnation

    def lag_ms(self, now: int) -> int:
        """How long the backup has lacked something."""
        return now - self._behind_since if self.feed.keeping and self.feed.behind else 0

    def time(self, now: int) -> int:
        """The time of an input that comes now."""
        return now + self.ahead

    def offer(self, now: int, item: Input) -> None:
        """Number one input."""
        if self._over:
            return
        if self._withheld is not None:
            self._withheld.append(item)
        elif isinstance(item, BytesReceived) and len(item.data) > INPUT_BYTES_MAX:
            for at in range(0, len(item.data), INPUT_BYTES_MAX):
                self._number(now, BytesReceived(item.link, item.data[at : at + INPUT_BYTES_MAX]))
        else:
            self._number(now, item)

    def _number(self, now: int, item: Input) -> None:
        time, feed = now + self.ahead, self.feed
        if feed.keeping and feed.acknowledged == feed.last:
            self._behind_since = now
        number = feed.add(encode(time, item) if feed.keeping else None)
        self._pending.append((number, time, item))
        self._company.add(now, item)
        self.input_at = now

    def hand_on(self) -> None:
        """Send the backup what it may get, unless all of it may wait for company."""
        if self.waits is not Waits.TOLD or not self._company.waits(self.feed.unsent_bytes):
            self.flush()

    def flush(self) -> None:
        """Send the backup what it may get."""
        self._company.clear()
        if self.link is not None:
            self._kit.send(self.link, *self.feed.take())

    def run(self, now: int, limit: int) -> None:
        """Execute at most ``limit`` inputs."""
        kit, pending, shown = self._kit, self._pending, 0
        if self.feed.hungry:
            self.flush()
        while pending and limit > 0:
            limit -= 1
            number, time, item = pending.popleft()
            visible: list[Order] = []
            for effect in self.core.step(time, item):
                if isinstance(effect, Append):
                    kit.keeper.append(number, effect.records, time, now)
                elif isinstance(effect, Log):
                    kit.out.append(effect)
                else:
                    visible.append(effect)
            self.executed = number
            self._company.learn(item, showed=bool(visible))
            if visible:
                shown = number
            if number > self._inherited:
                kit.out += kit.gate.hold(number, visible)
            if number % DIGEST_STEPS == 0 and self.feed.keeping:
                self._digests.append((number, self.core.effects_digest))
                self._compare(now)
        if shown > self.feed.sent:  # it waited for company, and was not as quiet as the one before
            self.flush()
        self._core_due = self.core.next_timeout()
        kit.keeper.pledge(self.core.pledged_bytes)
        kit.next_job(now)

    def step(self, now: int, item: Input) -> None:
        """Number, hand on and execute one input."""
        self.offer(now, item)
        self.flush()
        self.run(now, 1 << 30)

    def act(self, now: int, item: Input) -> None:
        """Number an input of the node itself. It is executed soon: what waits before it may be much."""
        self.offer(now, item)
        self.flush()
        self.run(now, OWN_INPUTS)

    def end(self) -> int:
        """Take and execute nothing any more, nor what the core wants to do by itself. Returns the last input that was executed."""
        self.flush()
        self._over = True
        self._pending.clear()
        return self.executed

    def inherits(self, now: int) -> None:
        """The primary of before is known not to go on: until then this node, if it died, must not serve without asking it."""
        if self.heir:
            self.heir = False
            self._kit.keeper.mark(self.executed, Mark(Standing.ALONE, self.epoch, 0), self.time(now))
            self._kit.next_job(now)
            self.settle(now)

    # -- the backup

    def take_in(self, now: int, link: int, peer: Claim) -> None:
        """A node joins on this connection."""
        self.end_link()
        self.inherits(now)
        self.run(now, 1 << 30)  # the snapshot is of the last input, and nothing is said to the joiner before it
        self.link, self.peer, self.heard = link, peer, now
        self._stamp = self._beat_at = 0
        self._told = False
        self._digests.clear()
        self.feed.begin(self.core.snapshot(), self.core.effects_digest)
        self._kit.log("info", f"epoch {self.epoch}: {peer.link_address or 'a node'} joins at input {self.feed.last}")
        self._kit.send(link, SnapshotBegin(self.feed.last, self.epoch, self._kit.keeper.seed, self.time(now)))
        self.flush()
        self.tick(now)

    def resume(self, now: int, link: int, peer: Claim) -> None:
        """The backup is back on this connection."""
        self.end_link()
        self.feed.resume(peer.last_input)
        self.link, self.peer, self.heard = link, peer, now
        self._told = False
        self._acknowledged()
        self._kit.log("info", f"epoch {self.epoch}: the link goes on behind input {peer.last_input}")
        self.flush()
        if self._said_at is not None:
            self._kit.send(link, HandOver(self.feed.last))
        self._beat_at = 0
        self.tick(now)

    def end_link(self) -> None:
        """Close the link, if there is one."""
        if self.link is not None:
            self._kit.peers.close(self.link)
            self.link = None

    def on_frame(self, now: int, frame: Frame) -> None:
        """The backup says something. Raises LinkProtocolError for what it must not say."""
        if not isinstance(frame, Ack):
            raise LinkProtocolError(f"{type(frame).__name__} from a backup")
        self.heard = now
        self._stamp = max(self._stamp, frame.stamp)
        self.feed.take_slices(frame.slices)
        self.feed.acknowledge(frame.received)
        self.feed.executed = max(self.feed.executed, frame.executed)
        self._acknowledged()
        self._left = self.waits is Waits.TOLD and not frame.placed
        if frame.placed and frame.placed == self.place and self.waits is Waits.PLACED:
            self._set_waits(Waits.TOLD)
            assert self.peer is not None
            self._kit.log("info", f"epoch {self.epoch}: the backup is in step at input {frame.received}")
            self.act(now, Announced(self._kit.settings.client_address, self.peer.client_address))
        if frame.digest_step > self._their_digest[0]:
            self._their_digest = (frame.digest_step, frame.effects_digest)
            self._compare(now)
        self.flush()
        self.progress(now)

    def _acknowledged(self) -> None:
        if self.waits:
            self._kit.gate.acknowledged(self.feed.acknowledged)
            self._kit.release()
            self.shared = max(self.shared, self.feed.acknowledged)

    def _compare(self, now: int) -> None:
        """Whether the backup's core asked for the same."""
        step, theirs = self._their_digest
        while self._digests and self._digests[0][0] < step:
            self._digests.popleft()
        if self._digests and self._digests[0][0] == step:
            ours = self._digests.popleft()[1]
            if ours != theirs:
                text = f"input {step}: the backup's core did something else than ours; it has to join anew"
                self._kit.log("error", text)
                self.end_wait(now, "the backup differs")

    def progress(self, now: int) -> None:
        """Go on to the next stage if all that it asks for is there."""
        feed, keeper = self.feed, self._kit.keeper
        if self.waits is Waits.ALONE and self._caught_up():
            self._critical_since, self._critical_input = now, feed.last
            self._set_waits(Waits.CRITICAL)
        if self.waits is Waits.CRITICAL and feed.acknowledged >= self._critical_input:
            self.place += 1
            self._set_waits(Waits.PLACED)
            keeper.mark(self.executed, Mark(Standing.IN_STEP, self.epoch, self.place), self.time(now))
            self._kit.next_job(now)
        if self.waits is Waits.PLACED and keeper.settled and not self._told and self.link is not None:
            self._told = True
            self._kit.send(self.link, Told(self.place, self.epoch))

    def _caught_up(self) -> bool:
        """Whether the gate may begin to wait for the joiner."""
        feed = self.feed
        return (
            self.dialled
            and self._kit.keeper.settled
            and feed.snapshot_taken
            and feed.sent == feed.last
            and feed.last - feed.executed <= LAG_INPUTS_MAX
        )

    def _set_waits(self, waits: Waits) -> None:
        self.waits = waits
        mode = self._kit.settings.gate
        if waits is Waits.ALONE:
            mode = GateMode.DISK
        elif waits is not Waits.TOLD and mode is GateMode.BACKUP:
            mode = GateMode.DISK_AND_BACKUP
        self._kit.gate.acknowledged(self.feed.acknowledged)
        self._kit.gate.wait_for(mode)
        self._kit.release()

    def lose_link(self, now: int, reason: str) -> None:
        """The link has ended. A backup with a place is waited for."""
        self.end_link()
        if self.waits < Waits.PLACED:
            self.end_wait(now, reason)
        elif self._left:
            self._kit.log("info", f"epoch {self.epoch}: the backup stops, in good order")
        elif self._said_at is None:
            self._kit.log("warning", f"epoch {self.epoch}: {reason}: answers wait for the backup")

    def end_wait(self, now: int, reason: str) -> None:
        """The backup has no place any more, or never had one: it is not waited for once "alone" is on disk."""
        self.end_link()
        placed = self.waits >= Waits.PLACED
        joined, self.peer = self.peer is not None, None
        self.feed.drop()
        self._digests.clear()
        self._their_digest = (0, b"")
        self.answered_by = b""
        if not placed:
            if joined:
                self._kit.log("warning", f"epoch {self.epoch}: the join is given up: {reason}")
            self._set_waits(Waits.ALONE)
            return
        self._said_at = None
        left, self._left = self._left, False
        self.fell_out += not left
        self.waits = Waits.ALONE  # but the gate stays as it is until "alone" is on disk
        self._opening = self._announces = True
        level = "info" if left else "warning"
        self._kit.log(level, f"epoch {self.epoch}: goes on alone behind input {self.feed.acknowledged}: {reason}")
        self._kit.keeper.mark(self.executed, Mark(Standing.ALONE, self.epoch, 0), self.time(now))
        self._kit.next_job(now)
        self.settle(now)
        self._keep_service(now)

    def settle(self, now: int) -> None:
        """The disk has done something."""
        self._kit.release()
        if self._opening and self._kit.keeper.settled and not self.heir:
            self._opening = False
            self._set_waits(Waits.ALONE)
            if self._announces:
                self._announces = False
                self.act(now, Announced(self._kit.settings.client_address, None))
        self._room_changed(now)
        self.progress(now)

    def _room_changed(self, now: int) -> None:
        full = self._kit.keeper.full
        if full is self._full:
            return
        if full or self._full:
            self._kit.out.append(room_log(full=full))
        self._full = full
        self.act(now, RoomChanged(room=not full))

    # -- handing over

    def prepare_hand_over(self, now: int) -> None:
        """Take no more inputs: when all answers are out, the backup is told to serve."""
        if self._withheld is None:
            self._withheld = deque()
            self._hands_over_since = now
            self._kit.log("info", f"epoch {self.epoch}: hands over to the backup")
            self._kit.set_door(Door.CLOSED)

    def hand_over(self, now: int) -> bool:
        """Tell the backup to serve, if it is time. Returns whether that was done: then this node must not go on by itself."""
        if self._withheld is None or self._said_at is not None:
            return False
        if self.waits is not Waits.TOLD or now - self._hands_over_since >= HAND_OVER_MS:
            self._keep_service(now)
        elif self.link is not None and not self._pending and not self.feed.behind and self._kit.gate.empty:
            self._said_at = now
            self._kit.send(self.link, HandOver(self.feed.last))
            return True
        return False

    def may_go_on(self, now: int) -> bool:
        """Whether an heir that was told to serve cannot have shown anything yet, should it be gone now."""
        return self._said_at is not None and now - self._said_at < self._kit.settings.lease_ms

    def _keep_service(self, now: int) -> None:
        """Nothing comes of the hand-over: what was withheld is numbered now."""
        if self._withheld is None:
            return
        items, self._withheld = self._withheld, None
        for item in items:
            self.offer(now, item)
        self.flush()
        self._kit.log("warning", f"epoch {self.epoch}: nothing comes of the hand-over, this node goes on")
        self._kit.set_door(Door.SERVE)

    # -- time

    def next_timeout(self) -> int | None:
        """When ``tick`` wants to be called, on the node's own clock."""
        settings = self._kit.settings
        due = self._core_next()
        if self._withheld is not None and self._said_at is None:
            due = sooner(due, self._hands_over_since + HAND_OVER_MS)
        if self.link is not None:
            due = sooner(sooner(due, self._beat_at), self._company.until)
        if self.link is not None or (self.waits and self._said_at is None):
            due = sooner(due, self.heard + settings.silence_ms)
        if self.waits is Waits.CRITICAL:
            due = sooner(due, self._critical_since + settings.sync_timeout_ms)
        if self.heir:
            due = sooner(due, self._heir_since + settings.silence_ms)
        return due

    def _core_next(self) -> int | None:
        """When the core wants to do something by itself, and may, on the node's own clock."""
        if self._core_due is None or self._over or self.congested:  # it would judge links that are not read
            return None
        return self._core_due - self.ahead

    def tick(self, now: int) -> None:
        """Heart-beats, silence, and what the core wants to do by itself."""
        settings = self._kit.settings
        if now - self._ticked > STOOD_STILL_MS:  # first what lies in the buffers, then judge
            self.heard = max(self.heard, now - settings.silence_ms + GRACE_MS)
        self._ticked = now
        if self.link is not None and now >= self._beat_at:
            self._beat_at = now + settings.heartbeat_ms
            self._kit.send(self.link, HeartBeat(self.time(now), self._stamp))
        if self._company.until is not None and now >= self._company.until:
            self.flush()
        if now - self.heard >= settings.silence_ms:
            self._judge_silence(now)
        if self.waits is Waits.CRITICAL and now - self._critical_since >= settings.sync_timeout_ms:
            self.end_wait(now, f"it did not catch up in {settings.sync_timeout_ms} ms")
        if self.heir and now - self._heir_since >= settings.silence_ms:
            self.inherits(now)
        due = self._core_next()
        if due is not None and due <= now:
            self.act(now, Timeout())
        if self._full:  # what was pledged may have been given up
            self._room_changed(now)
        self.progress(now)

    def _judge_silence(self, now: int) -> None:
        reason = f"nothing was heard from the backup for {now - self.heard} ms"
        if self._said_at is None and (self.link is not None or self.waits):
            self.end_wait(now, reason)
        elif self.link is not None:
            self.lose_link(now, reason)
