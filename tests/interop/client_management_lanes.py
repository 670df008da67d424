"""Lanes of our client about management of a real broker. Each takes its URL and a name of its own."""

from __future__ import annotations

import json
from functools import partial

import pytest
from tests.interop.together import tasks

from corewire import RoutingType
from corewire.errors import ManagementError
from corewire_transports.anyio import Management, connect


async def operations_and_attributes_have_results(url: str, name: str) -> None:
    async with connect(url) as client, client.management() as management:
        assert await management.get("broker", "NodeID") == client.node_id
        assert await management.get("broker", "started") is True
        assert isinstance(await management.get("broker", "DiskStoreUsage"), float)
        made = await management.call("broker", "createQueue", json.dumps({"name": name, "routing-type": "ANYCAST"}))
        assert name in str(made)
        assert await management.get(f"queue.{name}", "MessageCount") == 0
        assert await management.call(f"queue.{name}", "pause") is None
        assert await management.get(f"queue.{name}", "Paused") is True
        await management.call(f"queue.{name}", "resume")
        async with client.session() as session:
            for number in range(3):
                await session.send(name, str(number), properties={"number": number, "ünicode": "\U0001f600\n\"'"})
        assert await management.call(f"queue.{name}", "countMessages", "number > 0") == 2
        listed = await management.call(f"queue.{name}", "listMessages", "number = 1")
        assert isinstance(listed, list)
        assert isinstance(listed[0], dict)
        assert (listed[0]["number"], listed[0]["ünicode"]) == (1, "\U0001f600\n\"'")
        assert json.loads(str(await management.call(f"queue.{name}", "listMessagesAsJSON", None)))[2]["number"] == 2
        assert await management.call(f"queue.{name}", "removeAllMessages") == 3
        assert await management.call("broker", "destroyQueue", name) is None


async def what_fails_says_why(url: str, name: str) -> None:
    async with connect(url) as client, client.management() as management:
        for resource, operation, parameters, text in (
            ("broker", "destroyQueue", (name,), "AMQ229017"),
            ("broker", "noSuchThing", (1, 2), "AMQ229069"),
            (f"queue.{name}", "removeAllMessages", (), "AMQ229067"),
        ):
            with pytest.raises(ManagementError, match=text) as failed:
                await management.call(resource, operation, *parameters)
            assert failed.value.subject == f"{resource} {operation}"
            assert failed.value.broker_message_id == text
        with pytest.raises(ManagementError, match="Problem while retrieving attribute NoSuch"):
            await management.get("broker", "NoSuch")


async def queues_are_listed_by_pages(url: str, name: str) -> None:
    async with connect(url) as client, client.management() as management, client.session() as session:
        for number in (3, 0, 12, 2):
            queue = f"{name}.{number}"
            await session.create_queue(queue)
            for _ in range(number):
                await session.send(queue, "x")
        async with session.consumer(f"{name}.2") as consumer:
            await consumer.receive()
            await consumer.receive()
            page = await management.queues(name, sort="message_count", descending=True, page_size=3)
            assert page.total == 4
            assert [queue.name for queue in page.items] == [f"{name}.{number}" for number in (12, 3, 2)]
            first, last = page.items[0], page.items[-1]
            assert (first.address, first.routing_type, first.durable) == (first.name, RoutingType.ANYCAST, True)
            assert (first.message_count, first.messages_added, first.consumer_count) == (12, 12, 0)
            assert (last.consumer_count, last.paused, last.internal) == (1, False, False)
            page = await management.queues(name, sort="message_count", descending=True, page=2, page_size=3)
            assert [(queue.name, queue.message_count) for queue in page.items] == [(f"{name}.0", 0)]
        assert (await management.queues(f"{name}.none")).items == ()
        assert (await management.queues(page_size=1)).total >= 4


async def many_share_one(url: str, name: str) -> None:
    async with connect(url) as client, client.management() as management, client.session() as session:
        for number in range(8):
            await session.create_queue(f"{name}.{number}")
        await tasks(*(partial(_asks, management, f"{name}.{number}") for number in range(8)))


async def _asks(management: Management, queue: str) -> None:
    for _ in range(5):
        assert await management.get(f"queue.{queue}", "Name") == queue
        assert await management.call(f"queue.{queue}", "getMessageCount") == 0
