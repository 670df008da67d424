"""
What producers and consumers of a stream do in branches (as a transaction manager would decide them) and in tries of `transact`.

A consumer enters into its ledger what it committed, and nothing else: whatever comes twice there is a double.
"""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from corewire import Xid
from corewire.errors import TransactionRolledBack, Unblocked, XaCode, XaError
from corewire_server.demo.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire_server.demo.ledger import Ledger
    from corewire_transports.threads import Client, Consumer, Session, TransactedSession, XaSession

BATCH = 10
PATIENCE_S = 0.25
PAUSE_S = 0.01
#: What a failure may say of a branch; with the first it is to be decided again, with the second undone.
EXPECTED = (XaCode.XA_RETRY, XaCode.XAER_RMFAIL)
_branches = count(1)


def produce_in_branches(client: Client, ledger: Ledger) -> None:
    """Send until there is no more to send."""
    try:
        with client.xa_session() as session:
            while numbers := _next(ledger):
                while not _decided(session, ledger, partial(_send, session, ledger, numbers)):
                    ledger.sent_again.update(numbers)
                ledger.confirm(numbers)
    finally:
        ledger.ended = True


def consume_in_branches(client: Client, ledger: Ledger) -> None:
    """Take until all that was confirmed is here, and nothing is left."""
    with client.xa_session() as session, session.consumer(ledger.queue) as consumer:
        more = True
        while more or ledger.outstanding:
            texts: list[str] = []
            if more := not _decided(session, ledger, partial(_receive, consumer, texts)):
                continue
            more = _entered(ledger, texts)


def produce_in_tries(client: Client, ledger: Ledger) -> None:
    """Send until there is no more to send. No exception is handled."""
    try:
        with client.transacted_session() as session:
            while numbers := _next(ledger):
                session.transact(partial(_send, ledger=ledger, numbers=numbers))
                ledger.confirm(numbers)
    finally:
        ledger.ended = True


def consume_in_tries(client: Client, ledger: Ledger) -> None:
    """Take until all that was confirmed is here, and nothing is left. No exception is handled."""
    with client.transacted_session() as session, session.consumer(ledger.queue) as consumer:

        def take(_: TransactedSession) -> list[str]:
            texts: list[str] = []
            _receive(consumer, texts)
            return texts

        more = True
        while more or ledger.outstanding:
            more = _entered(ledger, session.transact(take))


def _next(ledger: Ledger) -> list[int]:
    while ledger.behind and not ledger.stopped:
        time.sleep(PAUSE_S)
    numbers = [ledger.begin() for _ in range(BATCH)]
    return [number for number in numbers if number is not None]


def _send(session: Session, ledger: Ledger, numbers: list[int]) -> None:
    for number in numbers:
        session.send(ledger.queue, ledger.text(number))


def _receive(consumer: Consumer, texts: list[str]) -> None:
    while len(texts) < BATCH and (message := consumer.receive(timeout=PATIENCE_S)) is not None:
        texts.append(message.text)


def _entered(ledger: Ledger, texts: list[str]) -> bool:
    for text in texts:
        ledger.take(text, 0)
    ledger.settle(0)
    return bool(texts)


def _decided(session: XaSession, ledger: Ledger, work: Callable[[], None]) -> bool:
    """Do the work in a branch of its own, in two phases; whether it was committed."""
    xid = Xid(1, ledger.queue.encode(), str(next(_branches)).encode())
    try:
        session.xa_start(xid)
        work()
        session.xa_end(xid)
        session.xa_prepare(xid)
    except (XaError, TransactionRolledBack, Unblocked) as error:
        _note(ledger, error)
        with suppress(XaError):  # it may have been left already
            session.xa_end(xid, failed=True)
        _insist(session.xa_rollback, xid, ledger)
        return False
    _insist(session.xa_commit, xid, ledger)
    return True


def _insist(decide: Callable[[Xid], None], xid: Xid, ledger: Ledger) -> None:
    """Until the broker says that it is done, or that it knows no such branch any more."""
    while True:
        try:
            return decide(xid)
        except XaError as error:
            if error.xa_code is XaCode.XAER_NOTA:
                return None
            _note(ledger, error)


def _note(ledger: Ledger, error: XaError | TransactionRolledBack | Unblocked) -> None:
    if isinstance(error, XaError) and error.xa_code not in EXPECTED:
        raise error
    ledger.raised(error, traced=True)


class BranchTraffic(Traffic):
    """Streams in branches, in threads."""

    produce = staticmethod(produce_in_branches)
    consume = staticmethod(consume_in_branches)


class TryTraffic(Traffic):
    """Streams in tries, in threads."""

    produce = staticmethod(produce_in_tries)
    consume = staticmethod(consume_in_tries)
