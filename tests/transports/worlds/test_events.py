"""What is told as an event, and what goes into the log instead."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from corewire import QueueConfiguration, RoutingType
from corewire.events import Connected, TopologyChanged
from corewire_transports.anyio import connect

if TYPE_CHECKING:
    import pytest

    from corewire.events import ClientEvent


async def test_a_queue_that_the_broker_deletes_when_empty_is_warned_of_in_the_log(
    url: str, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[ClientEvent] = []
    with caplog.at_level(logging.WARNING, "corewire"):
        async with connect(f"{url}?exactlyOnce=true", on_event=events.append) as client, client.session() as session:
            await session.create_queue(
                QueueConfiguration(name=queue, routing_type=RoutingType.ANYCAST, auto_delete=True)
            )
            await session.send(queue, "x")
    assert f"queue {queue!r} is deleted when it is empty" in caplog.text
    assert {type(event) for event in events} <= {Connected, TopologyChanged}
