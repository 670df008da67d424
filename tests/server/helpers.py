"""A client for tests of the core: it encodes packets by the registry, and reads what the core writes. No socket, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from corewire.wire import hot, packets, registry
from corewire.wire.framing import MAGIC, FrameReader, channel_id
from corewire.wire.message import CoreMessage, encode_message
from corewire_server.core import Broker, CoreConfig
from corewire_server.core.effects import Append, CloseLink, Effect, Log, SendBytes
from corewire_server.core.inputs import BytesReceived, Input, LinkClosed, LinkOpened, Timeout

if TYPE_CHECKING:
    from corewire.values import PropertyValue
    from corewire_server.records import Record

START = 1_700_000_000_000
PacketT = TypeVar("PacketT")


class World:
    """A broker, the time, and what the broker asked for."""

    def __init__(self, config: CoreConfig | None = None, records: list[Record] | None = None) -> None:
        self.config = config or CoreConfig(node_seed=b"test")
        self.broker = Broker(self.config)
        self.broker.recover(records or [])
        self.now = START
        self.records: list[Record] = list(records or [])
        self.logs: list[Log] = []
        self.closed: list[int] = []
        self.clients: dict[int, Client] = {}

    def step(self, item: Input) -> list[Effect]:
        """One input; what is for clients reaches them."""
        effects = self.broker.step(self.now, item)
        for effect in effects:
            match effect:
                case SendBytes(link, data):
                    self.clients[link].take(data)
                case CloseLink(link):
                    self.closed.append(link)
                case Append(records):
                    self.records += records
                case Log():
                    self.logs.append(effect)
        return effects

    def connect(self, version: int = 136, *, greeting: bytes = MAGIC) -> Client:
        """A client with a link, greeted and subscribed."""
        link = (1 << 32) + len(self.clients) + 1
        client = self.clients[link] = Client(self, link, version)
        self.step(LinkOpened(link, f"127.0.0.1:{50_000 + len(self.clients)}"))
        client.write(
            greeting
            + registry.encode(packets.Ping(60_000), 0, 0)
            + registry.encode(packets.SubscribeTopologyV2(client_version=version), 0, 0)
        )
        return client

    def sleep(self, milliseconds: int) -> None:
        """Let time pass; the broker is woken whenever it wants to be."""
        end = self.now + milliseconds
        while (due := self.broker.next_timeout()) is not None and due <= end:
            self.now = max(due, self.now)
            self.step(Timeout())
        self.now = end

    def settle(self) -> None:
        """Let the broker finish what it left for the next step."""
        while self.broker.next_timeout() == self.now:
            self.step(Timeout())

    def restarted(self) -> World:
        """A new broker from what this one kept."""
        return World(self.config, self.records)


@dataclass
class Delivery:
    """One SESS_RECEIVE_MSG."""

    consumer: int
    count: int
    message: CoreMessage

    @property
    def text(self) -> str:
        """The body."""
        return self.message.body.decode()


class Client:
    """One link."""

    def __init__(self, world: World, link: int, version: int) -> None:
        self.world = world
        self.link = link
        self.version = version
        self.reader = FrameReader()
        self.frames: list[bytes] = []  # not asked for yet
        self.next_channel = 10

    def write(self, data: bytes) -> None:
        """Bytes to the broker, one input."""
        self.world.step(BytesReceived(self.link, data))

    def take(self, data: bytes) -> None:
        """Bytes from the broker."""
        self.frames += self.reader.feed(data)

    def send(self, channel: int, *items: Any) -> None:
        """Packets to the broker, one input."""
        self.write(b"".join(registry.encode(item, channel, self.version) for item in items))

    def read(self, channel: int) -> list[Any]:
        """What came on a channel and was not read yet, decoded."""
        mine = [frame for frame in self.frames if channel_id(frame) == channel]
        self.frames = [frame for frame in self.frames if channel_id(frame) != channel]
        return [registry.decode(frame, self.version) for frame in mine]

    def session(self, name: str = "", **options: Any) -> Session:
        """Open a session; the answer must be good."""
        channel = self.next_channel
        self.next_channel += 1
        name = name or f"session-{self.link & 0xFFFF}-{channel}"
        self.send(1, packets.CreateSessionV2(name, channel, self.version, **options))
        (answer,) = self.read(1)
        assert isinstance(answer, packets.CreateSessionResponse), answer
        return Session(self, channel, name)

    def reattach(self, session: Session, last: int) -> packets.ReattachSessionResponse:
        """Continue a session of another link on this one."""
        self.send(1, packets.ReattachSession(session.name, last))
        (answer,) = self.read(1)
        assert isinstance(answer, packets.ReattachSessionResponse)
        session.client = self
        return answer

    def lose(self) -> None:
        """The socket is gone."""
        self.world.step(LinkClosed(self.link))


@dataclass
class Session:
    """One session of a client."""

    client: Client
    channel: int
    name: str
    next_consumer: int = 0
    correlation: int = -1
    extra: list[Any] = field(default_factory=list[Any])

    def tell(self, *items: Any) -> None:
        """Send packets that are not answered."""
        self.client.send(self.channel, *items)

    def read(self) -> list[Any]:
        """All that came and was not read."""
        items, self.extra = [*self.extra, *self.client.read(self.channel)], []
        return items

    def ask(self, item: Any) -> Any:
        """Send a packet and return its answer; deliveries are kept for later."""
        self.tell(item)
        items = self.read()
        answers = [one for one in items if registry.is_response(one.TYPE)]
        self.extra = [one for one in items if not registry.is_response(one.TYPE)]
        assert len(answers) == 1, items
        return answers[0]

    def done(self, item: Any) -> None:
        """Send a packet that must succeed."""
        answer = self.ask(item)
        assert isinstance(answer, packets.NullResponse), answer

    def refused(self, item: Any) -> int:
        """Send a packet that must be refused; returns the code."""
        answer = self.ask(item)
        assert isinstance(answer, packets.ExceptionResponse), answer
        return answer.code

    def queue(self, name: str, address: str | None = None, **options: Any) -> None:
        """Make a queue, anycast unless said otherwise."""
        self.done(packets.CreateQueueV2(address or name, name, **{"routing_type": 1, **options}))

    def publish(self, address: str, text: str, *, blocking: bool = True, **options: Any) -> Any:
        """Send a message; returns the answer if it was a blocking send."""
        self.correlation -= 1
        item = send_packet(address, text, requires_response=blocking, correlation_id=self.correlation, **options)
        if blocking:
            return self.ask(item)
        self.tell(item)
        return None

    def consume(self, queue: str, *, credit: int = -1, selector: str | None = None, browse: bool = False) -> int:
        """Open a consumer and start the session; returns the consumer's id."""
        number = self.next_consumer
        self.next_consumer += 1
        self.ask(packets.SessionCreateConsumer(number, queue, selector, browse_only=browse))
        self.tell(packets.SessionFlowToken(number, credit), packets.SessionStart())
        return number

    def deliveries(self) -> list[Delivery]:
        """The messages that came."""
        items = self.read()
        found = [one for one in items if isinstance(one, packets.SessionReceiveMessage)]
        self.extra = [one for one in items if not isinstance(one, packets.SessionReceiveMessage)]
        return [Delivery(one.consumer_id, one.delivery_count, CoreMessage(one.message)) for one in found]

    def texts(self) -> list[str]:
        """The bodies of the messages that came."""
        return [one.text for one in self.deliveries()]

    def acknowledge(self, delivery: Delivery, *, individual: bool = False) -> None:
        """Acknowledge up to a delivery, or it alone."""
        kind = packets.SessionIndividualAcknowledge if individual else packets.SessionAcknowledge
        self.done(kind(delivery.consumer, delivery.message.id, requires_response=True))


def send_packet(
    address: str | None,
    text: str,
    *,
    requires_response: bool = False,
    correlation_id: int = 0,
    durable: bool = False,
    priority: int = 4,
    expiration: int = 0,
    properties: dict[str, PropertyValue] | None = None,
) -> packets.SessionSend:
    """A message in its packet."""
    raw = encode_message(
        text.encode(),
        address=address,
        durable=durable,
        priority=priority,
        expiration=expiration,
        properties=properties,
    )
    return packets.SessionSend(raw, requires_response, correlation_id)


def one(items: list[PacketT]) -> PacketT:
    """The only item."""
    assert len(items) == 1, items
    return items[0]


__all__ = ["START", "Client", "Delivery", "Session", "World", "hot", "one", "send_packet"]
