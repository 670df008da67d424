"""A client engine and brokers in memory: the test is network and clock."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from corewire.client._engine import ClientEngine
from corewire.client.config import ClientConfig, Endpoint
from corewire.effects import Completed, Dial, Hangup, Notify, Send
from corewire.wire import packets
from corewire.wire.framing import FrameReader, packet_type
from corewire.wire.registry import decode, packet_name
from corewire_server.core import Broker, CoreConfig
from corewire_server.core.config import AddressSettings
from corewire_server.core.effects import CloseLink, SendBytes
from corewire_server.core.inputs import BytesReceived, LinkClosed, LinkOpened, Timeout

if TYPE_CHECKING:
    from corewire._operation import Operation
    from corewire.client._ids import ConsumerId, SessionId
    from corewire.events import ClientEvent
    from corewire_server.core.effects import Effect as BrokerEffect

T = TypeVar("T")
EPOCH_MS = 1_700_000_000_000

ONE = Endpoint(host="one")
TWO = Endpoint(host="two")


def resilient(**fields: Any) -> ClientConfig:
    """A client that survives cuts: with a window, and with attempts without end."""
    return ClientConfig(
        **{"endpoints": (ONE,), "reconnect_attempts": None, "confirmation_window_bytes": 1_048_576, **fields}
    )


def fragile(**fields: Any) -> ClientConfig:
    """As Artemis' default, but with attempts: no window, so sessions are recreated."""
    return resilient(**{"confirmation_window_bytes": None, **fields})


@dataclass
class Wire:
    """One link: what is on its way, and what may still pass."""

    endpoint: Endpoint
    to_client: bytearray = field(default_factory=bytearray)
    to_broker: bytearray = field(default_factory=bytearray)
    alive: bool = True
    client_reads: int | None = None  #: bytes that still reach the client before the cut
    broker_reads: int | None = None
    stalled: bool = False  #: nothing arrives in either direction
    deaf: bool = False  #: nothing arrives at the client


class ClientWorld:
    """Everything a client engine needs, in one process and with invented time."""

    def __init__(
        self, config: ClientConfig | None = None, *, seed: int = 1, foreign: bool = False, pump: bool = True
    ) -> None:
        self.config = config or resilient()
        self.engine = ClientEngine(self.config, rng=random.Random(seed))
        self.now = 1_000.0
        self.foreign = foreign
        self.brokers: dict[str, Broker] = {}
        self.refusing: set[str] = set()
        self.wires: dict[int, Wire] = {}
        self.dials: list[tuple[float, str]] = []
        self.events: list[ClientEvent] = []
        self.sent: list[str] = []  # names of the packets that the client wrote, all links
        self.frames: list[bytes] = []  # of them
        self._readers: dict[int, FrameReader] = {}
        for name in ("one",):
            self.add_broker(name)
        self.started = self.engine.start(self.now)
        if pump:
            self.pump()

    def add_broker(self, name: str, seed: bytes | None = None) -> Broker:
        broker = self.brokers[name] = Broker(
            CoreConfig(node_seed=seed or name.encode(), addresses=AddressSettings(max_delivery_attempts=-1))
        )
        broker.recover([])
        if self.foreign:
            broker.state.node_id = "12345678-1234-1234-8234-123456789abc"
        return broker

    # -- moving things ---------------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Deliver until nothing moves."""
        while self.turn():
            pass

    def turn(self) -> bool:
        """Perform what the client wants and deliver what is on its way, once each way."""
        moved = self.perform()
        for link, wire in list(self.wires.items()):
            if wire.alive and not wire.stalled:
                moved = self._to_broker(link, wire) or moved
                moved = (not wire.deaf and self._to_client(link, wire)) or moved
        return moved

    def perform(self) -> bool:
        """Perform what the client wants. Returns whether there was anything."""
        effects = self.engine.poll_effects()
        for effect in effects:
            match effect:
                case Dial(link, endpoint, _):
                    self._dial(link, endpoint)
                case Send(link, chunks):
                    if (wire := self.wires.get(link)) is not None and wire.alive:
                        wire.to_broker += b"".join(chunks)
                        self._note(link, chunks)
                case Hangup(link):
                    if (wire := self.wires.get(link)) is not None and wire.alive:
                        if wire.stalled:
                            wire.alive = False  # and the broker does not hear of it
                        else:
                            self._to_broker(link, wire)
                            self.drop(link, tell_client=False)
                case Completed():
                    pass
                case Notify(event):
                    self.events.append(event)
                case _:
                    raise AssertionError(effect)
        return bool(effects)

    def step(self) -> bool:
        """Deliver one frame, the client's first. Returns whether there was one."""
        while self.perform():
            pass
        for link, wire in list(self.wires.items()):
            if not wire.alive:
                continue
            for data, deliver in ((wire.to_broker, self._to_broker), (wire.to_client, self._to_client)):
                if data:
                    size = 7 if data.startswith(b"ARTEMIS") else int.from_bytes(data[:4], "big") + 4
                    rest = bytes(data[size:])
                    del data[size:]
                    deliver(link, wire)
                    data += rest
                    while self.perform():
                        pass
                    return True
        return False

    def _note(self, link: int, chunks: Any) -> None:
        data = b"".join(chunks).removeprefix(b"ARTEMIS")
        for frame in self._readers.setdefault(link, FrameReader()).feed(data):
            self.sent.append(packet_name(packet_type(frame)))
            self.frames.append(frame)

    def _dial(self, link: int, endpoint: Endpoint) -> None:
        self.dials.append((self.now, endpoint.host))
        if endpoint.host in self.refusing or endpoint.host not in self.brokers:
            self.engine.link_down(self.now, link, ConnectionRefusedError("refused"))
            return
        self.wires[link] = Wire(endpoint)
        self._step(endpoint.host, LinkOpened((1 << 32) + link, f"127.0.0.1:{link}"))
        self.engine.link_up(self.now, link)

    def _step(self, host: str, item: Any) -> None:
        self._perform(self.brokers[host].step(EPOCH_MS + round(self.now * 1000), item))

    def _perform(self, effects: list[BrokerEffect]) -> None:
        for effect in effects:
            match effect:
                case SendBytes(link, data):
                    wire = self.wires.get(link - (1 << 32))
                    if wire is not None and wire.alive:
                        wire.to_client += data
                case CloseLink(link):
                    number = link - (1 << 32)
                    if (wire := self.wires.get(number)) is not None and wire.alive:
                        if wire.stalled or wire.deaf:
                            continue  # the client does not hear of it
                        self._to_client(number, wire)
                        self.drop(number)
                case _:
                    pass

    def _to_broker(self, link: int, wire: Wire) -> bool:
        data = bytes(wire.to_broker[: wire.broker_reads])
        del wire.to_broker[: len(data)]
        if data:
            self._step(wire.endpoint.host, BytesReceived((1 << 32) + link, data))
        if wire.broker_reads is not None:
            wire.broker_reads -= len(data)
            if wire.broker_reads == 0 and wire.alive:
                self.drop(link)
                return True
        return bool(data)

    def _to_client(self, link: int, wire: Wire) -> bool:
        data = bytes(wire.to_client[: wire.client_reads])
        del wire.to_client[: len(data)]
        if data:
            self.engine.receive_data(self.now, link, data)
        if wire.client_reads is not None:
            wire.client_reads -= len(data)
            if wire.client_reads == 0 and wire.alive:
                self.drop(link)
                return True
        return bool(data)

    def drop(self, link: int, *, tell_client: bool = True) -> None:
        """End a link; what is on its way is lost."""
        wire = self.wires[link]
        wire.alive = False
        if wire.endpoint.host in self.brokers:
            self._step(wire.endpoint.host, LinkClosed((1 << 32) + link))
        if tell_client:
            self.engine.link_down(self.now, link, None)

    @property
    def link(self) -> int:
        """The newest living link."""
        return max(number for number, wire in self.wires.items() if wire.alive)

    @property
    def wire(self) -> Wire:
        return self.wires[self.link]

    def cut(self) -> None:
        """Cut the link at once."""
        self.drop(self.link)

    def cut_all(self) -> None:
        for link, wire in list(self.wires.items()):
            if wire.alive:
                self.drop(link)

    def restart(self, name: str = "one") -> None:
        """The broker is killed and comes back with an empty memory."""
        self.brokers.pop(name)
        for link, wire in list(self.wires.items()):
            if wire.alive and wire.endpoint.host == name:
                wire.alive = False
                self.engine.link_down(self.now, link, None)
        self.add_broker(name)

    def forget(self) -> None:
        """Remember nothing of what is over: then all that grows is the client, or the broker."""
        for memory in (self.events, self.frames, self.sent, self.dials):
            memory.clear()
        self.wires = {link: wire for link, wire in self.wires.items() if wire.alive}
        self._readers = {link: reader for link, reader in self._readers.items() if link in self.wires}

    def advance(self, seconds: float) -> None:
        """Let time pass, with every timer in between."""
        end = self.now + seconds
        while True:
            self.pump()
            wanted = [at for at in (self.engine.next_timeout(), *self._broker_timeouts()) if at is not None]
            due = min(wanted, default=None)
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            for name in list(self.brokers):
                self._step(name, Timeout())
            self.engine.handle_timeout(self.now)
        self.now = end
        self.pump()

    def _broker_timeouts(self) -> list[float]:
        times = [broker.next_timeout() for broker in self.brokers.values()]
        return [max((at - EPOCH_MS) / 1000, self.now + 0.001) for at in times if at is not None]

    # -- convenience -------------------------------------------------------------------------------------------------------

    def run(self, operation: Operation[T]) -> T:
        """Deliver until the operation is done."""
        self.pump()
        assert operation.done, "still pending"
        return operation.result()

    def session(self, **options: Any) -> SessionId:
        return self.run(self.engine.create_session(self.now, **options))

    def consumer(self, session: SessionId, queue: str = "q", **options: Any) -> ConsumerId:
        return self.run(self.engine.create_consumer(self.now, session, queue, **{"create": True, **options}))

    def receive_all(self, consumer: ConsumerId, *, acknowledge: bool = True) -> list[Any]:
        """Bodies of what there is."""
        bodies: list[Any] = []
        while (delivery := self.run(self.engine.receive_immediate(self.now, consumer))) is not None:
            bodies.append(delivery.body)
            if acknowledge:
                self.run(self.engine.acknowledge(self.now, delivery))
        return bodies

    def written(self, kind: type[Any]) -> list[Any]:
        """The packets of one kind that the client wrote, on all links."""
        return [decode(frame, 136) for frame in self.frames if packet_type(frame) == kind.TYPE]

    def names(self, kind: type) -> list[ClientEvent]:
        return [event for event in self.events if isinstance(event, kind)]


__all__ = ["ONE", "TWO", "ClientWorld", "Wire", "fragile", "packets", "replace", "resilient"]
