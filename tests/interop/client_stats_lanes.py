"""Lanes of our client about what it counts and tells of itself. Each takes the URL of a real broker and a name of its own."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from tests.interop.together import tasks

from corewire.events import ProducerBlocked, ProducerUnblocked
from corewire_transports.anyio import Client, Producer, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from corewire.events import ClientEvent

KIB = b"x" * 1024


async def _what_is_done_is_counted(url: str, name: str, cut: Callable[[], object]) -> None:
    """``url`` leads through what ``cut`` cuts, with a window."""
    async with connect(url) as client, client.session() as session, session.producer(name) as producer:
        for number in range(5):
            await producer.send(KIB, durable=number % 2 == 0)
        await producer.flush()
        sent = client.stats
        assert (sent.messages_sent, sent.messages_received, sent.messages_acknowledged) == (5, 0, 0)
        assert 5 * len(KIB) < sent.bytes_sent < 7 * len(KIB)
        async with session.consumer(name) as consumer:
            assert len([message async for message in consumer.drain()]) == 5
        received = client.stats
        assert (received.messages_received, received.messages_acknowledged) == (5, 5)
        assert received.bytes_received > 5 * len(KIB)
        cut()
        await session.query_queue(name)
        after = client.stats
        assert (after.reconnects, after.reattached_sessions, after.recreated_sessions) == (1, 1, 0)
        assert (after.messages_maybe_lost, after.duplicates_suppressed) == (0, 0)
    assert client.stats.resend_bytes == 0


async def _what_is_made_anew_is_counted(url: str, name: str, cut: Callable[[], object]) -> None:
    """The same without a window."""
    async with connect(url) as client, client.session() as session, client.session() as other:
        await session.send(name, "x")
        cut()
        await other.query_queue(name)
        await session.query_queue(name)
        stats = client.stats
        assert (stats.reconnects, stats.reattached_sessions, stats.recreated_sessions) == (1, 0, 2)
        assert stats.replayed_packets == 0


async def _waiting_for_credits_is_told_and_counted(url: str, name: str) -> None:
    async with (
        connect(f"{url}?producerWindowSize=16384") as client,
        client.management() as management,
        client.session() as session,
        session.producer(name) as producer,
    ):
        await producer.send(KIB)
        assert not producer.blocked
        assert producer.credit_bytes > 0
        small = {"maxSizeBytes": 10_000, "pageSizeBytes": 5_000, "addressFullMessagePolicy": "BLOCK"}
        await management.call("broker", "addAddressSettings", name, json.dumps(small))
        events = client.events()
        await tasks(partial(_send, producer, 40), partial(_make_room, client, events, producer))
        assert not producer.blocked
        assert client.stats.credit_wait_s >= 0.25


async def _send(producer: Producer, count: int) -> None:
    for _ in range(count):
        await producer.send(KIB)


async def _make_room(client: Client, events: AsyncIterator[ClientEvent], producer: Producer) -> None:
    address = producer.destination.name
    assert await _next(events) == ProducerBlocked(address)
    assert producer.blocked
    assert producer.credit_bytes < len(KIB)
    assert client.stats.messages_sent < 41
    async with client.session() as session, session.consumer(address) as consumer:
        for _ in range(41):
            await consumer.receive()
    told = await _next(events)
    assert isinstance(told, ProducerUnblocked)
    assert told.address == address
    assert told.waited_s >= 0.25


async def _next(events: AsyncIterator[ClientEvent]) -> ClientEvent:
    async for event in events:
        return event
    raise AssertionError("they ended")
