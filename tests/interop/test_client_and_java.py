"""Our client and Java's, and the ``artemis`` command line, with either broker between them."""

from __future__ import annotations

import subprocess
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.interop import client_java_lanes
from tests.interop.artemis import JVM_OPTIONS, artemis_cli
from tests.interop.peers import ARTEMIS, lanes_class_path
from tests.interop.together import threads
from tests.interop.worlds import World

from corewire_server import BrokerConfig, serve
from corewire_transports.threads import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.interop.artemis import Artemis

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("java")]
ECHO = "echo"
COUNT = 500
QUESTIONS = 20


@pytest.fixture(scope="module", params=["ours", "artemis"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Our broker, in the tests' process, and a real one."""
    if request.param == "ours":
        with serve(BrokerConfig.for_tests()) as node:
            yield node.url
    else:
        artemis: Artemis = request.getfixturevalue("artemis")
        yield artemis.url


@pytest.fixture(scope="module")
def echo(url: str, java: None) -> Iterator[str]:
    """A Java program that answers what comes to a queue."""
    command = ["java", *JVM_OPTIONS, "-cp", lanes_class_path(ARTEMIS), "Echo", url, ECHO]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "READY" in process.stdout.readline()
        yield ECHO
        process.kill()


@pytest.mark.parametrize("world", World, ids=lambda world: world.value)
def test_java_understands_what_we_send_and_we_what_it_sends(url: str, echo: str, world: World) -> None:
    lane = client_java_lanes.java_understands_what_we_send_and_we_what_it_sends
    world.run(lane, url, echo, f"answers.{world.value}")


@pytest.mark.parametrize("world", World, ids=lambda world: world.value)
def test_java_answers_questions(url: str, echo: str, world: World) -> None:
    world.run(client_java_lanes.java_answers_questions, url, echo, world.value)


def test_we_answer_questions_of_java(url: str, java: None) -> None:
    """In all worlds at once, of one Java program: it takes long to start."""
    queues = [f"asked.{world.value}" for world in World]
    command = ["java", *JVM_OPTIONS, "-cp", lanes_class_path(ARTEMIS), "Asker", url, str(QUESTIONS), *queues]
    lane = client_java_lanes.we_answer_questions_of_java
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        threads(*(partial(world.run, lane, url, f"asked.{world.value}", QUESTIONS) for world in World))
        assert program.communicate(timeout=60)[0].split() == [str(QUESTIONS)] * len(queues)


def artemis_does(command: str, url: str, queue: str, *options: str) -> str:
    who = ["--url", url, "--user", "admin", "--password", "admin"]
    done = artemis_cli(command, "--destination", f"queue://{queue}", "--message-count", str(COUNT), *who, *options)
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


def test_the_artemis_program_consumes_what_we_produce(url: str) -> None:
    with connect(url) as client, client.session() as session, session.producer("to-java") as producer:
        for number in range(COUNT):
            producer.submit(f"message {number}", properties={"number": number})
        producer.flush()
        assert f"Consumed: {COUNT} messages" in artemis_does("consumer", url, "to-java", "--receive-timeout", "10000")
        assert session.query_queue("to-java").message_count == 0


def test_we_consume_what_the_artemis_program_produces(url: str) -> None:
    assert f"Produced: {COUNT} messages" in artemis_does("producer", url, "from-java")
    with connect(url) as client, client.session() as session, session.consumer("from-java") as consumer:
        came = [message.text for message in consumer.drain()]
    assert came == [f"test message: {number}" for number in range(COUNT)]
