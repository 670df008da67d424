"""Large messages through a real broker, in all worlds, with Java at the other end and without; and our broker, which refuses them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.interop import client_large_lanes
from tests.interop.artemis import JVM_OPTIONS
from tests.interop.peers import ARTEMIS, lanes_class_path
from tests.interop.test_client_lanes import in_worlds, lanes_of
from tests.interop.worlds import World

from corewire import BrokerError
from corewire_server import BrokerConfig, serve
from corewire_transports.threads import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.interop.artemis import Artemis

pytestmark = [pytest.mark.slow]
WITH_JAVA = client_large_lanes.java_reads_what_we_write_and_we_what_it_writes
ALONE = [lane for lane in lanes_of(client_large_lanes) if lane.__name__ != WITH_JAVA.__name__]


@pytest.mark.parametrize(("lane", "world"), in_worlds(ALONE, company="sends_of_several_tasks_take_turns"))
def test_lane(lane: Callable[..., object], world: World, artemis: Artemis) -> None:
    world.run(lane, artemis.url, f"large.{lane.__name__}.{world.value}")


@pytest.fixture(scope="module")
def java_at_the_other_end(artemis: Artemis) -> Iterator[str]:
    """A Java program that answers what comes to a queue, and another one of its name with ``.core`` behind."""
    command = ["java", *JVM_OPTIONS, "-cp", lanes_class_path(ARTEMIS), "Large", artemis.url, "large"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "READY" in process.stdout.readline()
        yield "large"
        process.kill()


@pytest.mark.parametrize("world", World, ids=lambda world: world.value)
def test_java_reads_what_we_write_and_we_what_it_writes(
    artemis: Artemis, java_at_the_other_end: str, world: World
) -> None:
    bodies = client_large_lanes.BODIES if world is World.ASYNCIO else client_large_lanes.BODIES[-3:]  # the rest: once
    world.run(WITH_JAVA, artemis.url, f"large.answers.{world.value}", java_at_the_other_end, bodies)


@pytest.mark.parametrize("window", ["", "?confirmationWindowSize=1000000"])
def test_our_broker_refuses_them_by_name_and_lives(window: str, tmp_path: Path) -> None:
    source = tmp_path / "body"
    source.write_bytes(bytes(1_000_000))
    with serve(BrokerConfig.for_tests()) as node, connect(node.url + window) as client, client.session() as session:
        for send in (
            lambda: session.send("q", bytes(1_000_000)),
            lambda: session.send_stream("q", source),
            lambda: session.send_stream("q", [bytes(1_000)] * 3),
        ):
            with pytest.raises(BrokerError, match="large messages") as refused:
                send()
            assert refused.value.code == 213
        session.send("q", "small")
        assert session.query_queue("q").message_count == 1
