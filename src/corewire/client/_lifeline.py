"""
The life of a client: the first connection, its loss, the way back, and the end.

                     ┌────────── next attempt <──────────┐
    NEW ─> CONNECTING ── link, topology ──> UP ── lost ──> RECOVERING ── attempts used up ──> FAILED
                                            ^── every session has its verdict ──┘

One link exists at a time. Whatever ends it comes to `_lose`, whatever it told to `_settle`. Sessions know nothing of all
this: they are locked and unlocked.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from corewire._channel import ConfirmationMismatch
from corewire._farewell import read_farewell
from corewire._states import LIFE, ClientState, LifeMove, advance
from corewire._timers import Timers
from corewire.client import _topology
from corewire.client._calls import Call
from corewire.client._link import TOPOLOGY_CHANNEL, Link
from corewire.client._openings import Openings
from corewire.client._preparation import Preparations
from corewire.client._reconnect import Balancer, GiveUp, InitialConnect, Pause, Reconnect, Slots, Try
from corewire.client._recovery import Sessions, lost
from corewire.client._search import Search
from corewire.effects import Dial, Hangup, Send
from corewire.errors import (
    CallTimeout,
    ConnectionTimedOut,
    CorewireError,
    Disconnected,
    NotConnected,
    ObjectClosed,
    RemoteProtocolError,
)
from corewire.events import (
    Connected,
    Disconnecting,
    FailedOver,
    FailoverFailed,
    FailureDetected,
    PeerSilent,
    Reattached,
    Reconnecting,
    TopologyChanged,
)
from corewire.wire import packets
from corewire.wire.registry import decode, is_countable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from random import Random

    from corewire.client._calls import Packet
    from corewire.client._context import Context
    from corewire.client._control import ControlScript, Inquiry
    from corewire.client._ids import SessionId
    from corewire.client._reconnect import Decision, Pair
    from corewire.client._recovery import Verdict
    from corewire.client._session import Session
    from corewire.client.config import Endpoint
    from corewire.events import TraceRecord


class ClientTimer(Enum):
    """The deadlines of a client, beside those of its link and its sessions."""

    RETRY = "retry"


class Lifeline:
    """Links, their loss and recovery, and the sessions' place in that."""

    def __init__(self, context: Context, rng: Random, trace: Callable[[TraceRecord], None] | None) -> None:
        self.state = ClientState.NEW
        self.topology = _topology.TopologyTable()
        self.error: CorewireError | None = None  #: why later calls are refused
        self._context = context
        self._trace = trace
        self._timers: Timers[ClientTimer] = Timers()
        self._balancer = Balancer(context.config.load_balancing, rng)
        self._search = Search(context)
        self._plan: InitialConnect | Reconnect = InitialConnect(context.config, self._search, self._balancer)
        self._slots: Slots | None = None
        self._link: Link | None = None
        self._last_link = 0
        self._version = 0
        self._makes = Sessions(context)
        self._establishing: Inquiry[list[Verdict]] | None = None
        self._openings = Openings(context, self._makes)
        self._starting: Call[None] | None = None
        self._connected = False  # once
        self._preparations = Preparations(context)
        self._closing: Call[None] | None = None
        self._cause: CorewireError | None = None  # of the loss that is being recovered
        self._lost_at = 0.0
        self._scale_down_target: str | None = None
        self._killed = False  # the broker threw this client out as too slow: it must not come back

    # -- getters -------------------------------------------------------------------------------------------------------

    @property
    def endpoint(self) -> Endpoint | None:
        """Where it is connected, or was last."""
        return None if self._slots is None else self._slots.current

    @property
    def version(self) -> int:
        """The version that is spoken, 0 before the first connection. Old brokers name it with the first session only."""
        link = self._link
        return link.connection.version if link is not None and link.up else self._version

    def next_timeout(self) -> float | None:
        """When to call ``handle_timeout``."""
        deadlines = [
            self._timers.next(),
            self._openings.next_timeout(),
            self._search.deadline,
            self._preparations.deadline,
        ]
        if self._link is not None and self._link.up:
            deadlines += (self._link.connection.next_timeout(), self._link.control.next_timeout())
        deadlines += (session.next_timeout() for session in self._context.sessions.values())
        return min((at for at in deadlines if at is not None), default=None)

    def _is(self, *states: ClientState) -> bool:
        return self.state in states

    # -- commands ------------------------------------------------------------------------------------------------------

    def start(self, now: float) -> Call[None]:
        """Connect for the first time."""
        self._move(LifeMove.START)
        self._starting = Call()
        if self._search.begin(now):
            self._follow(now, self._plan.begin())
        return self._starting

    def open_session(self, now: float, session: Session) -> Call[SessionId]:
        """Make a session at the broker, now or when it is back."""
        opening = self._openings.add(now, session, persistent=self._context.exactly_once)
        if self._is(ClientState.UP):
            self._ask_for_sessions(now)
        return opening.call

    def _ask_for_sessions(self, now: float) -> None:
        if self._link is not None:
            self._openings.ask(now, self._link, ours=self.topology.is_ours(self._context.node_id))

    def close(self, now: float) -> Call[None]:
        """Close sessions and link; waits for answers only from a broker that is there."""
        if self._closing is not None:
            return self._closing
        call: Call[None] = Call()
        self._closing = call
        if self._is(ClientState.CLOSED, ClientState.FAILED):
            self._context.succeed(call, None)
            return call
        closed = ObjectClosed("the client is closed")
        self._openings.end(closed)
        for session in list(self._context.sessions.values()):
            session.close(now)
        if not self._is(ClientState.UP) or not self._context.sessions:
            self._end(now, closed, LifeMove.CLOSE)
        return call

    # -- inputs --------------------------------------------------------------------------------------------------------

    def link_up(self, now: float, number: int) -> None:
        """The driver has connected."""
        link = self._link
        if link is None or link.number != number or link.up:
            self._context.effects.append(Hangup(number))  # given up while it was dialled
            return
        if self._slots is None:
            self._slots = Slots(link.endpoint, self._search.endpoints)
        else:
            self._slots.connected(link.endpoint)
        self._context.connection = link.where
        link.start(now, self._context.config, self._version, self._trace)
        self._establishing = link.control.run(now, self._establish(link))
        self._settle(now)

    def link_down(self, now: float, number: int, error: Exception | None) -> None:
        """A link could not be dialled, or ended."""
        link = self._link
        if link is None or link.number != number:
            return
        self._lose(now, lost(error), hang_up=False)

    def receive_data(self, now: float, number: int, data: bytes) -> None:
        """Bytes came."""
        link = self._link
        if link is None or link.number != number or not link.up:
            return
        try:
            for kind, number, run in link.connection.receive_runs(now, data):
                session = self._context.by_channel.get(number)
                if session is not None and number in link.connection.channels:
                    session.receive_run(now, kind, run)
                    if session.error is not None:
                        self._context.sessions.pop(session.id, None)
                else:
                    self._receive_of_link(now, link, number, run)
                if self._link is not link:
                    return
        except RemoteProtocolError as error:
            self._lose(now, error)
        self._settle(now)

    def datagram_received(self, now: float, data: bytes) -> None:
        """A datagram of the group came."""
        if self._search.receive(now, data) and self._is(ClientState.CONNECTING):
            self._follow(now, self._plan.begin())

    def group_lost(self, now: float, error: Exception) -> None:
        """The group could not be joined, or cannot be listened to any more."""
        if not self._is(ClientState.CLOSED, ClientState.FAILED):
            self._search.fail(now, error)

    def handle_timeout(self, now: float) -> None:
        """A deadline has passed, or not."""
        if self._search.expire(now, connected=not self._is(ClientState.CONNECTING)):
            self._cause = self._search.error
            self._follow(now, GiveUp())
        if self._preparations.expired(now):
            error = CallTimeout("no broker answered in time what is asked before a connection can be used")
            error.__cause__ = self._cause
            self._end(now, error, LifeMove.GIVE_UP)
        for _timer, _deadline in self._timers.expire(now):
            self._follow(now, self._plan.resume())
        link = self._link
        if link is not None and link.up:
            for event in link.connection.handle_timeout(now):
                silent = isinstance(event, PeerSilent)
                text = f"silent for {event.ttl_s:g} s" if isinstance(event, PeerSilent) else "the link ended"
                self._lose(now, ConnectionTimedOut(text) if silent else NotConnected(text))
        if self._link is not None and self._link.up:
            self._link.control.handle_timeout(now)
        self._openings.expire(now)
        blamed = [session for session in list(self._context.sessions.values()) if session.expire(now)]
        if blamed and self._link is not None:
            self._lose(now, ConnectionTimedOut("a call was not answered in time"))
        self._settle(now)

    def flush(self) -> None:
        """Turn what the link has to write into an effect."""
        if self._link is not None and self._link.up and (chunks := self._link.connection.data_to_send()):
            self._context.effects.append(Send(self._link.number, chunks))

    # -- what comes ----------------------------------------------------------------------------------------------------

    def _receive_of_link(self, now: float, link: Link, number: int, frames: Iterable[bytes]) -> None:
        """What belongs to no session that is made; of a channel that nobody expects anything on, it is dropped."""
        for frame in frames:
            self._dispatch(now, link, number, frame)
            if self._link is not link:
                return

    def _dispatch(self, now: float, link: Link, number: int, frame: bytes) -> None:
        if number == TOPOLOGY_CHANNEL:
            self._receive_broadcast(now, link, decode(frame, link.connection.version))
        elif link.control.expects(number):
            packet = decode(frame, link.connection.version)
            channel = link.connection.channels.get(number)
            if channel is not None and is_countable(frame):
                channel.processed(len(frame))  # of a session whose making is not finished
            if isinstance(packet, packets.DisconnectConsumerKill):
                self._killed = True
            else:
                link.control.answer(now, number, packet)

    def _receive_broadcast(self, now: float, link: Link, packet: Packet) -> None:
        match packet:
            case packets.Disconnect() | packets.DisconnectV2() | packets.DisconnectV3():
                farewell = read_farewell(packet)
                self._context.notify(Disconnecting(farewell.reason, farewell.target_node_id))
                self._scale_down_target = farewell.target_node_id
                target = _topology.target_of(farewell, self.topology, link.endpoint)
                if target is not None and self._slots is not None:
                    self._slots.current = target
                if self._context.config.ha and self.topology.leave(farewell.node_id):
                    self._context.notify(TopologyChanged(self.topology.topology))
                self._lose(now, Disconnected(f"the broker said goodbye: {farewell.reason.name}"))
            case (
                packets.ClusterTopology()
                | packets.ClusterTopologyV2()
                | packets.ClusterTopologyV3()
                | packets.ClusterTopologyV4()
            ):
                link.control.heard(now)
                if self.topology.receive(packet, link.endpoint, link.mentioned, ha=self._context.config.ha):
                    self._learn(link)
                    self._context.notify(TopologyChanged(self.topology.topology))
                if packet.last and link.mentioned is not None:
                    link.mentioned = None
                    self._learn(link)
                    link.control.answer(now, TOPOLOGY_CHANNEL, packets.ClusterTopologyV4(False, packet.node_id, 0))
            case _:
                pass

    def _learn(self, link: Link) -> None:
        link.node_id = self.topology.node_at(link.endpoint) or link.node_id
        node_id = self._context.node_id = link.node_id
        if self._context.config.ha and self._slots is not None and node_id is not None:
            member = self.topology.member(node_id)
            if member is None:
                return
            # Led in by a backup, we are at its address: then the other one is the primary's, which Artemis' clients forget.
            here, other = self._slots.current, member.backup
            if other is not None and _topology.same_address(other, here):
                other = member.primary
            if other is not None and not _topology.same_address(other, here):
                self._slots.backup = other

    # -- connecting ----------------------------------------------------------------------------------------------------

    def _follow(self, now: float, decision: Decision) -> None:
        match decision:
            case Try(endpoint):
                self._last_link += 1
                self._link = Link(self._last_link, endpoint)
                config = self._context.config
                timeout_s = endpoint.connect_timeout_s or config.connection_ttl_s or config.call_timeout_s
                self._context.effects.append(Dial(self._last_link, endpoint, timeout_s))
            case Pause(delay_s):
                self._timers[ClientTimer.RETRY] = now + delay_s
                self._announce_attempt(delay_s)
            case GiveUp():
                self._give_up(now)

    def _announce_attempt(self, delay_s: float) -> None:
        if isinstance(self._plan, Reconnect) and self._slots is not None:
            self._context.notify(Reconnecting(self._plan.attempt + 1, self._slots.current, delay_s))

    def _establish(self, link: Link) -> ControlScript[list[Verdict]]:
        yield from link.open(None if self._is(ClientState.CONNECTING) else self._context.node_id)
        sessions = [session for session in self._context.sessions.values() if session.epoch]
        ours = self.topology.is_ours(self._context.node_id)
        again = isinstance(self._plan, Reconnect) and self._plan.comes_back
        return (yield from self._makes.recover(link.connection, sessions, ours=ours, again=again))

    def _settle(self, now: float) -> None:
        """Draw the conclusions from what came."""
        while (link := self._link) is not None and link.up and link.control.outcomes:
            inquiry = link.control.outcomes.pop(0)
            if inquiry is self._establishing:
                self._established(now, link, inquiry)
            elif (blame := self._openings.answered(now, inquiry)) is not None:
                self._lose(now, ConnectionTimedOut(str(blame)))
        self._finish_start(now)
        self._context.pump(now)
        if self._closing is not None and not self._closing.done and not self._context.sessions:
            self._end(now, ObjectClosed("the client is closed"), LifeMove.CLOSE)

    def _finish_start(self, now: float) -> None:
        if self._starting is None or not self._is(ClientState.UP):
            return
        try:
            if not self._preparations.step(now):
                return
        except CorewireError as error:
            self._end(now, error, LifeMove.GIVE_UP)
            return
        self._context.succeed(self._starting, None)
        self._starting = None

    def _established(self, now: float, link: Link, inquiry: Inquiry[list[Verdict]]) -> None:
        self._establishing = None
        if inquiry.error is not None:
            self._lose(now, inquiry.error)
            return
        cause = self._cause or NotConnected("the connection was lost")
        try:
            tally = self._makes.carry_out(now, link.connection, inquiry.value or [], cause)
        except ConfirmationMismatch as error:
            self._lose(now, error)
            return
        self._version = link.connection.version
        self._move(LifeMove.ESTABLISH)
        counters = self._context.counters
        if not self._connected:
            self._connected = True
            self._context.notify(Connected(link.endpoint, self._context.node_id, self._version))
            self._preparations.begin(now, self._openings)
        else:
            counters.reconnects += 1
            counters.reattached_sessions += tally.reattached
            counters.recreated_sessions += tally.recreated
            counters.replayed_packets += tally.replayed
            outage_s = now - self._lost_at
            self._context.notify(
                FailedOver(link.endpoint, cause, tally.recreated, tally.reattached, outage_s)
                if tally.recreated
                else Reattached(link.endpoint, cause, tally.replayed, outage_s)
            )
        self._cause = None
        for session in list(self._context.sessions.values()):
            if session.error is not None:
                self._context.sessions.pop(session.id)
            elif session.epoch:
                session.unlock(now, cause)
        self._ask_for_sessions(now)

    # -- losing the link, and the end ------------------------------------------------------------------------------------

    def _lose(self, now: float, error: CorewireError, *, hang_up: bool = True) -> None:
        link = self._link
        if link is None:
            return
        if link.up:
            self._version = link.connection.version
        self._link = self._establishing = None
        link.close(now)
        if hang_up:
            self._context.effects.append(Hangup(link.number))
        for session in self._context.sessions.values():
            session.lock(now)
        self._openings.link_lost(now)
        self._preparations.link_lost(now)
        if self._closing is not None:
            self._end(now, ObjectClosed("the client is closed"), LifeMove.CLOSE)
        else:
            self._follow(now, self._after_loss(now, link, error))

    def _after_loss(self, now: float, link: Link, error: CorewireError) -> Decision:
        plan = self._plan
        if self._is(ClientState.UP):
            assert self._slots is not None
            self._move(LifeMove.LOSE)
            self._cause, self._lost_at = error, now
            self._context.notify(FailureDetected(error, link.endpoint))
            self._plan = plan = Reconnect(self._context.config, self._slots, self._pairs, self._balancer)
            pause = isinstance(error, RemoteProtocolError)
            decision = GiveUp() if self._killed else plan.begin(pause=pause)
            if isinstance(decision, Try):
                self._context.notify(Reconnecting(plan.attempt, decision.endpoint, 0.0))
            return decision
        if isinstance(plan, InitialConnect):
            self._cause = error
            return GiveUp() if isinstance(error, CallTimeout) else plan.failed()
        if not link.up:
            return plan.unreachable()
        return plan.refused() if link.mentioned is not None else plan.unrecovered()

    def _pairs(self) -> list[Pair]:
        """All pairs of primary and backup that are known: those of the cluster, or of the configuration."""
        config = self._context.config
        members = self.topology.topology.members if config.use_topology_for_load_balancing else ()
        pairs = [(member.primary, member.backup) for member in members if member.primary is not None]
        return pairs or [(endpoint, None) for endpoint in self._search.endpoints]

    def _give_up(self, now: float) -> None:
        cause = self._cause or NotConnected("there is no endpoint")
        if self._is(ClientState.CONNECTING):
            error = (
                cause if isinstance(cause, CallTimeout) else self._not_connected("no broker could be reached", cause)
            )
        else:
            self._context.notify(FailoverFailed(cause, self._scale_down_target))
            error = self._not_connected("the connection was given up", cause)
        error.__cause__ = None if error is cause else cause
        self._end(now, error, LifeMove.GIVE_UP)

    @staticmethod
    def _not_connected(what: str, cause: CorewireError) -> NotConnected:
        """Say why, without what the new error says itself: its code and where."""
        why = (
            cause.message
            if isinstance(cause, NotConnected) and cause.message
            else str(cause).partition(" on tcp://")[0]
        )
        return NotConnected(f"{what}: {why}", connection=cause.connection)

    def _end(self, now: float, error: CorewireError, move: LifeMove) -> None:
        self._move(move)
        self.error = error
        self._timers.clear()
        self._search.deadline = self._preparations.deadline = None
        if (link := self._link) is not None:
            self.flush()
            self._link = self._establishing = None
            link.close(now)
            self._context.effects.append(Hangup(link.number))
        sessions = list(self._context.sessions.values())
        self._context.sessions.clear()
        for session in sessions:
            session.end(now, error)
        self._openings.end(error)
        if self._starting is not None:
            self._context.fail(self._starting, error)
            self._starting = None
        if self._closing is not None and not self._closing.done:
            self._context.succeed(self._closing, None)

    def _move(self, move: LifeMove) -> None:
        self.state = advance(LIFE, self.state, move)
