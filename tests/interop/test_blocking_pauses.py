"""
A program of the blocking world makes a call now and then, and nothing turns its client in between: whatever happens to its link
there, the next call finds out and goes on. At a real broker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.cell_stage import Stage, witnesses_of
from tests.interop.cells import Mode

from corewire_transports.blocking import connect, fail_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.interop.artemis import Artemis

NOBODY = ("127.0.0.1", 1)
OPTIONS = "reconnectAttempts=-1&retryInterval=20&blockOnAcknowledge=true"
LONG_S = 120.0


@pytest.fixture
def stage(artemis: Artemis) -> Iterator[Stage]:
    with witnesses_of(artemis) as witnesses, Stage(artemis, witnesses) as stage:
        yield stage


def cut(stage: Stage) -> None:
    """The link is lost."""
    stage.proxy.cut_all()


def vanish(stage: Stage) -> None:
    """The link is lost, and whoever calls next finds nobody at first."""
    stage.proxy.target = NOBODY
    stage.proxy.cut_all()
    stage.end_outage_soon()


def forget(stage: Stage) -> None:
    """The broker takes the client for dead."""
    stage.witness.forget(stage.address)
    stage.witness.miss(stage.address)
    assert stage.proxy.wait_until(lambda proxy: not proxy.links, LONG_S)


@pytest.mark.parametrize("mode", Mode, ids=lambda mode: mode.name.lower())
@pytest.mark.parametrize("happens", [cut, vanish, forget])
def test_what_happens_between_calls_is_found_out_by_the_next_one(
    stage: Stage, happens: Callable[[Stage], None], mode: Mode
) -> None:
    """The first one is of those that are done whatever became of the session; what comes behind it is as usual."""
    stage.witness.queue(stage.name, "0")
    stage.witness.queue(f"{stage.name}.out")
    came: list[str] = []
    with (
        fail_after(LONG_S),
        connect(stage.url(f"{OPTIONS}&{mode.value}")) as client,
        client.session() as session,
        session.consumer(stage.name, window_bytes=0) as consumer,
        client.transacted_session() as working,
    ):

        def ask() -> None:
            assert session.query_queue(stage.name).message_count == 1

        def open_another() -> None:
            client.session().close()

        def take() -> None:
            message = consumer.receive()
            came.append(message.text)
            message.acknowledge()

        firsts = [ask, open_another, take]
        for number, first in enumerate(firsts):
            happens(stage)
            first()
            assert client.stats.reconnects == number + 1
            if first is not take:
                take()
            session.send(stage.name, str(number + 1))
            working.send(f"{stage.name}.out", str(number))
            working.commit()
    numbers = [str(number) for number in range(len(firsts))]
    assert came == numbers
    assert stage.witness.texts(f"{stage.name}.out") == numbers
    assert stage.witness.texts(stage.name) == [str(len(numbers))]
