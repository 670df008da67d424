"""What a call leaves behind whose caller does not wait any more: each lane holds back the very answer that it waits for."""

from __future__ import annotations

import io
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.interop.together import leave

from corewire.errors import CorewireError, TransactionOutcomeUnknown
from corewire.wire import packets
from corewire_server.proxy import Direction
from corewire_transports.anyio import (
    Client,
    ClientState,
    Receipt,
    SendState,
    Session,
    TransactedSession,
    connect,
    move_on_after,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.interop.cell_stage import Stage

PATIENCE_S = 0.2
CALL_S = 1.5
SOON_S = 10.0  # on a busy machine; other time-outs are longer
OPTIONS = "reconnectAttempts=-1&retryInterval=20&confirmationWindowSize=1048576"


async def _left(stage: Stage, asked: type[object], call: Callable[[], Awaitable[object]]) -> None:
    """Begin a call, leave while its answer is held back, and let everything flow again."""
    stage.set_trap(stage.proxy.stall, (Direction.TO_TARGET, (asked,)))
    await leave(call, lambda: stage.struck)
    stage.proxy.resume()


async def receive_loses_no_message(stage: Stage) -> None:
    async with connect(stage.url(OPTIONS)) as client, client.session() as session:
        stage.witness.queue(stage.name)
        for window_bytes in (1_048_576, 0):
            async with session.consumer(stage.name, window_bytes=window_bytes) as consumer:
                await session.query_queue(stage.name)
                stage.proxy.stall()
                stage.witness.queue(stage.name, "1", "2")
                with move_on_after(PATIENCE_S) as scope:
                    await consumer.receive()
                assert scope.cancelled_caught
                stage.proxy.resume()
                assert [(await consumer.receive()).text for _ in range(2)] == ["1", "2"]
                assert await consumer.receive(timeout=0) is None


async def iteration_loses_no_message(stage: Stage) -> None:
    async with connect(stage.url(OPTIONS)) as client, client.session() as session:
        stage.witness.queue(stage.name)
        async with session.consumer(stage.name) as consumer:
            await session.query_queue(stage.name)
            stage.proxy.stall()
            stage.witness.queue(stage.name, "1")
            with move_on_after(PATIENCE_S) as scope:
                async for _message in consumer:
                    raise AssertionError("it is held back")
            assert scope.cancelled_caught
            stage.proxy.resume()
            async for message in consumer:
                assert message.text == "1"
                break


async def what_waits_for_room_is_never_sent(stage: Stage) -> None:
    stage.witness.queue(stage.name)
    async with connect(stage.url(OPTIONS)) as client, client.session() as session:
        await session.query_address(stage.name)
        await _left(stage, packets.SessionProducerRequestCredits, partial(session.send, stage.name, "send"))
    async with connect(stage.url(OPTIONS)) as client, client.session() as session:
        stage.set_trap(stage.proxy.stall, (Direction.TO_TARGET, (packets.SessionProducerRequestCredits,)))
        producer = await session.producer(stage.name)
        await leave(partial(producer.submit, "submit"), lambda: stage.struck)
        stage.proxy.resume()
        await session.send(stage.name, "next")
    assert stage.witness.texts(stage.name) == ["next"]


async def a_send_that_was_written_arrives_once(stage: Stage) -> None:
    stage.witness.queue(stage.name)
    async with connect(stage.url(OPTIONS)) as client, client.session() as session:
        await session.send(stage.name, "known")
        await _left(stage, packets.SessionSend, partial(session.send, stage.name, "on its way"))
        await session.query_queue(stage.name)

        def vanish() -> None:
            stage.proxy.target = ("127.0.0.1", 1)
            stage.proxy.cut_all()

        stage.set_trap(vanish, (Direction.TO_TARGET, (packets.SessionSend,)))
        await leave(partial(session.send, stage.name, "written again"), lambda: stage.struck)
        stage.heal()
        await session.query_queue(stage.name)
    assert stage.witness.texts(stage.name) == ["known", "on its way", "written again"]


async def a_receipt_tells_how_far_it_came(stage: Stage) -> None:
    stage.witness.queue(stage.name)
    async with connect(stage.url(OPTIONS)) as client, client.session() as session:
        producer = await session.producer(stage.name)
        await (await producer.submit("known")).wait()
        receipts: list[Receipt] = []

        async def submit_and_wait() -> None:
            receipts.append(await producer.submit("x"))
            await receipts[0].wait()

        stage.set_trap(stage.proxy.stall, (Direction.TO_TARGET, (packets.SessionSend,)))
        await leave(submit_and_wait, lambda: stage.struck and bool(receipts))
        states = [receipts[0].state]
        stage.proxy.resume()
        await receipts[0].wait()
        assert [*states, receipts[0].state] == [SendState.SENT, SendState.CONFIRMED]
    assert stage.witness.texts(stage.name) == ["known", "x"]


class Endless:
    """A body that comes piece by piece, and has no end."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return bytes(100_000)


async def an_unfinished_stream_is_never_routed(stage: Stage) -> None:
    stage.witness.queue(stage.name)
    async with connect(stage.url(OPTIONS)) as client:
        async with client.session() as session:
            await session.send(stage.name, "1")
            stream = partial(session.send_stream, stage.name, Endless())
            await _left(stage, packets.SessionSendContinuation, stream)
            await session.send(stage.name, "2")
            assert stage.witness.texts(stage.name) == ["1", "2"]
            await session.send_stream(stage.name, io.BytesIO(bytes(200_000)), correlation_id="whole")
            await _left(stage, packets.SessionSendContinuation, stream)
        async with client.session() as session, session.consumer(stage.name) as consumer:
            assert [message.correlation_id async for message in consumer.drain()] == [None, None, "whole"]


async def a_commit_is_not_left(stage: Stage) -> None:
    stage.witness.queue(stage.name)
    async with connect(stage.url(OPTIONS)) as client, client.transacted_session() as session:
        await session.send(stage.name, "1")
        stage.proxy.slow(delay_s=PATIENCE_S)
        with move_on_after(PATIENCE_S / 3):
            await session.commit()
        assert stage.witness.texts(stage.name) == ["1"]
        with move_on_after(100 * PATIENCE_S):
            async with session.transaction():
                await session.send(stage.name, "2")
                with move_on_after(0):
                    await session.query_queue(stage.name)
        assert stage.witness.texts(stage.name) == ["1", "2"]


async def _bounded(stage: Stage, other: Client, asked: type[object], call: Callable[[], Awaitable[object]]) -> None:
    """The broker falls silent when it is asked, and the caller leaves in vain: he is kept until the time-out, and no longer.
    He is let go in the next call, of ``other``."""
    ended: list[float] = []

    async def call_and_look_up() -> None:
        try:
            await call()
        finally:
            ended.append(time.monotonic())
        await other.session()

    struck: list[float] = []

    def fall_silent() -> None:
        stage.proxy.stall()
        struck.append(time.monotonic())

    stage.set_trap(fall_silent, (Direction.TO_TARGET, (asked,)))
    await leave(call_and_look_up, lambda: stage.struck)
    assert 0.9 * CALL_S < ended[0] - struck[0] < CALL_S + SOON_S


async def a_commit_that_is_not_answered_is_bounded(stage: Stage) -> None:
    stage.witness.queue(stage.name)

    async def send(session: Session) -> None:
        await session.send(stage.name, "x")

    async def commit(session: TransactedSession) -> None:
        await session.send(stage.name, "x")
        await session.commit()

    async def transaction(session: TransactedSession) -> None:
        async with session.transaction():
            await session.send(stage.name, "x")

    async def transact(session: TransactedSession) -> None:
        await session.transact(send)

    for ended_by in (commit, transaction, transact):
        async with connect(stage.url(f"{OPTIONS}&callTimeout={CALL_S * 1000:.0f}")) as client:
            session = await client.transacted_session()

            async def unknown(end: Callable[[TransactedSession], Awaitable[object]], of: TransactedSession) -> None:
                with pytest.raises(TransactionOutcomeUnknown):
                    await end(of)

            await _bounded(stage, client, packets.SessionCommit, partial(unknown, ended_by, session))
            began = time.monotonic()
            await client.close()
            assert time.monotonic() - began < SOON_S
        stage.proxy.resume()


async def closing_what_does_not_answer_is_bounded(stage: Stage) -> None:
    options = f"{OPTIONS}&callTimeout={CALL_S * 1000:.0f}"
    async with connect(stage.url(options)) as other, connect(stage.url(options)) as client:
        await client.session()
        await _bounded(stage, other, packets.SessionClose, client.close)
        assert client.state is ClientState.CLOSED
        stage.proxy.resume()


async def what_was_opened_for_nobody_is_closed(stage: Stage) -> None:
    stage.witness.queue(stage.name)
    async with connect(stage.url(OPTIONS)) as client, client.session() as session:
        topic = f"{stage.name}.topic"
        shared = partial(session.subscribe, topic, f"{stage.name}.shared", shared=True)
        async with shared():
            pass
        openings: list[tuple[type[object], Callable[[], Awaitable[object]]]] = [
            (packets.SessionCreateConsumer, partial(session.consumer, stage.name)),
            (packets.SessionCreateConsumer, partial(session.browser, stage.name)),
            (packets.SessionCreateConsumer, shared),
            (packets.CreateQueueV2, partial(session.subscribe, topic)),
            (packets.SessionCreateConsumer, partial(session.subscribe, topic)),
            (packets.CreateQueueV2, session.temporary_queue),
            (packets.CreateQueueV2, session.temporary_topic),
            (packets.CreateSessionV2, client.session),
        ]
        for asked, opening in openings:
            await _left(stage, asked, opening)
            await session.query_queue(stage.name)
            await session.query_queue(stage.name)  # behind what it was closed with
        context = client._engine._context
        while len(context.sessions) > 1:
            await session.query_queue(stage.name)
        assert not context.consumers
        while len((await session.query_address(topic)).queue_names) > 1:  # those of the others go with them
            pass
        assert stage.witness.consumers(stage.name) == 0
        assert stage.witness.consumers(f"{stage.name}.shared") == 0


async def what_was_made_stays(stage: Stage) -> None:
    stage.witness.queue(f"{stage.name}.old")
    async with connect(stage.url(OPTIONS)) as client, client.session() as session:
        await _left(stage, packets.CreateQueueV2, partial(session.create_queue, f"{stage.name}.new"))
        await _left(stage, packets.CreateAddress, partial(session.create_address, f"{stage.name}.address"))
        await _left(stage, packets.DeleteQueue, partial(session.delete_queue, f"{stage.name}.old"))
        assert (await session.query_queue(f"{stage.name}.new")).exists
        assert (await session.query_address(f"{stage.name}.address")).exists
        assert not (await session.query_queue(f"{stage.name}.old")).exists


async def closing_is_not_left(stage: Stage) -> None:
    stage.witness.queue(stage.name, "1", "2")
    async with connect(stage.url(OPTIONS)) as client:
        session = await client.session()
        consumer = await session.consumer(stage.name)
        assert (await consumer.receive()).text == "1"
        stage.proxy.slow(delay_s=PATIENCE_S)
        with move_on_after(PATIENCE_S / 3):
            await client.close()
        assert client.state is ClientState.CLOSED
        assert stage.witness.consumers(stage.name) == 0
        assert stage.witness.texts(stage.name) == ["2"]


async def closing_waits_for_no_broker_that_is_not_there(stage: Stage) -> None:
    async with connect(stage.url(f"{OPTIONS}&callTimeout=60000&callFailoverTimeout=60000")) as client:
        session = await client.session()
        stage.proxy.target = ("127.0.0.1", 1)
        stage.proxy.cut_all()
        try:
            with move_on_after(2 * PATIENCE_S):
                await session.query_queue("any")
        except CorewireError as error:
            raise AssertionError("there was an outage only") from error
        with move_on_after(20) as scope:
            await client.close()
        assert not scope.cancelled_caught
