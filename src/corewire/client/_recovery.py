"""
What is asked on a new link, and what is done with the answers: re-attach each session, or make it anew.

The questions are scripts of the link and change nothing but the link: an attempt that fails half-way leaves every session
as it was. Only when all sessions have their verdict are the verdicts carried out.

    REATTACH_SESSION(name, what we have) ── yes, and the session may continue ──> Continue: write again what is lacking
        │                                └─ yes, but it may not ──> SESS_CLOSE ─┐
        └─ no ──────────────────────────────────────────────────────────────────┴─> CREATESESSION, Anew: a new epoch

With exactly-once a session that was made anew first passes the *fence*: it takes a name that only one living session may
have, the same for all that are made for one session of ours. A session leaves the broker's table as the last act of its
end. So once the name is taken, all that the session before did is stored, paged, replicated and visible, what was open of
it is rolled back, and nothing more of it will happen (Artemis: ``ServerSessionImpl.addUniqueMetaData``). Towards a broker
that is not ours it has no window: what is written again there runs twice. It is re-attached nevertheless: the refusal ends
what the broker still has of it, which the fence would else wait for as long as the broker believes in the lost link.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from corewire._channel import Channel, ConfirmationMismatch
from corewire._foreign_channel import ForeignChannel
from corewire.client._calls import Command
from corewire.client._control import Ask, Wait
from corewire.client._epochs import Attempt
from corewire.errors import (
    BrokerError,
    CallTimeout,
    ConnectionTimedOut,
    CorewireError,
    DuplicateMetadata,
    ErrorCode,
    IncompatibleVersions,
    NotConnected,
    ObjectClosed,
    SessionCreationRejected,
)
from corewire.values import AckMode
from corewire.wire import packets
from corewire.wire.versions import OLDEST_SPOKEN, VERSION, capabilities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corewire._connection import Connection
    from corewire.client._context import Context
    from corewire.client._control import ControlScript
    from corewire.client._session import Session

FENCE_S = 60.0  # where the connection has no TTL: how long one link waits for the end of a session of before
STARTING_RETRY_S = 0.01  # a broker that is still starting refuses sessions; asked again, as Artemis does
#: How long a question is waited for that a broker, alive, may leave without an answer for good; doubled each time it did.
REATTACH_S = 2.0
FIRST_SESSION_CHANNEL = 10
#: A broker that is not ours may append a chunk twice that is written twice, and nobody would know.
_LARGE = (packets.SessionSendLarge.TYPE, packets.SessionSendContinuation.TYPE)
FENCE_KEY = "corewire"


@dataclass(frozen=True, slots=True)
class Continue:
    """The broker kept the session, and has received so many commands."""

    session: Session
    peer_received: int


@dataclass(frozen=True, slots=True)
class Anew:
    """The broker made it anew, under this name and on this channel."""

    session: Session
    name: str
    channel: Channel


@dataclass(frozen=True, slots=True)
class Over:
    """The broker has nothing left of it and nothing new: it was being closed, or asks for what this broker does not have."""

    session: Session
    error: CorewireError


Verdict: TypeAlias = Continue | Anew | Over


@dataclass(slots=True)
class Tally:
    """What a recovery did."""

    reattached: int = 0
    recreated: int = 0
    replayed: int = 0


class Sessions:
    """Makes sessions at the broker of one link after the other. Channel ids are never used twice in a client."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._next_channel = FIRST_SESSION_CHANNEL
        self._patience_s = REATTACH_S

    def make(self, connection: Connection, session: Session, name: str, *, ours: bool) -> ControlScript[Anew]:
        """Make a session, under this name unless it was asked for before. What comes on its channel waits for its epoch."""
        if self._context.exactly_once:
            yield from self._end_attempts(session)
            if session.attempts:
                name = self._context.uuid()
        channel = yield from self._create(connection, session, name, ours=ours)
        connection.attach(channel)
        if self._context.exactly_once:
            yield from self._pass_fence(session, channel)
        return Anew(session, name, channel)

    def _end_attempts(self, session: Session) -> ControlScript[None]:
        for attempt in session.attempts:
            channel = attempt.channel
            question = packets.ReattachSession(attempt.name, channel.last_received)
            answer = yield Ask(Command(question, packets.ReattachSessionResponse))
            if answer.reattached:
                yield Ask(Command(packets.SessionClose(), packets.NullResponse), channel.channel)

    def _pass_fence(self, session: Session, channel: Channel) -> ControlScript[None]:
        """Wait until the broker has nothing more of the session before. A broker that holds it on this very link, whatever it
        said, gives it up with the link."""
        config = self._context.config
        patience_s = FENCE_S if config.connection_ttl_s is None else config.connection_ttl_s
        while True:
            name = packets.SessionUniqueAddMetadata(FENCE_KEY, self._context.fence_name(session))
            try:
                yield Ask(Command(name, packets.NullResponse), channel.channel)
            except DuplicateMetadata as held:
                if patience_s <= 0:
                    raise ConnectionTimedOut("the broker does not end the session of before") from held
                patience_s -= config.retry_interval_s
                yield Wait(config.retry_interval_s)
            else:
                return

    def _create(self, connection: Connection, session: Session, name: str, *, ours: bool) -> ControlScript[Channel]:
        """Older versions are offered in turn to a broker that does not know ours."""
        version = VERSION
        kind = Channel if ours else ForeignChannel
        window_bytes = None if self._context.exactly_once and not ours else self._window_bytes
        while True:
            channel = kind(self._next_channel, window_bytes=window_bytes)
            self._next_channel += 1
            packet = self._packet(connection.version, session, name, channel.channel, version)
            packet.window_size = -1 if window_bytes is None else window_bytes
            session.attempts.append(Attempt(name, channel))
            try:
                yield Ask(Command(packet, packets.CreateSessionResponse))
            except (IncompatibleVersions, SessionCreationRejected) as refused:
                session.attempts.pop()  # said before anything is made: of this one there is nothing to be ended
                if version == OLDEST_SPOKEN or isinstance(refused, SessionCreationRejected):
                    raise
                version -= 1
            else:
                return channel

    @property
    def _window_bytes(self) -> int | None:
        """The confirmation window, at most a quarter of what is kept for replay: else senders would wait for a broker that
        sees no reason yet to confirm."""
        config = self._context.config
        window = config.confirmation_window_bytes
        return None if window is None else min(window, max(1, config.resend_bytes_max // 4))

    def _packet(
        self, link_version: int, session: Session, name: str, channel: int, version: int
    ) -> packets.CreateSession | packets.CreateSessionV2:
        config = self._context.config
        kind = packets.CreateSessionV2 if capabilities(link_version).client_id else packets.CreateSession
        packet = kind(
            name,
            channel,
            version,
            config.user,
            config.password,
            config.large_message_bytes_min,
            xa=session.xa,
            auto_commit_sends=not session.transacted,
            auto_commit_acks=not session.transacted and session.ack_mode in (AckMode.AUTO, AckMode.DUPS_OK),
            window_size=-1,
            pre_acknowledge=session.pre_acknowledged,
        )
        if isinstance(packet, packets.CreateSessionV2):
            packet.client_id = config.client_id
        return packet

    def recover(
        self, connection: Connection, sessions: Sequence[Session], *, ours: bool, again: bool
    ) -> ControlScript[list[Verdict]]:
        """Find out what became of each session. ``again``: it can be asked once more here, on another link."""
        verdicts: list[Verdict] = []
        for session in sessions:
            connection.attach(session.channel)
            answer = yield from self._reattach(session, again=again)
            repeats = session.channel.would_repeat(answer.last_confirmed_command_id, _LARGE)
            if answer.reattached and session.may_continue and not repeats:
                verdicts.append(Continue(session, answer.last_confirmed_command_id))
                continue
            connection.detach(session.channel)
            if answer.reattached:
                yield Ask(Command(packets.SessionClose(), packets.NullResponse), session.channel.channel)
            if session.closing:
                closed = ObjectClosed("the session is closed", subject=f"session {session.name}")
                verdicts.append(Over(session, closed))
            else:
                verdicts.append((yield from self._recreate(connection, session, ours=ours)))
        self._patience_s = REATTACH_S  # only now: of several sessions the same one may be slow each time
        return verdicts

    def _reattach(self, session: Session, *, again: bool) -> ControlScript[packets.ReattachSessionResponse]:
        """A broker that is not ours hands this question, for a session with a window, to an executor of the session's that
        drops it while the session is being ended, as when the time to live of the lost link is over: nobody will answer
        (Artemis: ``ServerSessionPacketHandler.transferConnection``, ``closeExecutors``). Soon after the session is
        gone, which another link is told at once. Meanwhile it answers whatever else it is asked. A broker that is only slow is
        waited for longer each time, and one that answers nothing as long as in any call: each question takes one of its few
        threads, of which many clients that come back at once may leave none."""
        question = packets.ReattachSession(session.name, session.channel.last_received)
        command = Command(question, packets.ReattachSessionResponse)
        foreign = isinstance(session.channel, ForeignChannel) and session.channel.window_bytes is not None
        patience_s = self._patience_s if foreign and again else None
        try:
            answer: packets.ReattachSessionResponse = yield Ask(command, patience_s=patience_s)
        except CallTimeout:
            self._patience_s = min(2 * self._patience_s, self._context.config.call_timeout_s)
            raise
        return answer

    def _recreate(self, connection: Connection, session: Session, *, ours: bool) -> ControlScript[Anew | Over]:
        name = self._context.uuid()
        patience_s = self._context.config.call_timeout_s
        while True:
            try:
                return (yield from self.make(connection, session, name, ours=ours))
            except SessionCreationRejected:
                if patience_s <= 0:
                    raise
                patience_s -= STARTING_RETRY_S
                yield Wait(STARTING_RETRY_S)
            except BrokerError as refused:
                if refused.code is not ErrorCode.NOT_IMPLEMENTED_EXCEPTION:
                    raise
                return Over(session, refused)  # as an XA session at a broker without: others go on

    def carry_out(self, now: float, connection: Connection, verdicts: Sequence[Verdict], error: CorewireError) -> Tally:
        """Do to the sessions what was decided. They stay locked; raises ConfirmationMismatch if one must not continue."""
        tally = Tally()
        for verdict in verdicts:
            match verdict:
                case Continue(session, peer_received):
                    tally.reattached += 1
                    tally.replayed += self._continue(session, peer_received, error)
                case Anew(session, name, channel):
                    tally.recreated += 1
                    session.channel.close()
                    session.name = name
                    session.begin_epoch(now, channel, error)
                case Over(session, ended):
                    session.end(now, ended)
        return tally

    def _continue(self, session: Session, peer_received: int, error: CorewireError) -> int:
        try:
            replayed = session.channel.resume(peer_received)
        except ConfirmationMismatch:
            session.distrusted = True
            raise
        if replayed and isinstance(session.channel, ForeignChannel):
            session.tainted = True
            for command in session.answers:
                command.repeated = True
            if session.sends_unanswered:
                session.transaction.replayed(error)
        return replayed


def lost(error: Exception | None) -> CorewireError:
    """What the end of a link means to callers."""
    if isinstance(error, CorewireError):
        return error
    text = "the other side closed the connection" if error is None else str(error) or type(error).__name__
    failure = NotConnected(text)
    failure.__cause__ = error
    return failure
