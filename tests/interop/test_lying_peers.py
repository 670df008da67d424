"""Sizes that lie (cases.md 15) over real sockets: five hundred clients to our broker at once, and a broker to our client."""

from __future__ import annotations

import os
import re
import select
import socket
import threading
import time
from contextlib import contextmanager
from itertools import cycle, islice
from typing import TYPE_CHECKING

import pytest
from tests.server import lies

from corewire.errors import CorewireError, RemoteProtocolError
from corewire.wire import packets, registry
from corewire.wire.framing import MAGIC, FrameReader
from corewire_server import BrokerConfig, serve
from corewire_transports.threads import connect, move_on_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.interop.ours import OurBroker

LINKS = 500
ROUNDS = 2
MOMENT_S = 0.3
DEARER_MAX = 3.0  # times the CPU of clients that say the same and mean it
LINE = re.compile(r"127\.0\.0\.1:\d+( \(user \w+\))?: link closed: \w.* at offset \d+")


def resident_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_s(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        user, system = file.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def liars() -> list[bytes]:
    """What each of the links sends."""
    early = [frame for channel, packet in lies.BEFORE_LOGIN for frame in lies.spoilt(channel, packet)]
    late = [frame for packet in lies.IN_SESSION for frame in lies.spoilt(10, packet)]
    said = _said(early[:: len(early) // 200], late[:: len(late) // 200])
    return [MAGIC + (0x7FFF_FFF0).to_bytes(4, "big") + bytes(60_000), *said][:LINKS]


def honest() -> list[bytes]:
    """The same, and true."""
    early = [registry.encode(packet, channel, lies.VERSION) for channel, packet in lies.BEFORE_LOGIN]
    return _said(early, [registry.encode(packet, 10, lies.VERSION) for packet in lies.IN_SESSION])


def _said(early: list[bytes], late: list[bytes]) -> list[bytes]:
    """On one link something before its login, on the next one something in its session, in turns."""
    said: list[bytes] = []
    for before, within in islice(zip(cycle(early), cycle(late), strict=False), LINKS // 2):
        name = chr(0x100 + len(said))
        login = registry.encode(packets.CreateSessionV2(name, 10, lies.VERSION, "eve"), 1, lies.VERSION)
        said += (MAGIC + before, MAGIC + login + within)
    return said


@contextmanager
def said_to(port: int, words: list[bytes]) -> Iterator[None]:
    """Many clients at once say this, and stay until they were answered, or closed, and the block ends."""
    sockets = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in words]
    try:
        for sock, data in zip(sockets, words, strict=True):
            sock.sendall(data)
        until_quiet(sockets)
        yield
    finally:
        for sock in sockets:
            sock.close()


def cost_s(broker: OurBroker, words: list[bytes]) -> float:
    """Seconds of the broker's CPU."""
    before = cpu_s(broker.pid)
    with said_to(broker.port, words):
        return cpu_s(broker.pid) - before


def latencies(url: str, until: threading.Event) -> list[float]:
    """Milliseconds of blocking durable sends, one after another."""
    found: list[float] = []
    with connect(url) as client, client.session() as session:
        session.create_queue("honest", exist_ok=True)
        while not until.is_set():
            begin = time.perf_counter()
            session.send("honest", b"x", durable=True)
            found.append((time.perf_counter() - begin) * 1000)
    return sorted(found)


def p99(values: list[float]) -> float:
    return values[len(values) * 99 // 100]


def during(url: str, work: Callable[[], None]) -> list[float]:
    """Latencies of an honest client while something goes on."""
    until, found = threading.Event(), list[list[float]]()
    thread = threading.Thread(target=lambda: found.append(latencies(url, until)))
    thread.start()
    try:
        work()
    finally:
        until.set()
        thread.join(60)
    return found[0]


def until_quiet(sockets: list[socket.socket]) -> None:
    """Read until the broker has closed them or has said nothing for a second."""
    left = list(sockets)
    while ready := select.select(left, [], [], 1.0)[0] if left else []:
        for sock in ready:
            try:
                if sock.recv(65536):
                    continue
            except ConnectionError:
                pass
            left.remove(sock)


@pytest.mark.slow
def test_five_hundred_liars_cost_little_and_are_named(our_broker: OurBroker) -> None:
    idle = during(our_broker.url, lambda: time.sleep(1.0))
    memory, growth = resident_bytes(our_broker.pid), 0

    def lie() -> None:
        nonlocal growth
        with said_to(our_broker.port, liars()):
            growth = resident_bytes(our_broker.pid) - memory

    busy = during(our_broker.url, lie)
    closed = [line for line in our_broker.log.splitlines() if "link closed" in line]
    costs = [(cost_s(our_broker, liars()), cost_s(our_broker, honest())) for _ in range(ROUNDS)]
    lies_s, truth_s = min(lie for lie, _ in costs), max(truth for _, truth in costs)
    print(
        f"{LINKS} liars: {growth >> 20} MiB, {lies_s:.2f} s of CPU (honest ones {truth_s:.2f} s), {len(closed)} closed"
    )
    print(f"p99 of an honest client: idle {p99(idle):.1f} ms, meanwhile {p99(busy):.1f} ms")
    assert growth < 64 << 20
    assert lies_s < DEARER_MAX * truth_s, costs
    assert 100 < len(closed) <= LINKS
    assert all(LINE.search(line) or "IncompatibleVersions" in line for line in closed), closed
    with connect(our_broker.url) as client, client.session() as session:
        assert session.query_queue("honest").message_count == len(idle) + len(busy)


class LyingProxy:
    """Between a client and a broker: one frame of the broker, of one type, gets a claim written over one place."""

    def __init__(self, port: int, packet_type: int, at: int, claim: int) -> None:
        self._target, self._type, self._at, self._claim = port, packet_type & 0xFF, at, claim
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.lied = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # closing alone does not wake who accepts
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        try:
            while True:
                client, _ = self._listener.accept()
                broker = socket.create_connection(("127.0.0.1", self._target))
                threading.Thread(target=self._pump, args=(client, broker), daemon=True).start()
        except OSError:
            pass

    def _pump(self, client: socket.socket, broker: socket.socket) -> None:
        reader = FrameReader()
        with client, broker:
            try:
                while True:
                    for ready in select.select([client, broker], [], [])[0]:
                        data = ready.recv(65536)
                        if not data:
                            return
                        if ready is client:
                            broker.sendall(data)
                        else:
                            client.sendall(b"".join(map(self._spoilt, reader.feed(data))))
            except OSError:
                pass

    def _spoilt(self, frame: bytes) -> bytes:
        if self.lied or frame[4] != self._type or self._at + 4 > len(frame):
            return frame
        self.lied = True
        return frame[: self._at] + self._claim.to_bytes(4, "big", signed=True) + frame[self._at + 4 :]


ANSWERS = [
    *(packets.ClusterTopologyV4, packets.CreateSessionResponse, packets.SessionQueueQueryResponseV3),
    *(packets.SessionBindingQueryResponseV5, packets.SessionReceiveMessage, packets.SessionProducerCredits),
    *(packets.NullResponse, packets.PacketsConfirmed),
]


def talk(port: int) -> None:
    """A client that asks for all of these."""
    url = f"tcp://127.0.0.1:{port}?reconnectAttempts=0&initialConnectAttempts=1&callTimeout=500&confirmationWindowSize=100"
    with connect(url) as client, client.session() as session:
        session.create_queue("q", exist_ok=True)
        session.query_queue("q")
        session.query_address("q")
        with move_on_after(MOMENT_S):  # credits that were not given are waited for without end
            session.send("q", "text", properties={"key": "value"})
        with session.consumer("q") as consumer:
            message = consumer.receive(timeout=MOMENT_S)
            assert message is None or message.properties is not None
            assert message is None or message.text is not None


@pytest.mark.slow
@pytest.mark.parametrize("packet", ANSWERS, ids=lambda one: one.NAME)
def test_a_broker_that_lies_gets_an_error_of_ours_in_time(packet: type[registry.Packet]) -> None:
    found: list[str] = []
    with serve(BrokerConfig.for_tests()) as node:
        broker_port = int(node.url.rpartition(":")[2])
        for at in (0, 13, 14, 15, 17, 18, 22, 30, 40):
            for claim in (2**31 - 1, -1, 3):
                proxy = LyingProxy(broker_port, packet.TYPE, at, claim)
                begin = time.monotonic()
                try:
                    talk(proxy.port)
                except CorewireError as error:
                    found.append(type(error).__name__)
                    cause = error if isinstance(error, RemoteProtocolError) else error.__cause__
                    assert cause is None or isinstance(cause, CorewireError | OSError), cause
                finally:
                    proxy.close()
                assert time.monotonic() - begin < 12
    print(packet.NAME, sorted(set(found)), len(found))
