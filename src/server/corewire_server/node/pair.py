"""
A node with a peer: who it is at the moment, and what follows from what the other says.

It has one of two parts: `Serving` while it is the primary, `Following` while it joins or is the backup; none while it waits.
The rules by which it changes are in ``ha/roles.py``, how it learns what they ask for in ``talks.py``. Here their outcome is
carried out, in the order that counts: "alone" is on disk before the gate opens, a folder says "joining" before it is touched.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from corewire_server.core.inputs import Announced, Promoted
from corewire_server.ha._states import Move, Role, advance
from corewire_server.ha.roles import Do, Waits
from corewire_server.journal.format import JournalDamaged
from corewire_server.node.desk import sooner
from corewire_server.node.following import Following
from corewire_server.node.gate import Gate
from corewire_server.node.keeping import Keeper
from corewire_server.node.kit import Kit
from corewire_server.node.operating import Wish, consider
from corewire_server.node.orders import Door, DropLinks, Halt
from corewire_server.node.peers import Peers
from corewire_server.node.serving import Serving
from corewire_server.node.settings import GateMode
from corewire_server.node.talks import Talks, described
from corewire_server.node.views import claim_of, report, view_of
from corewire_server.records import Mark, Standing
from corewire_server.replication.link import ID_BYTES, encode
from corewire_server.replication.link import Role as Spoken

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire_server.core.inputs import Input
    from corewire_server.ha.roles import View
    from corewire_server.journal.recovery import Recovered
    from corewire_server.journal.writer import JournalSettings
    from corewire_server.node.cores import Cores
    from corewire_server.node.orders import Order
    from corewire_server.node.settings import PairSettings
    from corewire_server.node.status import Status
    from corewire_server.replication.link import Claim, Command, Frame

STOP_MS: Final = 3000  # how long an orderly stop waits for the last answers to leave


class PairNode:
    """One node of a pair (``driven.py`` says how it is driven). Without ``journal`` nothing is kept on disk."""

    def __init__(
        self,
        settings: PairSettings,
        cores: Cores,
        recovered: Recovered,
        journal: JournalSettings | None,
        *,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._settings = settings
        self._recovered = recovered
        self._out: list[Order] = []
        incarnation, gate = entropy(ID_BYTES), Gate()
        keeper = self._keeper = Keeper(recovered, journal, gate, entropy)
        peers = self._peers = Peers(settings, incarnation, entropy, self._out)
        self._kit = Kit(settings, cores, gate, keeper, peers, self._out, incarnation)
        self._talks = Talks(self._kit, self)
        self.role = Role.WAITING
        self._epoch = 0 if recovered.mark is None else recovered.mark.epoch
        self._node_id = "" if recovered.mark is None else cores.make(keeper.seed).node_id
        self._serving: Serving | None = None
        self._following: Following | None = None
        self._part: Serving | Following | None = None  # one of the two
        self._seldom_due: int | None = None
        self.led = 0  # clients that the driver has led to the primary
        self._links = 0
        self._fell_out = 0  # in earlier services
        self._asks_until = 0  # record "alone": when it serves if no higher epoch has answered
        self._stops_at: int | None = None  # an orderly stop was asked for: when patience is over
        self._halted = False

    # -- what the driver asks

    @property
    def congested(self) -> bool:
        """Whether no client should be read."""
        return self._serving is not None and (self._serving.congested or self._stops_at is not None)

    @property
    def idle(self) -> bool:
        """Whether nothing is held back and nothing waits; after ``stop``: whether the node has ended."""
        if self._stops_at is not None and self.role is not Role.STOPPED:
            return False
        return self._kit.gate.empty and self._keeper.idle and not self.pending

    @property
    def pending(self) -> bool:
        """Whether inputs wait to be executed."""
        part = self._part
        return part is not None and part.pending and not self._halted and self.role is not Role.STOPPED

    @property
    def serving(self) -> bool:
        """Whether clients may be links of this node."""
        return self.role is Role.PRIMARY

    @property
    def epoch(self) -> int:
        """Of the service that this node gives or follows."""
        return self._epoch

    @property
    def node_id(self) -> str:
        """The UUID of this broker; "" while it is not known."""
        return self._node_id

    def new_link(self) -> int:
        """The number for a client that was accepted."""
        self._links += 1
        return self._epoch << 32 | self._links

    def next_timeout(self) -> int | None:
        """When ``wake`` wants to be called."""
        seldom = self._next_seldom() if self.link is None else self._seldom_due
        due = sooner(seldom, self._keeper.next_timeout())
        return due if self._part is None else sooner(due, self._part.next_timeout())

    def _next_seldom(self) -> int | None:
        """What of ``next_timeout`` changes in a tick only, while there is a link: so it is not asked for at each input."""
        due = self._talks.next_timeout()
        if self._asks_in_vain:
            due = sooner(due, self._asks_until)
        if self._stops_at is not None and self.role is not Role.STOPPED:
            due = sooner(due, self._stops_at)
        return due

    def status(self, now: int) -> Status:
        """How it stands."""
        fell_out = self._fell_out + (0 if self._serving is None else self._serving.fell_out)
        where, peer = self._kit.settings.peer_address, self._talks.peer
        told = report(now, where, self.role, self.claim(), self._part, peer, fell_out=fell_out, led=self.led)
        reason = self._talks.kept_out
        return replace(told, waits_for=f"{where} to be its peer: {reason}") if reason else told

    # -- inputs of clients

    def step(self, now: int, item: Input) -> list[Order]:
        """Number, hand on and execute one input."""
        if self._serving is not None:
            self._serving.step(now, item)
        return self._done()

    def offer(self, now: int, item: Input) -> None:
        """Number one input; it waits."""
        if self._serving is not None:
            self._serving.offer(now, item)

    def flush(self) -> list[Order]:
        """Hand on what was offered, unless it may wait for company."""
        if self._serving is not None:
            self._serving.hand_on()
        return self._done()

    def run(self, now: int, limit: int = 1 << 30) -> list[Order]:
        """Execute at most ``limit`` of the inputs that wait."""
        part = self._part
        if part is not None and self.role is not Role.STOPPED:
            part.run(now, limit)
            if self._serving is not None:
                self._go_on_ending(now, self._serving)
        return self._done()

    def _done(self) -> list[Order]:
        orders = self._out.copy()
        self._out.clear()
        return orders

    # -- start, time, disk, end

    def begin(self, now: int) -> list[Order]:
        """Start: ask the other node, unless the operator says that there is nothing to ask."""
        for text in self._recovered.warnings:
            self._kit.log("warning", text)
        self._keeper.tidy()
        self._asks_until = now + self._settings.start_wait_ms
        self._talks.begin_anew(now)
        self._kit.log("info", f"starts with {described(self.claim())}")
        if self._record is None and self._settings.new:
            self._serve(now, "the operator says that the folder is new")
        else:
            self._kit.set_door(Door.CLOSED)
        return self._tick(now)

    def wake(self, now: int) -> list[Order]:
        """The time that ``next_timeout`` named has come."""
        return self._tick(now)

    def disk_done(self, now: int, ticket: int, data: bytes = b"") -> list[Order]:
        """All of a DiskJob was done."""
        if self._halted:
            return []
        try:
            self._keeper.done(ticket, data)
        except JournalDamaged as damage:
            return self._halt(f"the journal is damaged: {damage}")
        return self._disk_answered(now)

    def disk_full(self, now: int, ticket: int) -> list[Order]:
        """The Fill of a DiskJob found no room."""
        if self._halted:
            return []
        self._keeper.no_room(ticket, now)
        return self._disk_answered(now)

    def _disk_answered(self, now: int) -> list[Order]:
        if self._serving is not None:
            self._serving.settle(now)
        elif self._following is not None:
            self._following.settle(now)
        if self._keeper.settled:
            self._talks.settled(now)
        self._out += self._keeper.next_job(now)
        return self._tick(now)

    def disk_failed(self, now: int, reason: str) -> list[Order]:
        """A DiskJob failed: nothing that waits for it was shown to anybody, and nothing more will be."""
        return self._halt(f"the disk failed: {reason}")

    def _halt(self, reason: str) -> list[Order]:
        if self._halted:
            return []
        self._halted = True
        self._out.clear()
        self.role = advance(self.role, Move.STOP)
        return [Halt(reason)]

    def stop(self, now: int) -> list[Order]:
        """Stop in order."""
        if self._stops_at is None:
            self._stops_at = now + STOP_MS
            if self._serving is None:
                self._end(now)
        return self._tick(now)

    def _end(self, now: int) -> None:
        """Claim nothing any more: the gate stays shut, a place is given up. Written down as the orderly end."""
        self.role = advance(self.role, Move.STOP)
        self._kit.gate.drop()
        if self._following is not None:
            self._following.leave(now)
        last = self._recovered.step
        if self._serving is not None:
            last = self._serving.end()
        elif self._following is not None and self._following.intake is not None:
            last = self._following.intake.executed
        self._keeper.end(last, now if self._part is None else self._part.time(now))
        self._kit.log("info", f"has stopped in epoch {self._epoch} at input {last}")

    def _tick(self, now: int) -> list[Order]:
        if self._part is not None:
            self._part.tick(now)
            if self._serving is not None:
                self._go_on_ending(now, self._serving)
            elif self._following is not None and self._following.overflows and self.role is not Role.STOPPED:
                self._join(now, "its disk is full")
        elif self._asks_in_vain and now >= self._asks_until:
            self._serve(now, "nobody with a higher epoch has answered")
        self._seldom_due = self._next_seldom()
        if self._seldom_due is not None and now >= self._seldom_due:
            self._talks.tick(now)
            self._seldom_due = self._next_seldom()
        self._kit.next_job(now)
        return self._done()

    def _go_on_ending(self, now: int, serving: Serving) -> None:
        """A hand-over or an orderly stop waits until the last answer has left."""
        if self._stops_at is not None and self.role is not Role.STOPPED:
            if (not serving.pending and self._kit.gate.empty) or now >= self._stops_at:
                self._end(now)
        elif self.role is Role.PRIMARY and serving.hand_over(now):
            self.role = advance(self.role, Move.HAND_OVER)

    # -- what it knows

    @property
    def _record(self) -> Standing | None:
        mark = self._keeper.mark_wanted
        return None if mark is None else mark.standing

    @property
    def _asks_in_vain(self) -> bool:
        """Whether the record lets it serve if nobody with a higher epoch answers."""
        return self.role is Role.WAITING and self._record is Standing.ALONE and not self._talks.warned

    @property
    def link(self) -> int | None:
        """The connection that is the replication link."""
        return None if self._part is None else self._part.link

    @property
    def alone(self) -> bool:
        """Whether it serves and nobody follows."""
        serving = self._serving
        return serving is not None and serving.link is None and serving.waits is Waits.ALONE and not serving.heir

    @property
    def wants_to_dial(self) -> bool:
        """Whether an answer of the other node is wanted. Who claims something says it when it is on disk, not before."""
        if self.role is Role.STOPPED:
            return False
        if self._serving is not None:
            return not self._serving.dialled and self._keeper.settled
        return self.link is None and (self.role is Role.BACKUP or self._keeper.settled)

    def claim(self) -> Claim:
        """What it says of itself."""
        last = self._recovered.step
        return claim_of(self._kit, self.role, self._epoch, self._node_id, self._part, last_on_disk=last)

    def view(self, now: int) -> View:
        """What it knows when it decides."""
        return view_of(now, self._kit, self.role, self.claim(), self._part, warned=self._talks.warned)

    # -- the replication link

    def proven(self, conn: int) -> bool:
        """Whether a connection has shown who it is."""
        return self._peers.proven(conn)

    def peer_accepted(self, now: int, conn: int, loopback: bool) -> list[Order]:
        """Somebody connected to the replication link."""
        self._peers.accepted(now, conn, loopback=loopback)
        return self._tick(now)

    def peer_connected(self, now: int, conn: int, loopback: bool) -> list[Order]:
        """A DialPeer succeeded; ``loopback``: it did not leave this machine."""
        self._talks.connected(now, conn, loopback=loopback)
        return self._tick(now)

    def peer_refused(self, now: int, conn: int) -> list[Order]:
        """A DialPeer was refused."""
        self._talks.refused(now, conn)
        return self._tick(now)

    def peer_failed(self, now: int, conn: int) -> list[Order]:
        """A DialPeer failed in any other way."""
        self._talks.failed(conn)
        return self._tick(now)

    def peer_data(self, now: int, conn: int, data: bytes) -> list[Order]:
        """Bytes of a connection."""
        self._talks.read(now, conn, data)
        return self._tick(now)

    def peer_closed(self, now: int, conn: int) -> list[Order]:
        """The other side ended a connection, or it broke."""
        self._talks.closed(now, conn)
        return self._tick(now)

    def on_frame(self, now: int, frame: Frame) -> None:
        """A frame of the link."""
        if self._serving is not None:
            self._serving.on_frame(now, frame)
        elif self._following is not None:
            following, place = self._following, self._following.place
            following.on_frame(now, frame)
            if following.place != place:
                self.role = advance(self.role, Move.TOLD)
            if following.handed_over:
                self._serve(now, "the primary hands over", heir=True)

    def link_lost(self, now: int, *, by_peer: bool) -> None:
        """The link has ended."""
        if self._serving is not None:
            self._serving.lose_link(now, "the link to the backup has ended")
        elif self._following is not None:
            self._kit.log("warning", f"epoch {self._epoch}: the link to the primary has ended")
            self._following.lose_link(ended=by_peer)

    def resume_from(self, do: Do, claim: Claim) -> int | None:
        """The first input that a node which dialled will be sent; None: it lacks what is gone."""
        assert self._serving is not None
        feed = self._serving.feed
        if do is Do.TAKE_IN:
            return feed.last + 1
        return claim.last_input + 1 if feed.can_resume(claim.last_input) else None

    def link_up(self, now: int, conn: int, do: Do, claim: Claim) -> None:
        """A connection is the link now."""
        part = self._part
        assert part is not None
        if self._following is not None:
            self._epoch, self._node_id = claim.epoch, claim.node_id
        begin = part.resume if do is Do.RESUME else part.take_in
        begin(now, conn, claim)

    def evidence(self, now: int, claim: Claim | None) -> None:
        """Our dial has an outcome, and what followed from it is done."""
        serving = self._serving
        if serving is None:
            return
        if claim is None or claim.role is Spoken.JOINING:
            serving.inherits(now)
        if claim is not None:
            serving.answered_by = claim.incarnation
            serving.progress(now)

    # -- changes of role

    def carry_out(self, now: int, do: Do, reason: str) -> None:
        """Change the role, or what is waited for."""
        match do:
            case Do.SERVE:
                self._serve(now, reason)
            case Do.JOIN:
                self._join(now, reason)
            case Do.GO_ALONE | Do.GIVE_UP_JOIN:
                assert self._serving is not None
                self._talks.begin_anew(now)
                if self.role is Role.HANDING_OVER:  # serving begins anew: the heir may have written its epoch down
                    self.role = advance(self.role, Move.GO_ON)
                    self._serving.epoch = self._epoch = self._next_epoch()
                self._serving.end_wait(now, reason)
            case _:
                pass

    def _serve(self, now: int, reason: str, *, heir: bool = False) -> None:
        """Begin to serve, in a new epoch. ``heir``: by a hand-over."""
        urgent = self.role is Role.BACKUP and not heir
        self.role = advance(self.role, Move.SERVE)
        self._talks.begin_anew(now)
        self._epoch = self._next_epoch()
        self._links = 0
        self._kit.log("warning" if urgent else "info", f"serves in epoch {self._epoch}: {reason}")
        mark = Mark(Standing.IN_STEP if heir else Standing.ALONE, self._epoch, 0)
        following, self._following, self._part = self._following, None, None
        if following is not None:
            following.lose_link(ended=False)
            serving = Serving.in_place_of(following, self._kit, epoch=self._epoch, now=now, heir=heir)
            self._keeper.mark(serving.executed, mark, serving.time(now))
            serving.offer(now, Promoted(self._epoch))
        else:
            serving = Serving.from_disk(self._recovered, self._kit, epoch=self._epoch, now=now)
            self._keeper.begin(serving.time(now), serving.executed, mark, roll_back=True)
        self._serving = self._part = serving
        self._node_id = serving.core.node_id
        self._kit.set_door(Door.SERVE)
        serving.act(now, Announced(self._settings.client_address, None))
        serving.settle(now)

    def _next_epoch(self) -> int:
        epoch = max(self._epoch, self._talks.epoch_heard) + 1
        return epoch if (epoch % 2 == 0) is self._settings.configured_primary else epoch + 1

    def _join(self, now: int, reason: str) -> None:
        """Give our data up for the other node's."""
        record, part = self._record, self._part
        last = self._recovered.step if part is None else part.executed
        time = now if part is None else part.time(now)
        if self._serving is not None:
            self._stop_serving(self._serving, reason)
            self._serving = None
        if self._following is not None:
            self._following.lose_link(ended=False)
        self.role = advance(self.role, Move.JOIN)
        self._talks.begin_anew(now)
        self._kit.gate.drop()
        self._kit.set_door(Door.CLOSED)
        aside = f"; what it had up to input {last} of epoch {self._epoch} is set aside"
        self._kit.log("info", f"joins: {reason}{aside if part is None and record is Standing.ALONE else ''}")
        unique = record is Standing.ALONE or self._settings.gate is GateMode.DISK  # it may have shown what no other has
        self._following = self._part = Following(self._kit, self._epoch, keep_data=unique)
        mark = Mark(Standing.JOINING, self._epoch, 0)
        if self._keeper.began:
            self._keeper.mark(last, mark, time)
        elif record in (Standing.ALONE, Standing.IN_STEP):
            self._keeper.begin(time, last, mark, roll_back=False)

    def _stop_serving(self, serving: Serving, reason: str) -> None:
        """Another node serves in a higher epoch: not another byte to clients, who find it."""
        own = serving.feed.last - serving.shared
        what = f"{own} inputs are only here, and are set aside" if own else "it has all inputs of this one"
        self._kit.log("error" if own else "info", f"stops serving in epoch {self._epoch}: {reason}; {what}")
        self._fell_out += serving.fell_out
        serving.end_link()
        self._out.append(DropLinks())

    # -- people

    def command(self, now: int, conn: int, command: Command) -> None:
        """An operator's: answered first, then done."""
        wish, answer = consider(command, self.status(now))
        self._peers.send(conn, encode(answer))
        self._peers.close(conn)
        if wish is Wish.FAILOVER:
            self._serve(now, "an operator orders it")
        elif wish is Wish.SWITCH and self._serving is not None:
            self._serving.prepare_hand_over(now)
