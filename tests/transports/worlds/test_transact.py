"""`transact`: run again until it took effect once; whatever else happens leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from corewire.errors import (
    CorewireError,
    DuplicateIdRejected,
    LocalProtocolError,
    TransactionOutcomeUnknown,
    TransactionRolledBack,
    Unblocked,
)
from corewire_transports.anyio import Client, TransactedSession, connect, fail_after, move_on_after

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from corewire_server.proxy import Proxy

ONCE = "?exactlyOnce=true;retryInterval=10"
OPTIONS = pytest.mark.parametrize("options", ["", ONCE])


class Mine(Exception):
    """Raised by the application."""


async def count(client: Client, queue: str) -> int:
    async with client.session() as session:
        return (await session.query_queue(queue)).message_count


@OPTIONS
async def test_what_the_function_did_is_committed_and_its_result_returned(url: str, queue: str, options: str) -> None:
    async def forward(session: TransactedSession) -> str:
        order = await orders.receive()
        await session.send(f"{queue}-out", order.text)
        return order.text

    async with (
        connect(url + options) as client,
        client.session() as feeder,
        client.transacted_session() as session,
        session.consumer(queue) as orders,
    ):
        for number in range(3):
            await feeder.send(queue, str(number))
        assert [await session.transact(forward) for _ in range(3)] == ["0", "1", "2"]
        assert await count(client, queue) == 0
        assert await count(client, f"{queue}-out") == 3


@OPTIONS
@pytest.mark.parametrize("error", [TransactionRolledBack, Unblocked])
async def test_it_runs_again_where_a_failure_undid_it(
    url: str, queue: str, options: str, error: type[CorewireError]
) -> None:
    runs: list[int] = []

    async def send(session: TransactedSession) -> int:
        runs.append(len(runs))
        await session.send(queue, "x")
        if len(runs) < 3:
            raise error("undone")
        return len(runs)

    async with connect(url + options) as client, client.transacted_session() as session:
        assert await session.transact(send) == 3
        assert await count(client, queue) == 1


@pytest.mark.parametrize("attempts_max", [1, 2])
async def test_it_runs_so_often_at_most(url: str, queue: str, attempts_max: int) -> None:
    runs: list[int] = []

    async def fail(session: TransactedSession) -> None:
        runs.append(len(runs))
        await session.send(queue, "x")
        raise TransactionRolledBack("undone")

    async with connect(url) as client, client.transacted_session() as session:
        with pytest.raises(TransactionRolledBack, match="undone"):
            await session.transact(fail, attempts_max=attempts_max)
        assert len(runs) == attempts_max
        await session.commit()
        assert await count(client, queue) == 0
        with pytest.raises(ValueError, match="at least 1"):
            await session.transact(fail, attempts_max=0)


@OPTIONS
async def test_whatever_else_it_raises_rolls_back_and_leaves_as_itself(url: str, queue: str, options: str) -> None:
    async def fail(session: TransactedSession) -> None:
        await session.send(queue, "x")
        raise Mine

    async with connect(url + options) as client, client.transacted_session() as session:
        with pytest.raises(Mine):
            await session.transact(fail)
        await session.commit()
        assert await count(client, queue) == 0


async def commit(session: TransactedSession) -> None:
    await session.commit()


async def roll_back(session: TransactedSession) -> None:
    await session.rollback()


async def open_transaction(session: TransactedSession) -> None:
    async with session.transaction():
        raise AssertionError("it was let in")


async def nest(session: TransactedSession) -> None:
    await session.transact(commit)


@pytest.mark.parametrize("verb", [commit, roll_back, open_transaction, nest], ids=lambda verb: verb.__name__)
async def test_the_function_does_not_end_the_transaction(
    url: str, queue: str, verb: Callable[[TransactedSession], Awaitable[None]]
) -> None:
    async def send(session: TransactedSession) -> None:
        await session.send(queue, "x")
        await verb(session)

    async with connect(url) as client, client.transacted_session() as session:
        with pytest.raises(LocalProtocolError, match="inside of transact"):
            await session.transact(send)
        assert await count(client, queue) == 0
        async with session.transaction():
            await session.send(queue, "x")
        assert await count(client, queue) == 1


async def test_uncommitted_work_before_it_is_refused(url: str, queue: str) -> None:
    async def send(session: TransactedSession) -> None:
        await session.send(queue, "x")

    async with connect(url) as client, client.transacted_session() as session:
        await session.send(queue, "before")
        with pytest.raises(LocalProtocolError, match="uncommitted"):
            await session.transact(send)
        await session.rollback()
        await session.transact(send)
        assert await count(client, queue) == 1


@OPTIONS
async def test_a_refused_id_of_the_application_is_raised(url: str, queue: str, options: str) -> None:
    async def send(session: TransactedSession) -> None:
        await session.send(queue, "again", duplicate_id="mine")

    async with connect(url + options) as client, client.transacted_session() as session:
        await session.transact(send)
        with pytest.raises(DuplicateIdRejected):
            await session.transact(send)
        assert await count(client, queue) == 1


async def test_a_link_that_is_lost_while_the_function_runs_is_not_noticed(
    proxied: str, proxy: Proxy, queue: str
) -> None:
    async def forward(session: TransactedSession) -> str:
        order = await orders.receive()
        proxy.cut_all()
        await session.send(f"{queue}-out", order.text)
        return order.text

    async with (
        connect(proxied + ONCE) as client,
        client.session() as feeder,
        client.transacted_session() as session,
        session.consumer(queue) as orders,
    ):
        for number in range(5):
            await feeder.send(queue, str(number))
        assert [await session.transact(forward) for _ in range(5)] == list("01234")
        assert await count(client, queue) == 0
        assert await count(client, f"{queue}-out") == 5


async def test_a_deadline_ends_a_try_that_waits_for_a_broker(proxied: str, proxy: Proxy, queue: str) -> None:
    async def send(session: TransactedSession) -> None:
        await session.send(queue, "x")
        proxy.refuse()
        proxy.cut_all()

    async with connect(proxied + ONCE) as client, client.transacted_session() as session:
        await session.transact(lambda session: session.send(queue, "the destination is known"))
        with pytest.raises(TransactionOutcomeUnknown), move_on_after(1):  # until its commit waits, on any machine
            await session.transact(send)
        proxy.accept()
        await session.transact(lambda session: session.send(queue, "afterwards"))


async def test_a_deadline_inside_of_the_function_rolls_back(url: str, queue: str) -> None:
    async def wait(session: TransactedSession) -> None:
        await session.send(queue, "x")
        await orders.receive()

    async with (
        connect(url) as client,
        client.transacted_session() as session,
        session.consumer(f"{queue}-empty") as orders,
    ):
        with move_on_after(0.1) as scope:
            await session.transact(wait)
        assert scope.cancelled_caught
        await session.commit()
        assert await count(client, queue) == 0


async def test_what_fails_while_there_is_no_broker_does_not_wait_for_one(
    proxied: str, proxy: Proxy, queue: str
) -> None:
    async def fail(session: TransactedSession) -> None:
        proxy.refuse()
        proxy.cut_all()
        raise Mine

    async with connect(proxied + ONCE) as client, client.transacted_session() as session:
        with pytest.raises(Mine), fail_after(30):
            await session.transact(fail)
        with pytest.raises(Mine), fail_after(30):
            async with session.transaction():
                raise Mine
        proxy.accept()
        await session.transact(lambda session: session.send(queue, "afterwards"))
        assert await count(client, queue) == 1
