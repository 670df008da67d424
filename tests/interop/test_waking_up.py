"""The broker stands still for three times the TTL of its clients (cases.md 6 (c)): on waking it reads before it judges."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from corewire_transports.threads import connect

if TYPE_CHECKING:
    from tests.interop.ours import OurBroker

    from corewire_transports.threads import Client

CLIENTS = 20
PATIENCE_S = 60.0
OPTIONS = "?resilient=true&connectionTTL=2000&clientFailureCheckPeriod=500"


def works(client: Client, number: int, stop: threading.Event, sent: list[int], failures: list[BaseException]) -> None:
    """Blocking sends of numbers to a queue of its own; then all of it comes once and in order."""
    try:
        with client.session() as session:
            session.create_queue(f"q{number}")
            while not stop.wait(0.05):
                session.send(f"q{number}", b"%d" % sent[number], durable=True)
                sent[number] += 1
            with session.consumer(f"q{number}") as consumer:
                for expected in range(sent[number]):
                    message = consumer.receive(timeout=10)
                    assert message is not None
                    assert message.body == b"%d" % expected
                assert consumer.receive(timeout=0) is None
    except BaseException as failure:  # noqa: BLE001  told by the test
        failures.append(failure)


@pytest.mark.slow
def test_no_client_that_pinged_is_given_up_when_the_broker_wakes_up(our_broker: OurBroker) -> None:
    stop, sent, failures = threading.Event(), [0] * CLIENTS, list[BaseException]()
    clients = [connect(our_broker.url + OPTIONS) for _ in range(CLIENTS + 1)]
    try:
        with clients[-1].transacted_session() as long, long.consumer("long") as reader:
            for number in range(100):
                long.send("long", b"%d" % number, durable=True)
            threads = [
                threading.Thread(target=works, args=(clients[number], number, stop, sent, failures))
                for number in range(CLIENTS)
            ]
            for thread in threads:
                thread.start()
            our_broker.wait(1)
            before = list(sent)
            our_broker.freeze(6)
            our_broker.wait(3)
            deadline = time.monotonic() + PATIENCE_S
            while any(now <= then for now, then in zip(sent, before, strict=True)) and not failures:
                assert time.monotonic() < deadline, (before, sent)
                our_broker.wait(0.1)
            stop.set()
            for thread in threads:
                thread.join(60)
            assert not failures, failures
            long.commit()
            numbers = [
                message.body for message in (reader.receive(timeout=10) for _ in range(100)) if message is not None
            ]
            assert numbers == [b"%d" % number for number in range(100)]
            long.commit()
    finally:
        stop.set()
        for client in clients:
            client.close()
    assert "nothing came" not in our_broker.log
    recreated = sum(client.stats.recreated_sessions for client in clients)
    print(f"{CLIENTS} clients, {sum(sent)} sent, {recreated} sessions recreated")
    assert recreated == 0
