"""One client and many threads that are switched every ten microseconds: they send, receive, are cancelled, and somebody closes it."""

from __future__ import annotations

import random
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from tests.transports.test_threads import in_threads

from corewire.errors import ConnectionLost, NotConnected, ObjectClosed
from corewire_transports.threads import connect, move_on_after

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from corewire_server.proxy import Proxy
    from corewire_transports._deadline import Deadline
    from corewire_transports.threads import Client

pytestmark = pytest.mark.slow
SWITCH_S = 1e-5
SENDERS = RECEIVERS = 3
EACH = 60
GONE = (ObjectClosed, NotConnected, ConnectionLost)
OPTIONS = "?reconnectAttempts=-1;retryInterval=5;confirmationWindowSize=100000;producerWindowSize=5000"


@pytest.fixture(autouse=True)
def _nervous() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    yield
    sys.setswitchinterval(before)


@contextmanager
def cancelled_after(scope: Deadline, seconds: float) -> Generator[None]:
    """Have it cancelled by another thread."""
    canceller = threading.Timer(seconds, scope.cancel)
    canceller.start()
    try:
        yield
    finally:
        canceller.join()


class Crowd:
    """Who sends what, and who got what."""

    def __init__(self, client: Client, queue: str) -> None:
        self.client = client
        self.queue = queue
        self.told: list[str] = []  #: that it is there
        self.doubtful: list[str] = []
        self.got: list[str] = []
        self.sending = SENDERS
        self._lock = threading.Lock()

    def work(self, number: int) -> None:
        rng = random.Random(number)
        if number < SENDERS:
            try:
                self._send(rng, number)
            finally:
                with self._lock:
                    self.sending -= 1
        else:
            self._receive(rng)

    def _send(self, rng: random.Random, number: int) -> None:
        with self.client.session() as session, session.producer(self.queue) as producer:
            for index in range(EACH):
                text, done = f"{number}:{index}", False
                with move_on_after(None) as scope, cancelled_after(scope, rng.uniform(0, 0.002)):
                    if rng.random() < 0.5:
                        session.send(self.queue, text)
                    else:
                        producer.submit(text)
                    done = True
                (self.told if done else self.doubtful).append(text)
            producer.flush()

    def _receive(self, rng: random.Random) -> None:
        with self.client.session() as session, session.consumer(self.queue, window_bytes=0) as consumer:
            while True:
                over, message = self.sending == 0, None
                with move_on_after(rng.uniform(0, 0.02)):
                    message = consumer.receive(timeout=0) if over else consumer.receive()
                    if over and message is None:
                        return
                if message is not None:
                    self.got.append(message.text)


def test_nobody_loses_anything_nor_waits_for_ever(url: str, queue: str) -> None:
    with connect(url + OPTIONS) as client, client.session() as session:
        session.create_queue(queue)
        crowd = Crowd(client, queue)
        in_threads(SENDERS + RECEIVERS, crowd.work)
        with session.consumer(queue) as consumer:  # of calls that nobody waits for any more
            crowd.got.extend(message.text for message in consumer.drain())
    assert len(set(crowd.got)) == len(crowd.got)
    assert set(crowd.told) <= set(crowd.got) <= {*crowd.told, *crowd.doubtful}


def test_cuts_in_between_lose_nothing_either(proxied: str, proxy: Proxy, queue: str) -> None:
    with connect(proxied + OPTIONS) as client, client.session() as session:
        session.create_queue(queue)
        crowd = Crowd(client, queue)

        def work(number: int) -> None:
            if number < SENDERS + RECEIVERS:
                crowd.work(number)
                return
            while crowd.sending:
                links = proxy.links_opened
                proxy.cut_all()
                while crowd.sending and proxy.links_opened == links:
                    session.query_queue(queue)

        in_threads(SENDERS + RECEIVERS + 1, work)
        with session.consumer(queue) as consumer:
            crowd.got.extend(message.text for message in consumer.drain())
    assert len(set(crowd.got)) == len(crowd.got)
    assert set(crowd.told) <= set(crowd.got) <= {*crowd.told, *crowd.doubtful}


@pytest.mark.parametrize("seed", range(5))
def test_closing_in_the_middle_lets_everybody_go(url: str, queue: str, seed: int) -> None:
    threads_before = threading.active_count()
    client = connect(url + OPTIONS)
    with client.session() as session:
        session.create_queue(queue)
    crowd = Crowd(client, queue)
    begun = threading.Barrier(SENDERS + RECEIVERS + 1, timeout=20)

    def work(number: int) -> None:
        begun.wait()
        if number == SENDERS + RECEIVERS:
            threading.Event().wait(random.Random(seed).uniform(0, 0.05))
            client.close()
            return
        with suppress(*GONE, ExceptionGroup):
            crowd.work(number)

    in_threads(SENDERS + RECEIVERS + 1, work)
    assert client.state.value == "closed"
    assert threading.active_count() == threads_before
    for _ in range(3):
        with pytest.raises(GONE):
            client.session()
