"""What the types of the clients say: checked by the type checkers, never run."""

from __future__ import annotations

from typing import assert_never, assert_type

from corewire import Message, QueueInfo
from corewire.events import (
    ClientEvent,
    Connected,
    ConsumerClosedByBroker,
    Disconnecting,
    EventsMissed,
    FailedOver,
    FailoverFailed,
    FailureDetected,
    ProducerBlocked,
    ProducerUnblocked,
    Reattached,
    Reconnecting,
    TopologyChanged,
)
from corewire_transports import anyio as aio
from corewire_transports import blocking, threads
from corewire_transports._opening import Opening


async def in_the_async_world(client: aio.Client, session: aio.Session, consumer: aio.Consumer) -> None:
    assert_type(client.session(), Opening[aio.Session])
    assert_type(await client.session(), aio.Session)
    async with client.session() as opened:
        assert_type(opened, aio.Session)
    assert_type(await client.transacted_session(), aio.TransactedSession)
    assert_type(await consumer.receive(), aio.ReceivedMessage)
    assert_type(await consumer.receive(1), aio.ReceivedMessage | None)
    async for message in consumer:
        assert_type(message, aio.ReceivedMessage)
    async with session.producer("orders", priority=9) as producer:
        assert_type(await producer.submit("x"), aio.Receipt)
    assert_type(await session.query_queue("orders"), QueueInfo)
    async with session.temporary_queue() as inbox:
        assert_type(inbox, aio.TemporaryQueue)
        assert_type(await session.request(inbox, "x"), aio.ReceivedMessage)
    async with aio.connect("tcp://localhost") as connected:
        assert_type(connected, aio.Client)


def in_the_others(client: threads.Client, other: blocking.Client) -> None:
    assert_type(client.session(), threads.Session)
    with client.session() as session, session.consumer("orders") as consumer:
        assert_type(consumer.receive(), threads.ReceivedMessage)
        assert_type(consumer.receive(timeout=1), threads.ReceivedMessage | None)
    with other.transacted_session() as transacted, transacted.transaction() as nothing:
        assert_type(transacted, blocking.TransactedSession)
        assert_type(nothing, None)
    assert_type(threads.connect("tcp://localhost"), threads.Client)
    with threads.move_on_after(1) as scope:
        assert_type(scope.cancelled_caught, bool)


def told(event: ClientEvent) -> None:
    """A closed union: whoever looks at all of these has seen everything."""
    match event:
        case Connected() | Disconnecting() | FailureDetected() | Reconnecting():
            pass
        case Reattached() | FailedOver() | FailoverFailed() | TopologyChanged():
            pass
        case ProducerBlocked() | ProducerUnblocked() | ConsumerClosedByBroker() | EventsMissed():
            pass
        case _:
            assert_never(event)


async def refused(session: aio.Session, consumer: aio.Consumer, message: aio.ReceivedMessage) -> None:
    """Each ignore must be needed: strict mode reports the ones that are not."""
    await session.commit()  # type: ignore[attr-defined]
    await session.send("orders", "x", priority="high")  # type: ignore[arg-type]
    await session.send("orders", "x", timeToLive=5)  # type: ignore[call-arg]
    await session.send("orders", {"nested": {"a": 1}})  # type: ignore[dict-item]
    print((await consumer.receive(timeout=1)).text)  # type: ignore[union-attr]
    message.priority = 9  # type: ignore[misc]
    await Message("x").acknowledge()  # type: ignore[attr-defined]


async def refused_too(client: aio.Client, other: threads.Client) -> None:
    with client.session():  # type: ignore[attr-defined]
        pass
    await aio.connect("tcp://localhost:61616")  # type: ignore[misc]
    other.events(buffer="big")  # type: ignore[arg-type]
