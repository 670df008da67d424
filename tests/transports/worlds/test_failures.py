"""What a failure does to a call, and what a call that is given up leaves behind."""
# ruff: noqa: PT012, SIM117  (blocks are what is tested here)

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.transports.company_anyio import beside, needs_company, until

from corewire import AckMode, RoutingType
from corewire.errors import (
    CallTimeout,
    ConnectionLost,
    NotConnected,
    TransactionOutcomeUnknown,
    TransactionRolledBack,
    Unblocked,
)
from corewire.events import FailedOver, FailoverFailed, FailureDetected, Reattached, Reconnecting
from corewire.wire.packets import SessionCommit
from corewire_server.proxy import Direction, Ending
from corewire_transports.anyio import (
    ClientState,
    Consumer,
    Session,
    TransactedSession,
    connect,
    fail_after,
    move_on_after,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from corewire_server.proxy import Proxy
    from corewire_transports.anyio import Client

WINDOW = "?reconnectAttempts=-1;retryInterval=10;confirmationWindowSize=1048576"
NO_WINDOW = "?reconnectAttempts=-1;retryInterval=10"
SOON_S = 1.0 if "COREWIRE_ROUNDS" in os.environ else 20.0  # on any machine; what must not be waited for takes longer


def heal(proxy: Proxy) -> None:
    """End the links that lose bytes; the next ones lose none."""
    proxy.refuse()
    proxy.cut_all()
    proxy.swallow()
    proxy.accept()


async def recovered(client: Client) -> None:
    """Until the client is back. Waiting for an answer turns the engine in every world."""
    async with client.session():
        pass


@pytest.mark.parametrize("ending", [Ending.FIN, Ending.RESET])
async def test_reattached_session_goes_on(proxied: str, proxy: Proxy, queue: str, ending: Ending) -> None:
    async with connect(proxied + WINDOW) as client, client.session() as session, session.consumer(queue) as consumer:
        events = client.events()
        for number in range(5):
            await session.send(queue, str(number))
            proxy.cut_all(ending)
        assert [(await consumer.receive()).text for _ in range(5)] == [str(number) for number in range(5)]
        assert client.stats.reattached_sessions >= 4  # the last cut may not have been noticed yet
        assert client.stats.recreated_sessions == 0
    kinds = [type(event) for event in [event async for event in events]]
    assert kinds[0] is FailureDetected
    assert set(kinds) >= {FailureDetected, Reattached}
    assert FailedOver not in kinds


async def test_cut_behind_any_byte_is_not_noticed(proxied: str, proxy: Proxy, queue: str) -> None:
    async with connect(proxied + WINDOW) as client, client.session() as session, session.consumer(queue) as consumer:
        received = []
        planned = 0
        for number in range(60):
            if proxy.cuts == planned:
                await recovered(client)
                proxy.arm(bytes_max=1500)
                planned += 1
            await session.send(queue, str(number) + "x" * number)
            received.append((await consumer.receive()).text)
        assert received == [str(number) + "x" * number for number in range(60)]
        assert await consumer.receive(timeout=0) is None
        assert proxy.cuts > 3
        assert client.stats.recreated_sessions == 0


async def test_recreated_session_tells_what_was_in_flight(proxied: str, proxy: Proxy, queue: str) -> None:
    async with connect(proxied + NO_WINDOW) as client, client.session() as session:
        await session.send(queue, "before")
        async with session.consumer(queue) as consumer:
            proxy.swallow(Direction.TO_CLIENT)
            with move_on_after(0.05):
                await session.query_address(queue)  # an idempotent question waits
            heal(proxy)
            await recovered(client)
            assert client.stats.recreated_sessions == 1
            assert (await consumer.receive()).text == "before"


@needs_company
async def test_send_in_flight_is_unblocked_and_questions_are_asked_again(
    proxied: str, proxy: Proxy, queue: str
) -> None:
    async with connect(proxied + NO_WINDOW) as client, client.session() as session, client.session() as asking:
        await session.create_queue(queue)
        await session.send(queue, "before")
        proxy.swallow(Direction.TO_CLIENT)
        async with beside(session.send, queue, "in flight") as sending, beside(asking.query_queue, queue) as question:
            await until(lambda: client.stats.messages_sent == 2)
            heal(proxy)
            with pytest.raises(Unblocked):
                await sending.result()
            assert (await question.result()).exists


@needs_company
async def test_receive_goes_on_in_a_recreated_session(proxied: str, proxy: Proxy, queue: str) -> None:
    async with connect(proxied + NO_WINDOW) as client, client.session() as session, client.session() as sender:
        async with session.consumer(queue) as consumer, beside(consumer.receive) as receiving:
            await sender.create_queue(queue, exist_ok=True)
            proxy.cut_all()
            await sender.query_queue(queue)
            await sender.send(queue, "after")
            assert (await receiving.result()).text == "after"


async def test_transaction_that_lost_its_session_is_rolled_back(proxied: str, proxy: Proxy, queue: str) -> None:
    async with connect(proxied + NO_WINDOW) as client, client.transacted_session() as session:
        await session.send(queue, "1")
        proxy.cut_all()
        await recovered(client)
        assert session.rollback_only
        with pytest.raises(TransactionRolledBack):
            await session.commit()
        await session.send(queue, "2")
        await session.commit()
        assert (await session.query_queue(queue)).message_count == 1


async def send_and_commit_unanswered(session: TransactedSession, queue: str, proxy: Proxy) -> None:
    """A whole transaction, by one user: the send is answered, the commit is not."""
    await session.send(queue, "2")
    proxy.swallow(Direction.TO_CLIENT)
    await session.commit()


@needs_company
async def test_commit_in_flight_has_an_unknown_outcome(proxied: str, proxy: Proxy, queue: str) -> None:
    async with connect(proxied + NO_WINDOW) as client, client.transacted_session() as session:
        await session.send(queue, "1")
        await session.commit()
        answers = client._engine._session(session._id).answers
        async with beside(send_and_commit_unanswered, session, queue, proxy) as committing:
            await until(lambda: any(isinstance(command.packet, SessionCommit) for command in [*answers]))
            heal(proxy)
            with pytest.raises(TransactionOutcomeUnknown):
                await committing.result()


async def test_acknowledgement_of_a_lost_session_is_told(proxied: str, proxy: Proxy, queue: str) -> None:
    async with connect(proxied + NO_WINDOW) as client, client.session(AckMode.CLIENT) as session:
        await session.send(queue, "1")
        async with session.consumer(queue) as consumer:
            message = await consumer.receive()
            proxy.cut_all()
            await recovered(client)
            with pytest.raises(TransactionRolledBack):
                await message.acknowledge()
            await (await consumer.receive()).acknowledge()


async def test_given_up_client_says_so(proxied: str, proxy: Proxy, queue: str) -> None:
    async with connect(proxied + "?reconnectAttempts=0") as client, client.session() as session:
        events = client.events()
        async with session.consumer(queue) as consumer:
            proxy.cut_all()
            with pytest.raises(ConnectionLost):
                await consumer.receive()
            with pytest.raises(NotConnected):
                await session.send(queue, "x")
            with pytest.raises(NotConnected):
                await client.session()
        assert client.state is ClientState.FAILED
        assert session.closed
    kinds = [type(event) for event in [event async for event in events]]
    assert kinds == [FailureDetected, FailoverFailed]


async def test_outage_is_waited_for_no_longer_than_configured(proxied: str, proxy: Proxy, queue: str) -> None:
    async with connect(proxied + WINDOW + ";callFailoverTimeout=100") as client, client.session() as session:
        events = client.events()
        proxy.refuse()
        proxy.cut_all()
        async for event in events:
            if isinstance(event, Reconnecting):
                break
        with pytest.raises(CallTimeout):
            await session.query_queue(queue)
        with pytest.raises(CallTimeout):
            await client.session()
        proxy.accept()
        async for event in events:
            if isinstance(event, Reattached):
                break
        assert not (await session.query_queue(queue)).exists


async def test_silent_broker_is_noticed(proxied: str, proxy: Proxy, queue: str) -> None:
    url = proxied + WINDOW + ";connectionTTL=200;clientFailureCheckPeriod=50"
    async with connect(url) as client, client.session() as session:
        events = client.events()
        await session.send(queue, "x")
        proxy.stall()
        async for event in events:
            if isinstance(event, FailureDetected):
                break
        proxy.resume()
        await session.send(queue, "y")
        assert client.stats.reconnects >= 1  # a machine that stands still is as silent


@contextmanager
def impatience(client: Client) -> Generator[None]:
    """What is called meanwhile waits for its answer only a moment: too short to connect in, or to go on, on a busy machine."""
    patience_s = client.config.call_timeout_s
    object.__setattr__(client.config, "call_timeout_s", 0.1)
    try:
        yield
    finally:
        object.__setattr__(client.config, "call_timeout_s", patience_s)


async def test_call_that_is_not_answered_ends(proxied: str, proxy: Proxy, queue: str) -> None:
    async with connect(proxied + WINDOW) as client, client.session() as session:
        await session.send(queue, "x")
        proxy.swallow(Direction.TO_CLIENT)
        with impatience(client), pytest.raises(CallTimeout):
            await session.query_queue(queue)
        heal(proxy)
        assert (await session.query_queue(queue)).message_count == 1


async def test_flush_waits_as_long_as_answers_come(proxied: str, proxy: Proxy, queue: str) -> None:
    async with connect(proxied + WINDOW) as client, client.session() as session:
        async with session.producer(queue) as producer:
            await (await producer.submit("known")).wait()
            proxy.swallow(Direction.TO_CLIENT)
            receipt = await producer.submit("x")
            with impatience(client):
                with pytest.raises(CallTimeout):
                    await receipt.wait()
                with pytest.raises(CallTimeout):
                    await producer.flush()
            assert client.stats.reconnects == 0
            heal(proxy)
            await producer.flush()
            await receipt.wait()


@pytest.mark.usefixtures("no_lingering")
async def test_closing_in_an_outage_does_not_wait(proxied: str, proxy: Proxy, queue: str) -> None:
    async with connect(proxied + WINDOW) as client, client.session() as session:
        async with session.consumer(queue), session.producer(queue), session.temporary_queue():
            events = client.events()
            proxy.refuse()
            proxy.cut_all()
            async for event in events:
                if isinstance(event, Reconnecting):
                    break
            began = time.monotonic()
    assert client.state is ClientState.CLOSED
    assert time.monotonic() - began < SOON_S


@pytest.mark.usefixtures("no_lingering")
async def test_body_that_raises_in_an_outage_leaves_at_once(proxied: str, proxy: Proxy, queue: str) -> None:
    began = 0.0
    with pytest.raises(KeyError):
        async with connect(proxied + WINDOW) as client, client.session() as session:
            await session.send(queue, "x")
            async with session.consumer(queue) as consumer:
                await consumer.receive()
                proxy.refuse()
                proxy.cut_all()
                began = time.monotonic()
                raise KeyError
    assert time.monotonic() - began < SOON_S


async def test_submitted_message_of_a_lost_session_is_told_by_receipt_and_flush(
    proxied: str, proxy: Proxy, queue: str
) -> None:
    async with connect(proxied + NO_WINDOW) as client, client.session() as session:
        await session.create_queue(queue)
        async with session.producer(queue, durable=False) as producer:
            await (await producer.submit("with credits")).wait()
            proxy.swallow(Direction.TO_TARGET)
            receipt = await producer.submit("x")
            heal(proxy)
            with pytest.raises(Unblocked):
                await receipt.wait()
            with pytest.raises(ExceptionGroup, match="1 messages"):
                await producer.flush()
    assert "failed" in repr(receipt)


# -- given up by their caller


async def test_client_that_is_given_up_says_goodbye(url: str, queue: str) -> None:
    async with connect(url) as other, other.session() as watcher:
        await watcher.send(queue, "x")
        with move_on_after(None) as scope:
            async with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
                await consumer.receive()
                scope.cancel()
                await consumer.receive()
        assert scope.cancelled_caught
        assert client.state is ClientState.CLOSED
        with fail_after(10):
            while (await watcher.query_queue(queue)).consumer_count:
                await other.poll()
        assert (await watcher.query_queue(queue)).message_count in (
            0,
            1,
        )  # acknowledged, when it came back for the next one


async def test_receive_that_was_given_up_loses_nothing(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(queue, window_bytes=0) as consumer:
        for number in range(30):
            with move_on_after(0.001) as scope:
                await consumer.receive()
            assert scope.cancelled_caught
            await session.send(queue, str(number))
            assert (await consumer.receive()).text == str(number)
        assert await consumer.receive(timeout=0) is None


async def test_openings_that_were_given_up_are_closed_again(proxied: str, proxy: Proxy, url: str, queue: str) -> None:
    async with connect(proxied + WINDOW) as client, client.session() as session:
        await session.create_queue(queue)
        proxy.slow(delay_s=0.02)
        taken: list[object] = []
        for delay_s in (0.0, 0.01, 0.03, 0.05):
            with move_on_after(delay_s):
                taken.append(await session.consumer(queue))
            with move_on_after(delay_s):
                taken.append(await session.temporary_queue())
            with move_on_after(delay_s):
                taken.append(await client.session())
            assert (await session.query_queue(queue)).configuration.name == queue
        proxy.slow()
        await session.query_queue(queue)  # answered behind the closing of what was answered before the last question
        context = client._engine._context
        assert len(context.sessions) == 1 + sum(isinstance(each, Session) for each in taken)
        assert len(context.consumers) == sum(isinstance(each, Consumer) for each in taken)


async def test_send_that_was_given_up_is_there_once_at_most(proxied: str, proxy: Proxy, queue: str) -> None:
    async with connect(proxied + WINDOW) as client, client.session() as session:
        await session.create_queue(queue)
        proxy.slow(delay_s=0.02)
        for number in range(10):
            with move_on_after(0.005 * number):
                await session.send(queue, str(number))
        proxy.slow()
        async with session.consumer(queue) as consumer:
            got = [message.text async for message in consumer.drain()]
        assert sorted(set(got)) == sorted(got)
        assert set(got) <= {str(number) for number in range(10)}


async def test_commit_is_not_given_up(proxied: str, proxy: Proxy, queue: str) -> None:
    async with connect(proxied + WINDOW) as client, client.transacted_session() as session:
        await session.send(queue, "x")
        proxy.slow(delay_s=0.02)
        with move_on_after(0.001):
            await session.commit()
        proxy.slow()
        assert (await session.query_queue(queue)).message_count == 1


async def test_deadlines_nest_and_fail(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        with pytest.raises(TimeoutError), fail_after(0.01):
            await consumer.receive()
        with move_on_after(0.01) as outer, move_on_after(10) as inner:
            await consumer.receive()
        assert outer.cancelled_caught
        assert not inner.cancelled_caught
        with move_on_after(10) as scope:
            await session.send(queue, "x")
        assert not scope.cancelled_caught


@needs_company
async def test_cancelling_wakes_the_waiting_call(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        async with beside(consumer.receive) as receiving:
            await session.create_address(f"{queue}-a", RoutingType.ANYCAST)
            receiving.cancel()
            assert await receiving.result() is None
            assert receiving.cancelled
        await session.send(queue, "x")
        assert (await consumer.receive()).text == "x"
