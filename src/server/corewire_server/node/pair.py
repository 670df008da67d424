"""
A node with a peer: who it is at the moment, what it says to the other, and what follows from that.

It has one of two parts: `Serving` while it is the primary, `Following` while it joins or is the backup, neither while it waits.
The rules by which it changes are in ``ha/roles.py``. This is where their outcome is carried out, and in which order: a claim is
settled and on disk before it is said, a door is open before a place counts, a link ends before the next dial begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corewire_server.core.inputs import Announced, Promoted
from corewire_server.ha import roles
from corewire_server.ha._states import Move, Role, advance
from corewire_server.ha.roles import Do, View, Waits
from corewire_server.journal.format import JournalDamaged
from corewire_server.node.following import Following
from corewire_server.node.gate import Gate
from corewire_server.node.keeping import Keeper
from corewire_server.node.kit import Kit
from corewire_server.node.operating import Wish, consider
from corewire_server.node.orders import Door, DropLinks, Halt
from corewire_server.node.peers import Peers
from corewire_server.node.serving import Serving
from corewire_server.node.status import PeerStatus, Status
from corewire_server.records import Mark, Standing
from corewire_server.replication.link import ID_BYTES, Answer, Claim, Command, Hello, LinkProtocolError, Word, encode
from corewire_server.replication.link import Role as Spoken

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire_server.core.inputs import Input
    from corewire_server.journal.recovery import Recovered
    from corewire_server.journal.writer import JournalSettings
    from corewire_server.node.cores import Cores
    from corewire_server.node.orders import Order
    from corewire_server.node.settings import PairSettings
    from corewire_server.replication.link import Frame

ALONE_DIAL_MS: Final = 1000  # how often a primary that is alone looks for another one


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
        incarnation = entropy(ID_BYTES)
        gate = Gate()
        keeper = Keeper(recovered, journal, gate, entropy)
        peers = Peers(settings, incarnation, entropy, self._out)
        self._kit = Kit(settings, cores, gate, keeper, peers, self._out, incarnation)
        self._keeper = keeper
        self._peers = peers
        self._cores = cores
        self.role = Role.WAITING
        self._epoch = 0 if recovered.mark is None else recovered.mark.epoch
        self._epoch_heard = 0  # the highest one that anybody claimed
        self._node_id = "" if recovered.mark is None else cores.make(keeper.seed).node_id
        self._links = 0
        self._serving: Serving | None = None
        self._following: Following | None = None
        self._peer: Claim | None = None  # what the other node said of itself last
        self._dial: int | None = None
        self._dial_at = 0  # when to dial next
        self._asks_until = 0  # record "alone": when it serves if no higher epoch has answered
        self._asked: dict[int, Claim] = {}  # hellos that are answered when our claim is on disk
        self._newest_hello = 0  # the connection it came on
        self._halted = False

    # -- what the driver asks

    @property
    def congested(self) -> bool:
        """Whether no client should be read."""
        return self._serving is not None and self._serving.congested

    @property
    def idle(self) -> bool:
        """Whether nothing is held back and nothing waits."""
        return self._kit.gate.empty and self._keeper.idle and not self.pending

    @property
    def pending(self) -> bool:
        """Whether inputs wait to be executed."""
        part = self._serving or self._following
        return part is not None and part.pending

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
        times = [self._peers.next_timeout(), self._keeper.next_timeout()]
        if self._dial is None and self._wants_to_dial():
            times.append(self._dial_at)
        if self.role is Role.WAITING and self._record is Standing.ALONE and not self._outranked():
            times.append(self._asks_until)
        part = self._serving or self._following
        if part is not None:
            times.append(part.next_timeout())
        return min((time for time in times if time is not None), default=None)

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
        """Hand on what was offered."""
        if self._serving is not None:
            self._serving.flush()
        return self._done()

    def run(self, now: int, limit: int = 1 << 30) -> list[Order]:
        """Execute at most ``limit`` of the inputs that wait."""
        part = self._serving or self._following
        if part is not None:
            part.run(now, limit)
        return self._done()

    def _done(self) -> list[Order]:
        orders = self._out.copy()
        self._out.clear()
        return orders

    # -- start, time, disk

    def begin(self, now: int) -> list[Order]:
        """Start: ask the other node, unless nothing can be asked."""
        for text in self._recovered.warnings:
            self._kit.log("warning", text)
        self._keeper.tidy()
        self._asks_until = now + self._settings.start_wait_ms
        self._dial_at = now
        record = (
            "an empty folder" if self._record is None else f"record {self._record.name.lower().replace('_', ' ')!r}"
        )
        self._kit.log("info", f"starts with {record}, epoch {self._epoch}, input {self._recovered.step}")
        if self._record is None and self._settings.new:
            self._serve(now, "the operator says that the folder is new")
        if self._serving is None:
            self._kit.set_door(Door.CLOSED)
        self._kit.next_job(now)
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
        self._disk_answered(now)
        return self._tick(now)

    def disk_full(self, now: int, ticket: int) -> list[Order]:
        """The Fill of a DiskJob found no room."""
        if self._halted:
            return []
        self._keeper.no_room(ticket, now)
        self._disk_answered(now)
        return self._tick(now)

    def _disk_answered(self, now: int) -> None:
        if self._serving is not None:
            self._serving.settle(now)
        self._kit.next_job(now)
        if self._keeper.settled and self._asked:
            asked, self._asked = self._asked, {}
            for conn, claim in asked.items():
                if self._peers.has(conn):
                    self._answer(now, conn, claim)

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

    def _tick(self, now: int) -> list[Order]:
        for conn in self._peers.expire(now):
            if conn == self._dial:
                self._dial = None
        part = self._serving or self._following
        if part is not None:
            part.tick(now)
        if (
            self.role is Role.WAITING
            and self._record is Standing.ALONE
            and now >= self._asks_until
            and not self._outranked()
        ):
            self._serve(now, "nobody with a higher epoch has answered")
        if self._dial is None and now >= self._dial_at and self._wants_to_dial():
            self._begin_dial(now)
        self._kit.next_job(now)
        return self._done()

    # -- what it knows

    @property
    def _record(self) -> Standing | None:
        mark = self._keeper.mark_wanted
        return None if mark is None else mark.standing

    @property
    def _last_input(self) -> int:
        if self._serving is not None:
            return self._serving.feed.last
        if self._following is not None:
            return self._following.last_input
        return self._recovered.step

    def _outranked(self) -> bool:
        """Whether somebody has a higher epoch than the record of this node."""
        return self._epoch_heard > self._epoch

    def _claim(self) -> Claim:
        part = self._serving or self._following
        mark = self._keeper.mark_on_disk
        place = part.place if part is not None else 0 if mark is None else mark.place
        return Claim(
            role=roles.SPOKEN[self.role],
            folder=self._keeper.folder,
            incarnation=self._kit.incarnation,
            node_id=self._node_id,
            epoch=self._epoch,
            standing=None if mark is None else mark.standing,
            place=place,
            last_input=self._last_input,
            machine=self._settings.machine,
            client_address=self._settings.client_address,
            link_address=self._settings.link_address,
        )

    def _view(self, now: int) -> View:
        first = self._settings.configured_primary
        peer: Claim | None = None
        if self._following is not None:
            following, peer = self._following, self._following.primary
            return View(
                role=self.role,
                claim=self._claim(),
                first=first,
                leased=following.leased(now),
                linked=following.link is not None,
                ended=following.ended,
                peer=b"" if peer is None else peer.incarnation,
                peer_folder=b"" if peer is None else peer.folder,
            )
        if self._serving is not None:
            serving, peer = self._serving, self._serving.peer
            return View(
                role=self.role,
                claim=self._claim(),
                first=first,
                linked=serving.link is not None,
                peer=b"" if peer is None else peer.incarnation,
                peer_folder=b"" if peer is None else peer.folder,
                waits=serving.waits,
            )
        return View(role=self.role, claim=self._claim(), first=first)

    # -- dialling

    def _wants_to_dial(self) -> bool:
        match self.role:
            case Role.WAITING:
                return self._keeper.settled
            case Role.JOINING | Role.BACKUP:
                assert self._following is not None
                return self._following.link is None and (self.role is Role.BACKUP or self._keeper.settled)
            case Role.PRIMARY | Role.HANDING_OVER:
                assert self._serving is not None
                serving, peer = self._serving, self._serving.peer
                known = peer is not None and serving.link is not None and serving.answered_by == peer.incarnation
                return self._keeper.settled and not known
            case Role.STOPPED:
                return False

    def _begin_dial(self, now: int) -> None:
        alone = self._serving is not None and self._serving.link is None and self._serving.waits is Waits.ALONE
        self._dial_at = now + (ALONE_DIAL_MS if alone else self._settings.dial_ms)
        self._dial = self._peers.dial(now)

    def _drop_dial(self, now: int) -> None:
        """What comes of a dial that began before this moment means nothing any more."""
        if self._dial is not None:
            self._peers.close(self._dial)
            self._dial = None
        self._dial_at = now

    def peer_connected(self, now: int, conn: int, loopback: bool = True) -> list[Order]:
        """A DialPeer succeeded; ``loopback``: it did not leave this machine."""
        if not self._halted:
            self._peers.connected(now, conn, loopback=loopback)
        return self._tick(now)

    def peer_refused(self, now: int, conn: int) -> list[Order]:
        """A DialPeer was refused."""
        if self._peers.has(conn):
            self._peers.forget(conn)
            if conn == self._dial:
                self._dial = None
                self._do(now, roles.use_refusal(self._view(now)), "the other node is gone: a dial was refused")
        return self._tick(now)

    def peer_failed(self, now: int, conn: int) -> list[Order]:
        """A DialPeer failed: that proves nothing."""
        self._peers.forget(conn)
        if conn == self._dial:
            self._dial = None
        return self._tick(now)

    # -- connections

    def peer_accepted(self, now: int, conn: int, loopback: bool) -> list[Order]:
        """Somebody connected to the replication link."""
        if self.role is Role.STOPPED:
            self._peers.refuse(conn)
        else:
            self._peers.accepted(now, conn, loopback=loopback)
        return self._tick(now)

    def peer_data(self, now: int, conn: int, data: bytes) -> list[Order]:
        """Bytes of a connection."""
        try:
            for frame in self._peers.read(conn, data, self._claim):
                match frame:
                    case Hello():
                        self._said_hello(now, conn, frame.claim)
                    case Answer():
                        self._use(now, conn, frame)
                    case Command():
                        self._command(now, conn, frame)
                    case _:
                        self._on_frame(now, conn, frame)
        except LinkProtocolError as problem:
            if self._is_link(conn):
                self._kit.log("error", f"the replication link is closed: {problem}")
            self._peers.close(conn)
            self._ended(now, conn, by_peer=False)
        return self._tick(now)

    def peer_closed(self, now: int, conn: int) -> list[Order]:
        """The other side ended a connection, or it broke."""
        if self._peers.has(conn):
            self._peers.forget(conn)
            self._ended(now, conn, by_peer=True)
        return self._tick(now)

    def _is_link(self, conn: int) -> bool:
        part = self._serving or self._following
        return part is not None and part.link == conn

    def _ended(self, now: int, conn: int, *, by_peer: bool) -> None:
        if conn == self._dial:
            self._dial = None
        if not self._is_link(conn):
            return
        self._drop_dial(now)
        if self._serving is not None:
            self._serving.lose_link(now, "the link to the backup has ended")
        elif self._following is not None:
            self._following.lose_link(ended=by_peer)

    def _on_frame(self, now: int, conn: int, frame: Frame) -> None:
        if not self._is_link(conn):
            raise LinkProtocolError(f"{type(frame).__name__} on what is not the link any more")
        if self._serving is not None:
            self._serving.on_frame(now, frame)
        elif self._following is not None:
            had_place = self._following.place
            self._following.on_frame(now, frame)
            if self._following.place != had_place:
                self.role = advance(self.role, Move.TOLD)
            if self._following.handed_over:
                self._serve(now, "the primary hands over")

    # -- hellos and answers

    def _said_hello(self, now: int, conn: int, claim: Claim) -> None:
        if claim.role is Spoken.OPERATOR:
            self._peers.answer(conn, Word.HERE, self._claim())
            return
        refused = self._stranger(claim)
        if refused:
            self._peers.complain(f"{claim.link_address or 'a node'} was refused: {refused}")
            self._peers.answer(conn, Word.REFUSED, self._claim(), text=refused)
            return
        if conn < self._newest_hello:
            self._peers.close(
                conn
            )  # the other node has dialled again since: what it said then may not be true any more
            return
        self._newest_hello = conn
        self._note(claim)
        if roles.ends_link(self._view(now), claim):
            assert self._following is not None
            self._following.lose_link(ended=True)
            self._drop_dial(now)
        self._answer(now, conn, claim)

    def _stranger(self, claim: Claim) -> str:
        """Why a node cannot be our peer; "": it can."""
        if claim.machine != self._settings.machine:
            return "the two nodes have another version, or are configured otherwise where it counts"
        theirs = "" if claim.role is Spoken.JOINING or claim.standing is Standing.JOINING else claim.node_id
        if theirs and self._node_id not in ("", theirs) and self.role is not Role.JOINING:
            return f"its data is of node {theirs}, ours of {self._node_id}: one of the folders is of another pair"
        return ""

    def _note(self, claim: Claim) -> None:
        self._peer = claim
        self._epoch_heard = max(self._epoch_heard, claim.epoch)

    def _answer(self, now: int, conn: int, claim: Claim) -> None:
        if not self._keeper.settled and self.role is not Role.JOINING:
            self._asked[conn] = claim
            return
        view = self._view(now)
        do, word = roles.answer(view, claim)
        if do in (Do.RESUME, Do.TAKE_IN):
            self._link_up(now, conn, claim, do)
            return
        self._do(now, do, f"{claim.link_address or 'the other node'} asked, {_describe(claim)}")
        if do is not Do.NOTHING and not self._keeper.settled and self.role is not Role.JOINING:
            self._asked[conn] = claim  # asks again when what was decided is on disk
            return
        if do is not Do.NOTHING:
            word = roles.answer(self._view(now), claim).word
        self._peers.answer(conn, word, self._claim())

    def _link_up(self, now: int, conn: int, claim: Claim, do: Do) -> None:
        """A joiner or our backup has dialled: that connection is the link."""
        assert self._serving is not None
        serving = self._serving
        if do is Do.RESUME and not serving.feed.can_resume(claim.last_input):
            self._peers.answer(conn, Word.WAIT, self._claim())
            return
        first = claim.last_input + 1 if do is Do.RESUME else 0
        self._drop_dial(now)
        self._peers.answer(conn, Word.LINK, self._claim(), resume_from=first)
        if do is Do.RESUME:
            serving.resume(now, conn, claim)
        else:
            serving.take_in(now, conn, claim)

    def _use(self, now: int, conn: int, answer: Answer) -> None:
        """Our dial was answered."""
        if conn != self._dial:
            self._peers.close(conn)
            return
        self._dial = None
        claim, word = answer.claim, answer.word
        if claim.incarnation == self._kit.incarnation:
            self._peers.close(conn)  # it came back to ourselves: no answer
            return
        refused = answer.text if word is Word.REFUSED else self._stranger(claim)
        if refused:
            self._peers.complain(f"the other node refuses: {refused}")
            self._peers.close(conn)
            return
        self._note(claim)
        if self._serving is not None:
            self._serving.answered_by = claim.incarnation
        do = roles.use(self._view(now), word, claim)
        if do in (Do.RESUME, Do.TAKE_IN):
            assert self._following is not None
            self._peers.link(conn)
            if do is Do.RESUME:
                self._following.resume(now, conn, claim)
            else:
                self._epoch, self._node_id = claim.epoch, claim.node_id
                self._following.take_in(now, conn, claim)
            return
        self._peers.close(conn)
        self._do(now, do, f"{claim.link_address or 'the other node'} answered, {_describe(claim)}")
        if self._serving is not None:
            self._serving.progress(now)

    # -- changes of role

    def _do(self, now: int, do: Do, reason: str) -> None:
        match do:
            case Do.SERVE:
                self._serve(now, reason)
            case Do.JOIN:
                self._join(now, reason)
            case Do.GO_ALONE | Do.GIVE_UP_JOIN:
                assert self._serving is not None
                self._drop_dial(now)
                self._serving.end_wait(now, reason)
            case _:
                pass

    def _serve(self, now: int, reason: str) -> None:
        """Begin to serve, in a new epoch."""
        before, following = self.role, self._following
        self.role = advance(self.role, Move.SERVE)
        self._drop_dial(now)
        self._epoch = self._next_epoch()
        self._links = 0
        mark = Mark(Standing.ALONE, self._epoch, 0)
        self._kit.log("warning" if before is Role.BACKUP else "info", f"serves in epoch {self._epoch}: {reason}")
        if following is not None:
            following.lose_link(ended=False)
            assert following.core is not None
            assert following.intake is not None
            step, ahead = following.intake.executed, following.ahead
            serving = Serving(self._kit, following.core, epoch=self._epoch, last=step, ahead=ahead)
            serving.inherit(following.intake)
            self._following, self._serving = None, serving
            self._keeper.mark(step, mark, serving.time(now))
            serving.offer(now, Promoted(self._epoch))
        else:
            core = self._cores.make(self._keeper.seed)
            core.recover(self._recovered.records)
            step, ahead = self._recovered.step, max(0, self._recovered.now - now)
            serving = self._serving = Serving(self._kit, core, epoch=self._epoch, last=step, ahead=ahead)
            self._keeper.begin(serving.time(now), step, mark, roll_back=True)
        self._node_id = serving.core.node_id
        self._kit.set_door(Door.SERVE)
        serving.act(now, Announced(self._settings.client_address, None))
        self._kit.next_job(now)
        serving.settle(now)

    def _next_epoch(self) -> int:
        epoch = max(self._epoch, self._epoch_heard) + 1
        return epoch if (epoch % 2 == 0) is self._settings.configured_primary else epoch + 1

    def _join(self, now: int, reason: str) -> None:
        """Give our data up for the other node's."""
        serving, record = self._serving, self._record
        step, time = self._last_input, now if serving is None else serving.time(now)
        if serving is not None:
            self._kit.log(
                "error", f"stops serving, epoch {self._epoch}: {reason}; {step - serving.shared} inputs are only here"
            )
            self._out.append(DropLinks())
            self._kit.gate.drop()
            if serving.link is not None:
                self._peers.close(serving.link)
        if self._following is not None:
            self._following.lose_link(ended=False)
        self.role = advance(self.role, Move.JOIN)
        self._drop_dial(now)
        self._serving = None
        keep_data = record is Standing.ALONE
        self._following = Following(self._kit, self._epoch, keep_data=keep_data)
        self._kit.log("info", f"joins: {reason}")
        self._kit.set_door(Door.CLOSED)
        mark = Mark(Standing.JOINING, self._epoch, 0)
        if self._keeper.began:
            self._keeper.mark(step, mark, time)
        elif record in (Standing.ALONE, Standing.IN_STEP):
            self._keeper.begin(time, step, mark, roll_back=False)
        self._kit.next_job(now)

    # -- people

    def _command(self, now: int, conn: int, command: Command) -> None:
        wish, report = consider(command, self.status(now))
        self._peers.send(conn, encode(report))
        self._peers.close(conn)
        if wish is Wish.FAILOVER:
            self._serve(now, "an operator orders it")

    def status(self, now: int) -> Status:
        """How it stands."""
        serving, following, peer = self._serving, self._following, self._peer
        mark = self._keeper.mark_on_disk
        last = self._last_input
        acknowledged = serving.feed.acknowledged if serving is not None else last
        executed = serving.executed if serving is not None else 0
        in_step, age, at = False, None, None
        if serving is not None:
            in_step = serving.waits is Waits.TOLD and serving.link is not None
            age = now - serving.heard if serving.waits else None
            at = serving.input_at
        if following is not None:
            in_step, age, at = following.leased(now), following.lease_age(now), following.input_at
            executed = 0 if following.intake is None else following.intake.executed
        return Status(
            role=self.role.value,
            epoch=self._epoch,
            node_id=self._node_id,
            serving=self.serving,
            standing=None if mark is None else mark.standing.name.lower(),
            place=0 if mark is None else mark.place,
            in_step=in_step,
            lease_age_ms=age,
            last_input=last,
            input_age_ms=None if at is None else now - at,
            acknowledged=acknowledged,
            executed=executed,
            lag_inputs=last - (acknowledged if serving is not None else executed),
            lag_bytes=0 if serving is None else serving.feed.kept_bytes,
            lag_ms=0,
            waits_for=self._waits_for(),
            fell_out=0 if serving is None else serving.fell_out,
            peer=PeerStatus()
            if peer is None
            else PeerStatus(
                role=peer.role.name.lower(),
                epoch=peer.epoch,
                client_address=peer.client_address,
                link_address=peer.link_address,
            ),
        )

    def _waits_for(self) -> str:
        return ""


def _describe(claim: Claim) -> str:
    record = "an empty folder" if claim.standing is None else claim.standing.name.lower().replace("_", " ")
    return f"{claim.role.name.lower()}, epoch {claim.epoch}, record {record}, input {claim.last_input}"
