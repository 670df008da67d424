"""What producers and consumers of a stream do, for asyncio and trio, through anyio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio import sleep

from corewire import AckMode
from corewire.errors import DuplicateIdRejected, TransactionOutcomeUnknown, TransactionRolledBack, Unblocked
from corewire_server.demo.ledger import Way

if TYPE_CHECKING:
    from corewire_server.demo.ledger import Ledger
    from corewire_transports.anyio import Client, Consumer, TransactedSession

BATCH = 10
PATIENCE_S = 0.25
PAUSE_S = 0.01


async def produce(client: Client, ledger: Ledger) -> None:
    """Send until there is no more to send; again what may have arrived, if it carries ids."""
    try:
        match ledger.way:
            case Way.ONE_BY_ONE:
                await _send_one_by_one(client, ledger)
            case Way.PIPELINED:
                await _submit(client, ledger)
            case Way.TRANSACTED:
                await _send_in_transactions(client, ledger)
    finally:
        ledger.ended = True


async def consume(client: Client, ledger: Ledger) -> None:
    """Take until all that was confirmed is here, and nothing is left."""
    match ledger.way:
        case Way.ONE_BY_ONE:
            async with client.session() as session, session.consumer(ledger.queue) as consumer:
                await _take_as_it_comes(client, consumer, ledger)
        case Way.PIPELINED:
            async with client.session(AckMode.CLIENT) as session, session.consumer(ledger.queue) as consumer:
                await _take_in_batches(client, consumer, ledger, None)
        case Way.TRANSACTED:
            async with client.transacted_session() as session, session.consumer(ledger.queue) as consumer:
                await _take_in_batches(client, consumer, ledger, session)


async def _send_one_by_one(client: Client, ledger: Ledger) -> None:
    async with client.session() as session:
        while (number := ledger.begin()) is not None:
            while number not in ledger.confirmed:
                made_anew = client.stats.recreated_sessions
                try:
                    await session.send(ledger.queue, ledger.text(number), **ledger.headers(number))
                    ledger.confirm([number])
                except Unblocked as error:
                    ledger.raised(error, traced=client.stats.recreated_sessions > made_anew)
                    if not ledger.ids:
                        break
                    ledger.sent_again.add(number)
            await _let_catch_up(ledger)


async def _submit(client: Client, ledger: Ledger) -> None:
    async with client.session() as session, session.producer(ledger.queue) as producer:
        while numbers := _batch(ledger):
            while numbers:
                made_anew = client.stats.recreated_sessions
                receipts = [await producer.submit(ledger.text(n), **ledger.headers(n)) for n in numbers]
                failed: list[int] = []
                for number, receipt in zip(numbers, receipts, strict=True):
                    try:
                        await receipt.wait()
                        ledger.confirm([number])
                    except Unblocked as error:
                        ledger.raised(error, traced=client.stats.recreated_sessions > made_anew)
                        failed.append(number)
                numbers = failed if ledger.ids else []
                ledger.sent_again.update(numbers)
                try:
                    await producer.flush()
                except* Unblocked:
                    pass  # each receipt said so
            await _let_catch_up(ledger)


async def _send_in_transactions(client: Client, ledger: Ledger) -> None:
    async with client.transacted_session() as session:
        while numbers := _batch(ledger):
            while not await _committed(client, session, ledger, numbers):
                ledger.sent_again.update(numbers)
            await _let_catch_up(ledger)


async def _committed(client: Client, session: TransactedSession, ledger: Ledger, numbers: list[int]) -> bool:
    """Send them in one transaction; whether there is nothing more to do about them."""
    before = client.stats
    try:
        for number in numbers:
            await session.send(ledger.queue, ledger.text(number), **ledger.headers(number))
        await session.commit()
    except (TransactionRolledBack, TransactionOutcomeUnknown, Unblocked) as error:
        now = client.stats
        replayed = now.replayed_packets > before.replayed_packets
        ledger.raised(error, traced=replayed or now.recreated_sessions > before.recreated_sessions)
        await session.rollback()
        return isinstance(error, TransactionOutcomeUnknown) and not ledger.ids
    except DuplicateIdRejected:  # the try whose answer was lost had been committed
        await session.rollback()
    ledger.confirm(numbers)
    return True


async def _let_catch_up(ledger: Ledger) -> None:
    while ledger.behind and not ledger.stopped:  # noqa: ASYNC110  the consumer may live in another world
        await sleep(PAUSE_S)


def _batch(ledger: Ledger) -> list[int]:
    numbers = [ledger.begin() for _ in range(BATCH)]
    return [number for number in numbers if number is not None]


async def _take_as_it_comes(client: Client, consumer: Consumer, ledger: Ledger) -> None:
    more = True
    while more or ledger.outstanding:
        message = await consumer.receive(timeout=PATIENCE_S)
        made_anew = client.stats.recreated_sessions
        ledger.settle(made_anew)
        ledger.take(None if message is None else message.text, made_anew)
        more = message is not None


async def _take_in_batches(
    client: Client, consumer: Consumer, ledger: Ledger, session: TransactedSession | None
) -> None:
    more = True
    while more or ledger.outstanding:
        before = client.stats
        last, more = None, False
        for _ in range(BATCH):
            message = await consumer.receive(timeout=PATIENCE_S)
            if message is None:
                break
            ledger.take(message.text, client.stats.recreated_sessions)
            last, more = message, True
        try:
            if session is not None:
                await session.commit()
            elif last is not None:
                await last.acknowledge()
            ledger.settle(client.stats.recreated_sessions)
        except (TransactionRolledBack, TransactionOutcomeUnknown) as error:
            now = client.stats
            replayed = now.replayed_packets > before.replayed_packets
            ledger.raised(error, traced=replayed or now.recreated_sessions > before.recreated_sessions)
            ledger.give_back()
            more = True
            if session is not None:
                await session.rollback()
