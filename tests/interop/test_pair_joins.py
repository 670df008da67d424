"""A backup joins a primary with long queues under load: how long a blocking send waits meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.pair import Pair
from tests.interop.pair_load import Load
from tests.interop.pair_watch import Watch
from tests.interop.peers import ARTEMIS

from corewire_server.demo.traffic import World
from corewire_transports.blocking import connect

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("java")]
QUEUED = 100_000
BATCH = 1_000
JOINS = 3
LANES = "core.blocking,jms.client,core.async,core.tx"


def fill(url: str, count: int) -> None:
    """Durable messages of 100 bytes in ten queues that nobody reads."""
    with connect(url) as client, client.session() as session:
        for queue in range(10):
            with session.producer(f"deep.{queue}") as producer:
                for number in range(count // 10):
                    producer.submit("x" * 100)
                    if number % BATCH == BATCH - 1:
                        producer.flush()
                producer.flush()


def test_a_join_stops_nobody(tmp_path: Path) -> None:
    pauses: list[float] = []
    calm: list[float] = []
    with Pair(tmp_path) as pair, Watch(pair):
        fill(f"{pair.address}?resilient=true", QUEUED)
        with Load(pair.address, versions=(ARTEMIS,), lanes=LANES, worlds=(World.ASYNCIO,)) as load:
            load.await_progress()
            for _ in range(JOINS):
                load.mark()
                load.let_run(2.0)
                calm.append(load.slowest_send())
                backup = pair.other(pair.primary)
                pair.kill(backup)
                load.await_progress()
                load.mark()
                pair.start_again(backup)
                took = pair.wait_in_step()
                load.await_progress()
                pauses.append(load.slowest_send())
                print(
                    f"\njoined in {took:.1f} s, longest blocking send {1000 * pauses[-1]:.0f} ms, before {1000 * calm[-1]:.0f} ms"
                )
            verdict = load.finish()
        unasked = pair.unasked()
    print(f"{verdict}\nout of step: {unasked}")
    assert not verdict.faults
    assert unasked == JOINS, "once for each kill of the backup"
