"""Consumers that live through outages of every kind, one after the other: they go on consuming, and there is one of each."""

from __future__ import annotations

import threading
import time
from enum import Enum
from itertools import count
from queue import Queue
from typing import TYPE_CHECKING

import pytest
from tests.interop import client_fault_lanes
from tests.interop.client_fault_lanes import END
from tests.interop.client_traffic import IMPATIENT, NO_WINDOW
from tests.interop.worlds import World

from corewire.errors import ConnectionLost, CorewireError
from corewire_server.demo.broker import BrokerProcess
from corewire_server.demo.cutting import kill_and_restart
from corewire_server.proxy import Ending, Proxy
from corewire_transports.threads import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.interop.artemis import Artemis

pytestmark = pytest.mark.slow
TTL_S, CHECK_S = 2.0, 0.5
#: The bounds of case 4, which one outage cannot show at sockets: whoever stands still for a moment notices that much later, and so
#: does a machine. tests/engine shows them exactly, in invented time, tests/campaign as medians of twelve outages, with a
#: bound for each.
NOTICED_AT_BEST_S = TTL_S + 2 * CHECK_S  # a silence
BACK_AT_BEST_S = 3.0
BUSY_S = 20.0  # so much longer all may take where others work on the machine
NOTICED_S = NOTICED_AT_BEST_S + BUSY_S
BACK_S = BACK_AT_BEST_S + BUSY_S
START_S = 30.0  # nothing is measured yet
SHORT = f"connectionTTL={TTL_S * 1000:.0f}&clientFailureCheckPeriod={CHECK_S * 1000:.0f}"
WAYS = {"window": IMPATIENT, "no-window": f"{NO_WINDOW}&{SHORT}"}
_names = count()


class Outage(Enum):
    RESET = "reset"
    FIN = "fin"
    SILENCE = "silence"
    KILL = "kill"


class Consumer:
    """A program of one world that consumes, in a thread of its own."""

    def __init__(self, world: World, url: str, queue: str) -> None:
        self.queue = queue
        self.error: CorewireError | None = None
        self._came: Queue[str] = Queue()
        self._last = ""
        self._thread = threading.Thread(target=self._run, args=(world, url), daemon=True)
        self._thread.start()

    def _run(self, world: World, url: str) -> None:
        try:
            world.run(client_fault_lanes.takes_what_comes, url, self.queue, self._came.put)
        except CorewireError as error:
            self.error = error

    def receives(self, text: str, deadline: float) -> None:
        """It comes, and before it perhaps the last one again, of which the answer to its acknowledgement was lost."""
        came = self._take(deadline)
        if came == self._last:
            came = self._take(deadline)
        assert came == text
        self._last = text

    def _take(self, deadline: float) -> str:
        return self._came.get(timeout=max(0.0, deadline - time.monotonic()))

    def ended(self) -> bool:
        self._thread.join(NOTICED_S)
        return not self._thread.is_alive()


class Bench:
    """A broker, a proxy before it, and consumers of all worlds behind that."""

    def __init__(self, proxy: Proxy, kill: Callable[[], None] | None, settled_s: float) -> None:
        """``kill`` ends the broker and starts it again; None: that is not done here. ``settled_s``: how much later than its
        clients the broker may know who is gone."""
        self.kill = kill
        self.consumers: list[Consumer] = []
        self._proxy = proxy
        self._settled_s = settled_s

    @property
    def outages(self) -> list[Outage]:
        """Those that this broker can have."""
        return [outage for outage in Outage if self.kill or outage is not Outage.KILL]

    @property
    def _url(self) -> str:
        """Past the proxy."""
        return "tcp://{}:{}".format(*self._proxy.target)

    def consume(self, *ways: str) -> None:
        """Start consumers of all worlds, each way, and wait until they work."""
        names = [f"outage.{next(_names)}" for _ in range(len(ways) * len(World))]
        with connect(self._url) as client, client.session() as session:
            for name in names:
                session.create_queue(name)
        url = f"tcp://127.0.0.1:{self._proxy.port}"
        pairs = [(world, options) for world in World for options in ways]
        self.consumers = [
            Consumer(world, f"{url}?{options}", name) for name, (world, options) in zip(names, pairs, strict=True)
        ]
        self.deliver("before", START_S)
        self.assert_one_consumer_each()

    def deliver(self, text: str, patience_s: float) -> None:
        """A message to each, which has to come. The broker is there."""
        deadline = time.monotonic() + patience_s
        with connect(self._url) as client, client.session() as session:
            for consumer in self.consumers:
                session.send(consumer.queue, text)
        for consumer in self.consumers:
            consumer.receives(text, deadline)

    def assert_one_consumer_each(self) -> None:
        """And nothing in its hands: what was not settled when a link is lost would come again behind newer ones."""
        began, glance = time.monotonic(), threading.Event()
        with connect(self._url) as client, client.session() as session:
            for consumer in self.consumers:
                while (known := session.query_queue(consumer.queue)).consumer_count != 1 or known.message_count:
                    patience_s = self._settled_s if known.consumer_count != 1 else BACK_S
                    assert time.monotonic() < began + patience_s, (consumer.queue, known)
                    glance.wait(0.05)

    def spoil(self, outage: Outage) -> None:
        match outage:
            case Outage.RESET:
                self._proxy.cut_all(Ending.RESET)
            case Outage.FIN:
                self._proxy.cut_all(Ending.FIN)
            case Outage.SILENCE:
                self._proxy.cut_all(Ending.STALL)
            case Outage.KILL:
                assert self.kill is not None
                self.kill()

    def live_through(self, outages: Sequence[Outage]) -> list[float]:
        """Each consumer gets a message after each outage in time, is known to the broker once, and takes no more threads. Returns after
        how many seconds the last of them had it, each time."""
        threads, took_s = threading.active_count(), list[float]()
        for number, outage in enumerate(outages):
            self.spoil(outage)
            began = time.monotonic()
            self.deliver(str(number), BACK_S + (NOTICED_S if outage is Outage.SILENCE else 0.0))
            took_s.append(time.monotonic() - began)
            print(f"\n{outage.value}: delivered to {len(self.consumers)} after {took_s[-1]:.2f} s")
            self.assert_one_consumer_each()
            assert threading.active_count() <= threads
        self.deliver(END, BACK_S)
        assert all(consumer.ended() for consumer in self.consumers)
        assert not [consumer.error for consumer in self.consumers if consumer.error]
        return took_s


@pytest.fixture(params=["ours", "artemis"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """The real broker is shared, and so not killed: tests/campaign has one to be killed."""
    if request.param == "ours":
        with BrokerProcess(tmp_path / "data") as broker, Proxy(broker.address) as proxy:
            yield Bench(proxy, lambda: kill_and_restart(broker, proxy), 0.0)
    else:
        artemis: Artemis = request.getfixturevalue("artemis")
        with Proxy(("127.0.0.1", artemis.port)) as proxy:
            yield Bench(proxy, None, 2 * NOTICED_S)


def test_they_go_on_consuming(bench: Bench) -> None:
    bench.consume(*WAYS.values())
    bench.live_through(bench.outages)


def test_without_attempts_they_say_so(bench: Bench) -> None:
    for outage in bench.outages:
        bench.consume(f"reconnectAttempts=0&{SHORT}")
        bench.spoil(outage)
        assert all(consumer.ended() for consumer in bench.consumers), outage
        assert all(isinstance(consumer.error, ConnectionLost) for consumer in bench.consumers)
