"""Lanes of our client about what a real broker tells of itself. Each takes its URL and a name of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from tests.interop.together import tasks

from corewire_transports.anyio import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire.events import Notification
    from corewire_transports.anyio import Client, Notifications


async def _next_about(notifications: Notifications, queue: str) -> Notification:
    """The next one about this queue: others use the broker, too."""
    async for notification in notifications:
        if notification.properties.get("_AMQ_RoutingName") == queue:
            return notification
    raise AssertionError("they ended")


async def types_are_told_in_order(url: str, name: str) -> None:
    async with (
        connect(url) as client,
        client.notifications("CONSUMER_CREATED", "CONSUMER_CLOSED") as notifications,
        client.session() as session,
    ):
        async with session.consumer(name, selector="color = 'red'"):
            pass
        created = await _next_about(notifications, name)
        closed = await _next_about(notifications, name)
        assert (created.type, closed.type) == ("CONSUMER_CREATED", "CONSUMER_CLOSED")
        assert created.properties["_AMQ_FilterString"] == "color = 'red'"
        assert (created.properties["_AMQ_ConsumerCount"], closed.properties["_AMQ_ConsumerCount"]) == (1, 0)
        assert created.properties["_AMQ_SessionName"] == session.name
        assert abs(datetime.now(UTC) - created.timestamp) < timedelta(minutes=1)
        assert "_AMQ_NotifType" not in created.properties


async def without_types_all_are_told(url: str, name: str) -> None:
    async with connect(url) as client, client.notifications() as notifications, client.session() as session:
        await session.create_queue(name)
        await session.delete_queue(name)
        told = [(await _next_about(notifications, name)).type for _ in range(2)]
        assert told == ["BINDING_ADDED", "BINDING_REMOVED"]


async def a_loop_ends_when_they_are_closed(url: str, name: str) -> None:
    async with connect(url) as client:
        notifications = await client.notifications("BINDING_ADDED")
        async with client.session() as session:
            await session.create_queue(name)
        await _next_about(notifications, name)
        ended: list[bool] = []
        await tasks(partial(_listen, notifications, ended), partial(_close, client, notifications))
        assert ended == [True]


async def _listen(notifications: Notifications, ended: list[bool]) -> None:
    async for _ in notifications:
        pass
    ended.append(True)


async def _close(client: Client, notifications: Notifications) -> None:
    await client.poll()
    await notifications.close()


async def _bind(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        await session.create_queue(queue)


async def _gone(url: str, queue: str) -> None:
    """Until the broker has given up the session that had this temporary queue: till then it takes in what is told."""
    async with connect(url) as client, client.session() as session:
        while (await session.query_queue(queue)).exists:
            await client.poll()


async def _go_on_after_an_outage(
    through: str, url: str, name: str, take_away: Callable[[], object], give_back: Callable[[], object]
) -> None:
    """``through``: a URL whose broker can be taken away. What is told meanwhile is missed."""
    async with connect(through) as client, client.notifications("BINDING_ADDED") as notifications:
        await _bind(url, f"{name}.before")
        await _next_about(notifications, f"{name}.before")
        take_away()
        await _gone(url, notifications._consumer.queue)
        await _bind(url, f"{name}.meanwhile")
        give_back()
        async with client.session():  # waits until the client is back
            await _bind(url, f"{name}.after")
        told: list[object] = []
        async for notification in notifications:
            told.append(notification.properties.get("_AMQ_RoutingName"))
            if told[-1] == f"{name}.after":
                break
        assert f"{name}.meanwhile" not in told
