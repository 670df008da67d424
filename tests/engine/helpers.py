"""Two engines joined without a network: a pair of links, and a pair of ends of one session that outlives them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from corewire._channel import Channel, int32
from corewire._connection import Connection, ConnectionConfig, Role
from corewire._operation import Operation
from corewire._replies import Replies
from corewire.wire import registry
from corewire.wire.framing import MAGIC, FrameReader, channel_id, frame_header, packet_type
from corewire.wire.packets import (
    ExceptionResponse,
    NullResponse,
    PacketsConfirmed,
    ReattachSession,
    ReattachSessionResponse,
    SubscribeTopologyV2,
)

if TYPE_CHECKING:
    from typing import Any

    from corewire.events import Event

SESSION = "one session"
CHANNEL = 10
CONFIRMED = PacketsConfirmed.TYPE
COMMAND = 79  # SESS_PRODUCER_REQUEST_CREDITS: asks for nothing
QUESTION = 43  # SESS_COMMIT: is answered
REFUSED = 44  # SESS_ROLLBACK, which the server of these tests refuses
DELIVERY = 80  # SESS_PRODUCER_CREDITS
PING_60 = bytes.fromhex("000000110a0000000000000000000000000000ea60")


@dataclass(slots=True, eq=False)
class Asked:
    """A question as simple as can be."""

    operation: Operation[Any] | None
    expected: tuple[int, ...]
    correlation: int
    ticket: int = 0


def frame(packet: registry.Packet, channel: int = 0, version: int = 136) -> bytes:
    return registry.encode(packet, channel, version)


def started(role: Role, config: ConnectionConfig | None = None, *, greeting: bytes = MAGIC + PING_60) -> Connection:
    """A link that is open and has nothing to send."""
    link = Connection(role, config)
    link.start(0.0)
    if role is Role.SERVER:
        link.receive_data(0.0, greeting)
    link.data_to_send()
    return link


def command(number: int, *, size: int = 0, kind: int = COMMAND) -> bytes:
    """A countable frame that can be told from others."""
    payload = number.to_bytes(4, "big") + bytes(size)
    return frame_header(kind, CHANNEL, len(payload)) + payload


def number_of(frame: bytes) -> int:
    """The number of such a frame."""
    return int.from_bytes(frame[13:17], "big")


class ConnectionPair:
    """A client's and a server's link and the bytes between them, which a test delivers, cuts or loses."""

    def __init__(self, client: ConnectionConfig | None = None, server: ConnectionConfig | None = None) -> None:
        self.configs = {Role.CLIENT: client or ConnectionConfig(), Role.SERVER: server or ConnectionConfig()}
        self.now = 0.0
        self.links: dict[Role, Connection] = {}
        self.flight: dict[Role, bytearray] = {}  # to whom
        self.connect()

    @property
    def client(self) -> Connection:
        return self.links[Role.CLIENT]

    @property
    def server(self) -> Connection:
        return self.links[Role.SERVER]

    def connect(self) -> None:
        """Make a new link; what was under way on the old one is lost."""
        self.links = {role: Connection(role, config) for role, config in self.configs.items()}
        self.flight = {role: bytearray() for role in Role}
        for link in self.links.values():
            link.start(self.now)

    def collect(self) -> None:
        """Put what the engines wrote on the way."""
        for role, other in ((Role.CLIENT, Role.SERVER), (Role.SERVER, Role.CLIENT)):
            for chunk in self.links[role].data_to_send():
                self.flight[other] += chunk

    def take(self, role: Role, size: int | None = None) -> bytes:
        """Take the next bytes that reach one side, all by default."""
        self.collect()
        data = bytes(self.flight[role][:size])
        del self.flight[role][: len(data)]
        return data

    def pump(self) -> dict[Role, list[Event]]:
        """Deliver until nothing is on the way; return what each side noticed."""
        events: dict[Role, list[Event]] = {role: [] for role in Role}
        while True:
            moved = False
            for role in Role:
                if data := self.take(role):
                    events[role] += self.links[role].receive_data(self.now, data)
                    moved = True
            if not moved:
                return events

    def advance(self, seconds: float) -> dict[Role, list[Event]]:
        """Let time pass at once, as for a suspended machine, and tell both sides."""
        self.now += seconds
        return {role: self.links[role].handle_timeout(self.now) for role in Role}


@dataclass
class End:
    """One side of a session: what it sent, what it processed, and what it wrote on its present link."""

    role: Role
    channel: Channel
    sent: list[bytes] = field(default_factory=list)  # countable frames, in order
    processed: list[bytes] = field(default_factory=list)
    confirmed: list[int] = field(default_factory=list)  # ids that it confirmed, in order
    written: list[bytes] = field(default_factory=list)  # session frames on the present link, in order

    def send(self, frame: bytes) -> None:
        self.sent.append(frame)
        self.channel.send_frame(frame)


class SessionPair:
    """A session between a client and a server of ours, over links that come and go."""

    def __init__(self, window_bytes: int | None, pair: ConnectionPair | None = None, *, first_id: int = 0) -> None:
        self.pair = pair or ConnectionPair()
        new = Channel(CHANNEL, window_bytes=window_bytes).export()
        start = replace(new, first=int32(first_id), last_received=int32(first_id - 1))
        self.ends = {role: End(role, Channel.restore(start, None)) for role in Role}
        self.replayed: dict[Role, list[bytes]] = {role: [] for role in Role}
        self.replies = Replies[Asked]()
        self.abandoned: set[Operation[int]] = set()
        self._written_readers = {role: FrameReader() for role in Role}
        self.pair.pump()
        for role, end in self.ends.items():
            self.pair.links[role].attach(end.channel)

    @property
    def client(self) -> End:
        return self.ends[Role.CLIENT]

    @property
    def server(self) -> End:
        return self.ends[Role.SERVER]

    def watch(self) -> None:
        """Put what was written on the way and note it; a confirmation must name what was processed by now."""
        for role, other in ((Role.CLIENT, Role.SERVER), (Role.SERVER, Role.CLIENT)):
            before = len(self.pair.flight[other])
            link, end = self.pair.links[role], self.ends[role]
            for chunk in link.data_to_send():
                self.pair.flight[other] += chunk
            for frame in self._written_readers[role].feed(_without_magic(bytes(self.pair.flight[other][before:]))):
                if channel_id(frame) != CHANNEL:
                    continue
                end.written.append(frame)
                if packet_type(frame) == CONFIRMED:
                    number = _confirmed_id(frame)
                    assert number == end.channel.last_received
                    end.confirmed.append(number)

    def deliver(self, role: Role, size: int | None = None) -> None:
        """Bring the next bytes to one side and let it do its work."""
        self.watch()
        for frame in self.pair.links[role].receive_frames(self.pair.now, self.pair.take(role, size)):
            self._handle(self.ends[role], self.pair.links[role], frame)
            self.watch()

    def _handle(self, end: End, link: Connection, frame: bytes) -> None:
        kind = packet_type(frame)
        if kind == ReattachSession.TYPE:
            request = registry.decode(frame, link.version)
            assert isinstance(request, ReattachSession)
            self._resume(end, link, request.last_confirmed_command_id)
        elif kind == ReattachSessionResponse.TYPE:
            answer = registry.decode(frame, link.version)
            assert isinstance(answer, ReattachSessionResponse)
            assert answer.reattached
            self._continue(end, answer.last_confirmed_command_id)
        elif channel_id(frame) == CHANNEL and link.route(CHANNEL) is not None:
            if kind == CONFIRMED:
                end.channel.confirmed(_confirmed_id(frame))
            else:
                self._process(end, frame)

    def _process(self, end: End, frame: bytes) -> None:
        """Counting follows processing: before the answer, but after an EXCEPTION."""
        end.processed.append(frame)
        kind = packet_type(frame)
        if kind == REFUSED:
            end.send(command(number_of(frame), kind=ExceptionResponse.TYPE))
        end.channel.processed(len(frame))
        window = end.channel.window_bytes
        assert window is None or end.channel.export().received_bytes < max(window, 1)
        if kind == QUESTION:
            end.send(command(number_of(frame), kind=NullResponse.TYPE))
        if registry.is_response(kind):
            self._answer(kind, number_of(frame))

    def ask(self, number: int, *, size: int = 0, kind: int = QUESTION) -> Operation[int]:
        """Let the client ask something that the server answers with the number, or refuses with it."""
        operation: Operation[int] = Operation()
        self.replies.ask(Asked(operation, (NullResponse.TYPE,), -1))
        self.client.send(command(number, size=size, kind=kind))
        return operation

    def _answer(self, kind: int, number: int) -> None:
        question = self.replies.match(kind, None)
        assert question is not None
        assert question.operation is not None
        if question.operation not in self.abandoned:
            question.operation.succeed(number)

    def cut(self) -> None:
        """The link breaks: both sides notice, what is under way is lost."""
        self.watch()
        for link in self.pair.links.values():
            link.receive_eof(self.pair.now)
        self.pair.flight = {role: bytearray() for role in Role}

    def reconnect(self) -> None:
        """The client dials again and asks to continue."""
        self.pair.connect()
        self._written_readers = {role: FrameReader() for role in Role}
        for end in self.ends.values():
            end.written = []
        link, channel = self.pair.client, self.client.channel
        link.assume_version(136)
        link.send(self.pair.now, 0, SubscribeTopologyV2())
        link.attach(channel)
        link.send(self.pair.now, 1, ReattachSession(SESSION, channel.last_received))

    def _resume(self, end: End, link: Connection, peer_received: int) -> None:
        if end.channel.link is not None:
            end.channel.link.detach(end.channel)
        link.attach(end.channel)
        self._continue(end, peer_received)
        link.send(self.pair.now, 1, ReattachSessionResponse(end.channel.last_received, True))

    def _continue(self, end: End, peer_received: int) -> None:
        """What is written again must be the commands that the peer lacks, each as it was, before any newer one."""
        self.watch()
        before = len(end.written)
        end.channel.resume(peer_received)
        self.watch()
        missing = int32(end.channel.first_unconfirmed + end.channel.unconfirmed - 1 - peer_received)
        expected = end.sent[len(end.sent) - missing :] if missing else []
        assert end.written[before:] == expected
        self.replayed[end.role] += expected

    def settle(self) -> None:
        """Deliver until nothing is on the way."""
        while True:
            self.watch()
            if not any(self.pair.flight.values()):
                return
            for role in Role:
                self.deliver(role)


def _confirmed_id(frame: bytes) -> int:
    return int.from_bytes(frame[13:17], "big", signed=True)


def _without_magic(data: bytes) -> bytes:
    return data.removeprefix(b"ARTEMIS")
