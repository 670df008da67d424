"""
Who is who: dials and their outcomes, hellos and their answers, and the end of connections.

What follows is decided in ``ha/roles.py`` and carried out by the node. Here it is seen to that evidence is fresh: a dial that
began before the link ended is dropped, a hello that was overtaken by a later one is not answered, and none is while what the
node claims is not on its disk yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from corewire_server.ha import roles
from corewire_server.ha._states import Role
from corewire_server.ha.roles import Do
from corewire_server.node.desk import sooner
from corewire_server.records import Standing
from corewire_server.replication.link import Answer, Command, Hello, LinkProtocolError, Word
from corewire_server.replication.link import Role as Spoken

if TYPE_CHECKING:
    from corewire_server.ha.roles import View
    from corewire_server.node.kit import Kit
    from corewire_server.node.status import Status
    from corewire_server.replication.link import Claim, Frame

ALONE_DIAL_MS: Final = 1000  # how often a primary that is alone looks for another one
_KEPT_WAITING: Final = (Role.WAITING, Role.JOINING, Role.BACKUP)


class Talker(Protocol):
    """The node, as it is needed here."""

    role: Role

    @property
    def epoch(self) -> int:
        """Of the service that it gives, follows, or has in its record."""
        ...

    @property
    def link(self) -> int | None:
        """The connection that is the replication link."""
        ...

    @property
    def alone(self) -> bool:
        """Whether it serves, and nobody follows."""
        ...

    @property
    def wants_to_dial(self) -> bool:
        """Whether an answer of the other node is wanted."""
        ...

    def claim(self) -> Claim:
        """What it says of itself."""
        ...

    def view(self, now: int) -> View:
        """What it knows."""
        ...

    def status(self, now: int) -> Status:
        """What people are told of it."""
        ...

    def carry_out(self, now: int, do: Do, reason: str) -> None:
        """Change the role, or what is waited for."""
        ...

    def resume_from(self, do: Do, claim: Claim) -> int | None:
        """The first input that a node which dialled will be sent; None: it lacks what is gone."""
        ...

    def link_up(self, now: int, conn: int, do: Do, claim: Claim) -> None:
        """A connection is the link now."""
        ...

    def link_lost(self, now: int, *, by_peer: bool) -> None:
        """The link has ended; ``by_peer``: not from our side."""
        ...

    def on_frame(self, now: int, frame: Frame) -> None:
        """A frame of the link."""
        ...

    def evidence(self, now: int, claim: Claim | None) -> None:
        """Our dial was answered by somebody (None: refused), after what followed from it was carried out."""
        ...

    def command(self, now: int, conn: int, command: Command) -> None:
        """An operator's."""
        ...


class Talks:
    """All that is said between two nodes before, and beside, the replication link."""

    def __init__(self, kit: Kit, node: Talker) -> None:
        self._kit = kit
        self._node = node
        self.peer: Claim | None = None  # what the other node said of itself last
        self.epoch_heard = 0  # the highest one that anybody claimed
        self._dial: int | None = None
        self._dial_at = 0  # when to dial next
        self._asks_since = 0
        self._told_why = False  # people, what it waits for
        self._asked: dict[int, Claim] = {}  # hellos that are answered when our claim is on disk
        self._newest_hello = 0  # the connection it came on
        self._told_to_wait = ""  # why, as the other node said last

    @property
    def warned(self) -> bool:
        """Whether the other node may have newer data: it spoke of a higher epoch, or is one that will not be a peer."""
        return self.epoch_heard > self._node.epoch or bool(self._kit.peers.estranged)

    @property
    def kept_out(self) -> str:
        """Why the other node will not be a peer, or not now; "": that is not so."""
        waits = self._node.role in (Role.WAITING, Role.JOINING)
        estranged = self._kit.peers.estranged if self._node.role is Role.WAITING else ""
        return estranged or (self._told_to_wait if waits else "")

    # -- dials

    def next_timeout(self) -> int | None:
        """When ``tick`` wants to be called."""
        due = self._kit.peers.next_timeout()
        return sooner(due, self._dial_at) if self._dial is None and self._node.wants_to_dial else due

    def tick(self, now: int) -> None:
        """Give up what does not go on; dial, if it is time."""
        for conn in self._kit.peers.expire(now):
            if conn == self._dial:
                self._dial = None
        if self._dial is None and now >= self._dial_at and self._node.wants_to_dial:
            self._tell_why(now)
            self._dial_at = now + (ALONE_DIAL_MS if self._node.alone else self._kit.settings.dial_ms)
            self._dial = self._kit.peers.dial(now)

    def begin_anew(self, now: int) -> None:
        """What comes of a dial that began before this moment means nothing; the next one may begin."""
        if self._dial is not None:
            self._kit.peers.close(self._dial)
            self._dial = None
        self._dial_at = self._asks_since = now
        self._told_why = False

    def _tell_why(self, now: int) -> None:
        """The log says, once, what keeps this node from serving, if it has asked for a while. Who is kept out was told that."""
        asked_ms, node = now - self._asks_since, self._node
        if (
            self._told_why
            or asked_ms < self._kit.settings.start_wait_ms
            or node.role not in _KEPT_WAITING
            or self.kept_out
        ):
            return
        self._told_why = True
        self._kit.log("warning", f"does not serve, and waits for {node.status(now).waits_for}")

    def connected(self, now: int, conn: int, *, loopback: bool) -> None:
        """A dial got through; ``loopback``: it did not leave this machine."""
        self._kit.peers.connected(now, conn, loopback=loopback)
        if not self._kit.peers.has(conn):
            self.failed(conn)

    def refused(self, now: int, conn: int) -> None:
        """A dial was refused."""
        known = self._kit.peers.has(conn)
        self._kit.peers.forget(conn)
        if known and conn == self._dial:
            self._dial = None
            view = self._node.view(now)
            self._look_for_joiner(view, None)
            if view.role is Role.WAITING and self.epoch_heard > view.claim.epoch and self.peer is not None:
                had = f"it had epoch {self.epoch_heard}, above epoch {view.claim.epoch} of this node"
                self._kit.peers.complain(f"{_name(self.peer)} is gone, and is waited for: {had}")
            self._node.carry_out(now, roles.use_refusal(view), "the other node is gone: a dial was refused")
            self._node.evidence(now, None)

    def _look_for_joiner(self, view: View, there: Claim | None) -> None:
        """A node that joins must be where it is dialled; ``there``: who is, if anybody."""
        if view.role is not Role.PRIMARY or not view.linked or self.peer is None:
            return
        text = f"{_name(self.peer)} joins, but cannot be in step: this node dials {self._kit.settings.peer_address}"
        if there is None:
            self._kit.peers.complain(text)
        elif roles.is_third(view, there):
            self._kit.peers.complain(f"{text}, where {_name(there)} lives")

    def failed(self, conn: int) -> None:
        """A dial failed: that proves nothing."""
        self._kit.peers.forget(conn)
        if conn == self._dial:
            self._dial = None

    # -- connections

    def read(self, now: int, conn: int, data: bytes) -> None:
        """Bytes of a connection."""
        node, peers = self._node, self._kit.peers
        try:
            for frame in peers.read(conn, data, node.claim):
                match frame:
                    case Hello():
                        self._asked_by(now, conn, frame.claim)
                    case Answer():
                        self._use(now, conn, frame)
                    case Command():
                        node.command(now, conn, frame)
                    case _ if conn == node.link:
                        node.on_frame(now, frame)
                    case _:
                        raise LinkProtocolError(f"{type(frame).__name__} on what is not the link any more")
        except LinkProtocolError as problem:
            if conn == node.link:
                self._kit.log("error", f"the replication link is closed: {problem}")
            peers.close(conn)
            self._ended(now, conn, by_peer=False)
            self._dial_at = now + self._kit.settings.dial_ms  # whoever said what he must not will say it again

    def closed(self, now: int, conn: int) -> None:
        """The other side ended a connection, or it broke."""
        if self._kit.peers.has(conn):
            self._kit.peers.forget(conn)
            self._ended(now, conn, by_peer=True)

    def _ended(self, now: int, conn: int, *, by_peer: bool) -> None:
        if conn == self._dial:
            self._dial = None
        if conn == self._node.link:
            self.begin_anew(now)
            self._node.link_lost(now, by_peer=by_peer)

    # -- hellos

    def _asked_by(self, now: int, conn: int, claim: Claim) -> None:
        node, peers = self._node, self._kit.peers
        if claim.role is Spoken.OPERATOR:
            peers.answer(conn, Word.HERE, node.claim())
            return
        refused = self._stranger(claim)
        if refused:
            peers.estranged = refused
            peers.complain(f"{_name(claim)} was refused: {refused}")
            peers.answer(conn, Word.REFUSED, node.claim(), text=refused)
            return
        if conn < self._newest_hello:
            peers.close(conn)  # the other node has dialled again since: what it said then may not be true any more
            return
        self._newest_hello = conn
        self._note(now, claim)
        if roles.ends_link(node.view(now), claim):
            assert node.link is not None
            link = node.link
            peers.close(link)
            self._ended(now, link, by_peer=True)
        self._answer(now, conn, claim)

    def settled(self, now: int) -> None:
        """What the node claims is on disk: answer who waits for that."""
        asked, self._asked = self._asked, {}
        for conn, claim in asked.items():
            if self._kit.peers.has(conn):
                self._answer(now, conn, claim)

    def _must_wait(self) -> bool:
        """Whether nothing may be said yet. That its data counts for nothing a node may always say."""
        return not self._kit.keeper.settled and self._node.role not in (Role.JOINING, Role.STOPPED)

    def _answer(self, now: int, conn: int, claim: Claim) -> None:
        node, peers = self._node, self._kit.peers
        if self._must_wait():
            self._asked[conn] = claim
            return
        do, word = roles.answer(node.view(now), claim)
        if do in (Do.RESUME, Do.TAKE_IN):
            first = node.resume_from(do, claim)
            if first is None:
                peers.answer(conn, Word.WAIT, node.claim())
                return
            self.begin_anew(now)
            peers.answer(conn, Word.LINK, node.claim(), resume_from=first)
            node.link_up(now, conn, do, claim)
            return
        if do is not Do.NOTHING:
            node.carry_out(now, do, f"{_name(claim)} asked, {claim.role.name.lower()} with {described(claim)}")
            if self._must_wait():
                self._asked[conn] = claim
                return
            word = roles.answer(node.view(now), claim).word
        peers.answer(conn, word, node.claim(), text=self._why_wait(now, claim))

    def _why_wait(self, now: int, claim: Claim) -> str:
        """What a third node is told, and people; "": it is none."""
        if not roles.is_third(self._node.view(now), claim):
            return ""
        us = " and ".join(sorted(map(_name, (self._node.claim(), self.peer or self._node.claim()))))
        text = f"{us} are a pair: a third node waits until one of them is gone"
        self._kit.peers.complain(f"{_name(claim)}, of another data folder, wants to be the peer of this node: {text}")
        return text

    # -- answers

    def _use(self, now: int, conn: int, answer: Answer) -> None:
        node, peers = self._node, self._kit.peers
        if conn != self._dial:
            peers.close(conn)
            return
        self._dial = None
        claim = answer.claim
        refused = answer.text if answer.word is Word.REFUSED else self._stranger(claim)
        if refused or claim.incarnation == self._kit.incarnation:  # it came back to ourselves: no answer
            if refused:
                peers.estranged = refused
                peers.complain(f"the other node refuses, or is refused: {refused}")
            peers.close(conn)
            return
        self._note(now, claim)
        self._told_to_wait = answer.text
        if answer.text:
            peers.complain(f"{_name(claim)} does not take this node in: {answer.text}")
        view = node.view(now)
        self._look_for_joiner(view, claim)
        do = roles.use(view, answer.word, claim)
        if do in (Do.RESUME, Do.TAKE_IN):
            self._told_why = False
            peers.link(conn)
            node.link_up(now, conn, do, claim)
            return
        peers.close(conn)
        node.carry_out(now, do, f"{_name(claim)} answered, {claim.role.name.lower()} with {described(claim)}")
        node.evidence(now, claim)

    def _note(self, now: int, claim: Claim) -> None:
        if not roles.is_third(self._node.view(now), claim):
            self.peer = claim
        self._kit.peers.estranged = ""
        self.epoch_heard = max(self.epoch_heard, claim.epoch)

    def _stranger(self, claim: Claim) -> str:
        """Why a node cannot be our peer; "": it can."""
        if claim.machine != self._kit.settings.machine:
            return "the two nodes have another version, or are configured otherwise where it counts"
        first = self._kit.settings.configured_primary
        if claim.role is Spoken.PRIMARY and (claim.epoch % 2 == 0) is first:  # it chose its epoch by how it was started
            return f"both nodes were started with {'--primary' if first else '--backup'}, so their epochs could be the same"
        ours = "" if self._node.role is Role.JOINING else self._node.claim().node_id
        theirs = "" if claim.role is Spoken.JOINING or claim.standing is Standing.JOINING else claim.node_id
        if ours and theirs and ours != theirs:
            return f"one data folder is of node {theirs}, the other of {ours}: they were never a pair"
        return ""


def _name(claim: Claim) -> str:
    return claim.link_address or "the other node"


def described(claim: Claim) -> str:
    """What a node claims, for people."""
    record = (
        "an empty folder" if claim.standing is None else f"record {claim.standing.name.lower().replace('_', ' ')!r}"
    )
    return f"{record}, epoch {claim.epoch}, input {claim.last_input}"
