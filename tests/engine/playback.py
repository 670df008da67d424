"""
One side of a recorded conversation, played by our engine; the test is its owner and sends what the real owner sent.

What the peer wrote is fed to the engine. When the real side wrote something, the same must come from ours: a confirmation
with the same number, a re-attachment with the same number, the same commands written again. All else that the real side
wrote is sent by the owner.

A recording does not say when the real side had processed a command. So commands wait to be processed until something
proves that they were: an answer to them, a confirmation that covers them, a re-attachment. A confirmation must come out
of the window where it was due, and of a flush elsewhere (the real ones flush by a clock).
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.engine.helpers import Asked
from tests.engine.recordings import Ended, Item, Opened, Written

from corewire._channel import Channel, ConfirmationMismatch
from corewire._connection import Connection, ConnectionConfig, Role
from corewire._foreign_channel import ForeignChannel
from corewire._replies import Replies
from corewire._states import LinkState
from corewire.wire import registry
from corewire.wire.framing import MAGIC, channel_id, packet_type
from corewire.wire.hot import parse_packets_confirmed
from corewire.wire.packets import (
    CreateSession,
    CreateSessionResponse,
    CreateSessionV2,
    ExceptionResponse,
    PacketsConfirmed,
    Ping,
    ReattachSession,
    ReattachSessionResponse,
    SessionClose,
)
from corewire.wire.versions import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

ALWAYS_ANSWERED = frozenset({35, 43, 44, 45, 49, *range(51, 64), 65, 68, 69, 74, 104}) - {55, 62}
RESPONSES = tuple(kind for kind in range(-128, 128) if registry.is_response(kind))
CONFIRMED = PacketsConfirmed.TYPE
CONFIG = ConnectionConfig(frame_bytes_login_max=2**31 - 1, frame_bytes_max=2**31 - 1, between_brokers=True)


@dataclass
class Session:
    """A session of the recording on our channel."""

    channel: Channel
    unprocessed: deque[bytes] = field(default_factory=deque)
    unanswered: int = 0  # questions that were processed
    replies: Replies[Asked] = field(default_factory=lambda: Replies[Asked]())  # client: what it asked
    confirmed: deque[int] = field(default_factory=deque)  # by our window, to be met in the recording
    replayed: deque[bytes] = field(default_factory=deque)  # written again by us, to be met in the recording


@dataclass
class Link:
    """A link of the recording."""

    engine: Connection
    sessions: dict[int, Session] = field(default_factory=dict)  # by channel
    creating: deque[CreateSession | CreateSessionV2] = field(default_factory=deque)
    reattaching: deque[ReattachSession] = field(default_factory=deque)
    echoes: deque[bytes] = field(default_factory=deque)


class Playback:
    """Plays ``role`` in a recording. ``compared`` counts what was compared, ``differences`` says what was not equal."""

    def __init__(self, role: Role, *, confirms_into_the_void: bool = False, foreign: bool = False) -> None:
        self.role = role
        self.kind = ForeignChannel if foreign else Channel
        self.confirms_into_the_void = confirms_into_the_void  # server: its clock confirms into a link that is cut
        self.links: dict[int, Link] = {}
        self.sessions: dict[str, Session] = {}
        self.compared: Counter[str] = Counter()
        self.differences: list[str] = []
        self.accepted: deque[bool] = deque()  # of the requests to re-attach, in order: what the server will answer

    def play(self, items: Sequence[Item]) -> None:
        self.accepted = _accepted(items)
        config = replace(CONFIG, version=_spoken_by_client(items) if self.role is Role.CLIENT else VERSION)
        for item in items:
            match item:
                case Opened(number):
                    self.links[number] = Link(Connection(self.role, config))
                    if self.role is Role.CLIENT and self.sessions:
                        self.links[number].engine.assume_version(config.version)
                    self.links[number].engine.start(0.0)
                    self.links[number].engine.data_to_send()
                case Ended(number):
                    self.links[number].engine.receive_eof(0.0)
                case Written(number, by, frame, arrived) if by is self.role:
                    self._wrote(self.links[number], frame)
                case Written(number, _, frame, arrived):
                    self._receive(self.links[number], frame[:arrived])

    def _compare(self, what: str, ours: object, recorded: object) -> None:
        self.compared[what] += 1
        if ours != recorded:
            self.differences.append(f"{what}: {self.role.value} says {ours!r}, recorded is {recorded!r}")

    # -- what the peer wrote ---------------------------------------------------------------------------------------------

    def _receive(self, link: Link, data: bytes) -> None:
        for frame in link.engine.receive_frames(0.0, data):
            channel = channel_id(frame)
            if channel == 1:
                self._receive_about_sessions(link, frame)
            elif channel in link.sessions and link.engine.route(channel) is not None:
                self._receive_for_session(link.sessions[channel], frame)
        self._collect(link)

    def _receive_for_session(self, session: Session, frame: bytes) -> None:
        if packet_type(frame) != CONFIRMED:
            session.unprocessed.append(frame)
            if registry.is_response(packet_type(frame)):
                self._answered(session, frame)
            return
        number = parse_packets_confirmed(frame)
        try:
            session.channel.confirmed(number)
        except ConfirmationMismatch as error:
            self.differences.append(str(error))

    def _answered(self, session: Session, frame: bytes) -> None:
        correlation = getattr(registry.decode(frame, session.channel.version), "correlation_id", None)
        question = session.replies.match(packet_type(frame), correlation)
        if question is not None:
            session.channel.answered(question.ticket, refused=packet_type(frame) == ExceptionResponse.TYPE)

    def _receive_about_sessions(self, link: Link, frame: bytes) -> None:
        match registry.decode(frame, link.engine.version):
            case CreateSession() | CreateSessionV2() as request:
                link.creating.append(request)
            case CreateSessionResponse():
                self._created(link)
            case ExceptionResponse():
                link.creating.popleft()
            case ReattachSession() as request:
                link.reattaching.append(request)
                if self.accepted.popleft():
                    session = self.sessions[request.name]
                    self._process_all(session)
                    if self.confirms_into_the_void:
                        session.channel.flush()
                    self._attach(link, session)
                    self._resume(link, session, request.last_confirmed_command_id)
            case ReattachSessionResponse() as answer:
                request = link.reattaching.popleft()
                session = self.sessions[request.name]
                if answer.reattached:
                    self._resume(link, session, answer.last_confirmed_command_id)
            case _:
                pass

    # -- what this side wrote --------------------------------------------------------------------------------------------

    def _wrote(self, link: Link, frame: bytes) -> None:
        if frame == MAGIC or link.engine.state is not LinkState.OPEN:
            return
        channel = channel_id(frame)
        if packet_type(frame) == Ping.TYPE:
            if self.role is Role.SERVER:
                self._compare("echo", link.echoes.popleft() if link.echoes else None, frame)
        elif channel == 1:
            self._wrote_about_sessions(link, frame)
        elif channel in link.sessions:
            self._wrote_for_session(link, link.sessions[channel], frame)

    def _wrote_for_session(self, link: Link, session: Session, frame: bytes) -> None:
        if packet_type(frame) == CONFIRMED:
            self._confirm(link, session, parse_packets_confirmed(frame))
        elif session.replayed:
            self._compare("replay", session.replayed.popleft().hex(), frame.hex())
        else:
            refused = packet_type(frame) == ExceptionResponse.TYPE
            if refused:
                self._process_before_refusal(link, session)
            elif registry.is_response(packet_type(frame)):
                self._process_question(link, session)
            self._expect_nothing_confirmed(session)
            self._send(session, frame)
            self._collect(link, expected=frame)
            if refused:
                self._process_question(link, session)

    def _send(self, session: Session, frame: bytes) -> None:
        if not registry.is_countable(frame):
            session.channel.send_uncounted(frame)
        elif self.role is Role.CLIENT and _asks(frame, session.channel.version):
            correlation = getattr(registry.decode(frame, session.channel.version), "correlation_id", None) or -1
            session.replies.ask(Asked(None, RESPONSES, correlation, session.channel.ask_frame(frame)))
        else:
            session.channel.send_frame(frame)

    def _wrote_about_sessions(self, link: Link, frame: bytes) -> None:
        match registry.decode(frame, link.engine.version):
            case CreateSession() | CreateSessionV2() as request:
                link.creating.append(request)
            case CreateSessionResponse():
                self._created(link)
            case ExceptionResponse():
                link.creating.popleft()
            case ReattachSession() as request:
                link.reattaching.append(request)
                session = self.sessions[request.name]
                self._process_all(session)
                self._compare("re-attachment", session.channel.last_received, request.last_confirmed_command_id)
                self._attach(link, session)
            case ReattachSessionResponse() as answer:
                request = link.reattaching.popleft()
                if answer.reattached:
                    ours = self.sessions[request.name].channel.last_received
                    self._compare("re-attachment", ours, answer.last_confirmed_command_id)
            case _:
                pass

    # -- sessions --------------------------------------------------------------------------------------------------------

    def _created(self, link: Link) -> None:
        """A new session, or a session made again under its name: for a client the channel is the same."""
        request = link.creating.popleft()
        channel = request.session_channel_id
        session = link.sessions.get(channel)
        if self.role is Role.CLIENT and session is not None:
            session.channel.reset()
            session.replies.clear()
            session.unprocessed.clear()
        else:
            window = None if request.window_size == -1 else request.window_size
            session = Session(self.kind(channel, window_bytes=window))
            self._attach(link, session)
        self.sessions[request.name] = session

    def _attach(self, link: Link, session: Session) -> None:
        """Two clients of one recording may give their channels the same number, but not on one link."""
        if session.channel.link is not None:
            session.channel.link.detach(session.channel)
        link.engine.attach(session.channel)
        link.sessions[session.channel.channel] = session

    def _resume(self, link: Link, session: Session, peer_received: int) -> None:
        try:
            session.channel.resume(peer_received)
        except ConfirmationMismatch as error:
            self.differences.append(str(error))
            return
        written = link.engine.data_to_send()
        session.replayed = deque(frame for frame in written if channel_id(frame) == session.channel.channel)

    # -- processing and confirming -----------------------------------------------------------------------------------------

    def _process(self, session: Session) -> None:
        frame = session.unprocessed.popleft()
        if registry.is_countable(frame):
            session.channel.processed(len(frame))
        if packet_type(frame) == SessionClose.TYPE:
            session.channel.flush()
        session.unanswered += _asks(frame, session.channel.version)

    def _expect_nothing_confirmed(self, session: Session) -> None:
        """A confirmation precedes the answer to the command that caused it, so it would have been recorded by now."""
        if session.confirmed:
            self.differences.append(f"{self.role.value} confirmed {list(session.confirmed)}, which is not recorded")
            session.confirmed.clear()

    def _process_all(self, session: Session) -> None:
        while session.unprocessed:
            self._process(session)
        if session.channel.link is not None:
            session.channel.link.data_to_send()
        session.confirmed.clear()

    def _process_question(self, link: Link, session: Session) -> None:
        """An answer proves that everything up to the oldest question was processed."""
        while not session.unanswered and session.unprocessed:
            self._process(session)
        session.unanswered = max(session.unanswered - 1, 0)
        self._collect(link)

    def _process_before_refusal(self, link: Link, session: Session) -> None:
        """A refused command counts after its EXCEPTION, so stop in front of it."""
        while not session.unanswered and session.unprocessed and not _asks(session.unprocessed[0], link.engine.version):
            self._process(session)
        self._collect(link)

    def _confirm(self, link: Link, session: Session, number: int) -> None:
        """By the window where it is due, else by a flush after as much as the real side had processed."""
        while not session.confirmed and session.unprocessed and session.channel.last_received != number:
            self._process(session)
            self._collect(link)
        if not session.confirmed:
            session.channel.flush()
            self._collect(link)
        self._compare("confirmation", session.confirmed.popleft() if session.confirmed else None, number)

    def _collect(self, link: Link, expected: bytes | None = None) -> None:
        """Sort what our engine wrote; beside confirmations and echoes that can only be what its owner sent."""
        for frame in link.engine.data_to_send():
            if packet_type(frame) == CONFIRMED:
                link.sessions[channel_id(frame)].confirmed.append(parse_packets_confirmed(frame))
            elif packet_type(frame) == Ping.TYPE:
                link.echoes.append(frame)
            elif frame != expected:
                self.differences.append(f"{self.role.value} wrote {frame.hex()} of its own accord")


def _accepted(items: Sequence[Item]) -> deque[bool]:
    """What the server will answer to each request to re-attach. One that it never answered came to nothing."""
    answers: dict[int, deque[bool]] = {}
    for item in items:
        if (
            isinstance(item, Written)
            and packet_type(item.frame) == ReattachSessionResponse.TYPE
            and channel_id(item.frame) == 1
        ):
            answers.setdefault(item.link, deque()).append(item.frame[17] != 0)
    asked = [
        item.link
        for item in items
        if isinstance(item, Written) and item.frame != MAGIC and item.arrived == len(item.frame)
        if packet_type(item.frame) == ReattachSession.TYPE and channel_id(item.frame) == 1
    ]
    return deque(answers[link].popleft() if answers.get(link) else False for link in asked)


def _spoken_by_client(items: Sequence[Item]) -> int:
    """The version that the client offers: an old client does not learn new tricks from a new broker."""
    for item in items:
        if isinstance(item, Written) and item.frame != MAGIC and channel_id(item.frame) == 1:
            packet = registry.decode(item.frame, VERSION)
            if isinstance(packet, CreateSession | CreateSessionV2):
                return packet.version
    return VERSION


def _asks(frame: bytes, version: int) -> bool:
    """Whether a frame of a client is answered."""
    if packet_type(frame) in ALWAYS_ANSWERED:
        return True
    packet = registry.decode(frame, version)
    return bool(getattr(packet, "requires_response", False) or getattr(packet, "requires_confirmation", False))
