"""Exactly-once with large messages, whose body is not in memory: a copy cannot wait with its body, and is delivered again if it is wanted."""
# ruff: noqa: PT012  (blocks are what is tested here)

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.cell_stage import Stage, witnesses_of

from corewire.events import FailedOver
from corewire_transports.threads import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.interop.artemis import Artemis

    from corewire_transports.threads import Client, Consumer, ReceivedMessage

OPTIONS = "exactlyOnce=true&retryInterval=20"
BODY = bytes(range(256)) * 2_000


class Mine(Exception):
    """Raised by the application."""


@pytest.fixture
def stage(artemis: Artemis) -> Iterator[Stage]:
    with witnesses_of(artemis) as witnesses, Stage(artemis, witnesses) as stage:
        yield stage


def received(consumer: Consumer) -> ReceivedMessage:
    """The next message, read."""
    message = consumer.receive()
    assert message.is_large
    assert b"".join(message.chunks()) == BODY
    return message


def fail_over(stage: Stage, client: Client) -> None:
    """Cut the link, and wait until the client is back."""
    events = client.events()
    stage.proxy.cut_all()
    for event in events:
        if isinstance(event, FailedOver):
            return


def test_one_that_was_read_is_not_handed_out_again(stage: Stage) -> None:
    with connect(stage.url(OPTIONS)) as client, client.session() as session:
        session.send(stage.name, BODY)
        session.send(stage.name, "next")
        with session.consumer(stage.name, collect_bytes_max=1_000) as consumer:
            message = received(consumer)
            fail_over(stage, client)
            message.acknowledge()
            assert consumer.receive().text == "next"
        assert client.stats.duplicates_suppressed == 1
    assert stage.witness.count(stage.name) == 0


def test_one_that_was_read_in_part_comes_again(stage: Stage) -> None:
    with connect(stage.url(OPTIONS)) as client, client.session() as session:
        session.send(stage.name, BODY)
        with session.consumer(stage.name, collect_bytes_max=1_000) as consumer:
            chunks = consumer.receive().chunks()
            next(chunks)
            fail_over(stage, client)
            received(consumer).acknowledge()
    assert stage.witness.count(stage.name) == 0


def test_one_that_is_given_back_is_delivered_again_to_whoever_had_its_copy(stage: Stage) -> None:
    with connect(stage.url(OPTIONS)) as client, client.session() as session, client.session() as other:
        session.send(stage.name, BODY)
        with pytest.raises(Mine), session.consumer(stage.name, collect_bytes_max=1_000) as consumer:
            received(consumer)
            second = other.consumer(stage.name, collect_bytes_max=1_000)
            session.stop()  # so that the copy is not delivered here
            fail_over(stage, client)
            assert second.receive(timeout=0) is None
            raise Mine
        received(second).acknowledge()
        second.close()
    assert stage.witness.count(stage.name) == 0
