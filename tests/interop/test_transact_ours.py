"""`transact` with exactly-once against our own broker: a lost link is re-attached; killed and started again, it still knows the receipts."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from tests.interop import client_transact_lanes as lanes
from tests.interop.client_transact_lanes import ONCE
from tests.interop.test_transact import ANSWER, COMMIT, NOBODY
from tests.interop.worlds import World

from corewire.wire.framing import MAGIC, FrameReader, packet_type
from corewire_server.demo.broker import BrokerProcess
from corewire_server.proxy import Direction, Proxy
from corewire_transports.threads import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.interop.cells import Packets

WORLDS = pytest.mark.parametrize("world", World, ids=lambda world: world.value)


class Trap:
    """A tap that does something, once, when these packets have passed one after the other; the last does not arrive."""

    def __init__(self, strike: Callable[[], object]) -> None:
        self.awaited: list[tuple[Direction, Packets]] = []
        self._strike = strike
        self._readers: dict[tuple[int, Direction], FrameReader] = {}

    def opened(self, link: int) -> None:
        pass

    def passed(self, link: int, direction: Direction, data: bytes) -> None:
        reader = self._readers.setdefault((link, direction), FrameReader())
        for frame in reader.feed(data.removeprefix(MAGIC)):
            if not self.awaited or self.awaited[0][0] is not direction:
                continue
            if packet_type(frame) in {kind.TYPE for kind in self.awaited[0][1]}:
                del self.awaited[0]
                if not self.awaited:
                    self._strike()

    def closed(self, link: int, why: str) -> None:
        pass


class Bench:
    """Our broker behind a proxy, with two messages to be forwarded."""

    def __init__(self, broker: BrokerProcess, proxy: Proxy) -> None:
        self.broker = broker
        self.proxy = proxy
        self._restart: threading.Thread | None = None
        self.trap = proxy.tap = Trap(self.kill)

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.proxy.port}?{ONCE}"

    def fill(self, name: str) -> None:
        """Two messages, past the proxy."""
        host, port = self.broker.address
        with connect(f"tcp://{host}:{port}") as client, client.session() as session:
            session.create_queue(name)
            session.create_queue(f"{name}.out")
            session.send(name, "1")
            session.send(name, "2")

    def left(self, name: str) -> list[str]:
        """What is in a queue."""
        host, port = self.broker.address
        with connect(f"tcp://{host}:{port}") as client, client.session() as session, session.browser(name) as browser:
            return [message.text for message in browser]

    def kill(self) -> None:
        """SIGKILL, and start it again. Nobody is found meanwhile: its port may be another program's by then."""
        self.proxy.target = NOBODY
        self.broker.kill()
        self.proxy.cut_all()
        self._restart = threading.Thread(target=self._start)
        self._restart.start()

    def _start(self) -> None:
        self.broker.start()
        self.proxy.target = self.broker.address

    def rest(self) -> None:
        """Until it is there again."""
        if self._restart is not None:
            self._restart.join()
            self._restart = None


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with BrokerProcess(tmp_path_factory.mktemp("ours") / "data") as broker, Proxy(broker.address) as proxy:
        bench = Bench(broker, proxy)
        yield bench
        bench.rest()


@pytest.mark.slow
@pytest.mark.parametrize(("world", "committed"), [(World.ASYNCIO, True), (World.TRIO, False), (World.BLOCKING, False)])
def test_a_broker_that_was_killed_still_knows_what_had_committed(bench: Bench, world: World, committed: bool) -> None:
    name = f"killed.{world.value}.{committed}"
    bench.fill(name)

    def arm() -> None:
        bench.trap.awaited = [(Direction.TO_TARGET, COMMIT)] + [(Direction.TO_CLIENT, ANSWER)] * committed

    runs = world.run(lanes.forwards, bench.url, name, arm, None)
    bench.rest()
    assert runs == (1 if committed else 2)
    assert (bench.left(name), bench.left(f"{name}.out")) == ([], ["1", "2"])


@WORLDS
def test_a_lost_link_is_not_noticed(bench: Bench, world: World) -> None:
    name = f"cut.{world.value}"
    bench.fill(name)
    runs = world.run(lanes.forwards, bench.url, name, lambda: None, bench.proxy.cut_all)
    assert runs == 1
    assert (bench.left(name), bench.left(f"{name}.out")) == ([], ["1", "2"])
