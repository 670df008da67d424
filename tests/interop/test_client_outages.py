"""A consumer that lives through outages of every kind, one after the other: it goes on consuming, and there is one of it."""

from __future__ import annotations

import threading
import time
from enum import Enum
from queue import Queue
from typing import TYPE_CHECKING

import pytest
from tests.interop.client_traffic import IMPATIENT, NO_WINDOW

from corewire.errors import ConnectionLost, CorewireError
from corewire_server.demo.broker import BrokerProcess
from corewire_server.demo.cutting import kill_and_restart
from corewire_server.proxy import Ending, Proxy
from corewire_transports.threads import Client, connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow
TTL_S, CHECK_S = 2.0, 0.5
NOTICED_S = TTL_S + 2 * CHECK_S + 2.0  # a silence; and a busy machine
BACK_S = 3.0
SHORT = f"connectionTTL={TTL_S * 1000:.0f}&clientFailureCheckPeriod={CHECK_S * 1000:.0f}"


class Outage(Enum):
    RESET = "reset"
    FIN = "fin"
    SILENCE = "silence"
    KILL = "kill"


class Bench:
    """A broker, a proxy before it, and a thread that consumes through it."""

    def __init__(self, broker: BrokerProcess, proxy: Proxy) -> None:
        self.broker = broker
        self.proxy = proxy
        self.came: Queue[str] = Queue()
        self.error: Exception | None = None
        self._thread: threading.Thread | None = None

    def consume(self, client: Client) -> None:
        self._thread = threading.Thread(target=self._loop, args=(client,), daemon=True)
        self._thread.start()

    def _loop(self, client: Client) -> None:
        try:
            with client.session() as session, session.consumer("q") as consumer:
                for message in consumer:
                    self.came.put(message.text)
        except CorewireError as error:
            self.error = error

    def receives(self, text: str, last: str, patience_s: float) -> bool:
        """Whether it comes, and nothing else than perhaps the last one again, whose acknowledgement was under way."""
        came = self.came.get(timeout=patience_s)
        return came == text or (came == last and self.receives(text, "", patience_s))

    def ended(self) -> bool:
        assert self._thread is not None
        self._thread.join(NOTICED_S)
        return not self._thread.is_alive()

    def spoil(self, outage: Outage) -> None:
        match outage:
            case Outage.RESET:
                self.proxy.cut_all(Ending.RESET)
            case Outage.FIN:
                self.proxy.cut_all(Ending.FIN)
            case Outage.SILENCE:
                self.proxy.cut_all(Ending.STALL)
            case Outage.KILL:
                kill_and_restart(self.broker, self.proxy)

    def send(self, text: str) -> None:
        """From another client, past the proxy."""
        host, port = self.broker.address
        with connect(f"tcp://{host}:{port}") as client, client.session() as session:
            session.send("q", text)

    @property
    def consumers(self) -> int:
        host, port = self.broker.address
        with connect(f"tcp://{host}:{port}") as client, client.session() as session:
            return session.query_queue("q").consumer_count


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with BrokerProcess(tmp_path / "data") as broker, Proxy(broker.address) as proxy:
        yield Bench(broker, proxy)


@pytest.mark.parametrize("options", [IMPATIENT, f"{NO_WINDOW}&{SHORT}"], ids=["window", "no window"])
def test_it_goes_on_consuming(bench: Bench, options: str) -> None:
    threads = threading.active_count()
    with connect(f"tcp://127.0.0.1:{bench.proxy.port}?{options}") as client:
        bench.consume(client)
        bench.send("before")
        assert bench.came.get(timeout=BACK_S) == "before"
        running = threading.active_count()
        last = "before"
        for number, outage in enumerate([*Outage, Outage.SILENCE]):
            bench.spoil(outage)
            began = time.monotonic()
            bench.send(str(number))
            patience_s = BACK_S + (NOTICED_S if outage is Outage.SILENCE else 0.0)
            assert bench.receives(str(number), last, patience_s), outage
            last = str(number)
            print(f"\n{outage.value}: delivered after {time.monotonic() - began:.2f} s")
            assert bench.consumers == 1
            assert threading.active_count() == running
    assert bench.ended()
    assert threading.active_count() == threads


@pytest.mark.parametrize("outage", Outage, ids=lambda outage: outage.value)
def test_without_attempts_it_says_so(bench: Bench, outage: Outage) -> None:
    with connect(f"tcp://127.0.0.1:{bench.proxy.port}?reconnectAttempts=0&{SHORT}") as client:
        bench.consume(client)
        bench.send("before")
        assert bench.came.get(timeout=BACK_S) == "before"
        bench.spoil(outage)
        assert bench.ended()
        assert isinstance(bench.error, ConnectionLost)
