"""Local transactions: commit and rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire_server.core import closing, returns
from corewire_server.core.commands import sending
from corewire_server.core.transactions import Transaction

if TYPE_CHECKING:
    from corewire.wire import packets
    from corewire_server.core.session import Session
    from corewire_server.core.state import State


def commit(state: State, session: Session, packet: packets.SessionCommit) -> None:
    """
    SESS_COMMIT: all of it or, if anything of it failed, nothing; a new transaction begins either way.

    All its records are of one step, so of one Append: they survive a crash together or not at all.
    """
    transaction, session.transaction = session.transaction, Transaction()
    if transaction.failure is not None:
        closing.roll_back(state, transaction)
        raise transaction.failure
    store = state.store
    store.bytes -= transaction.bytes
    state.pledged_bytes -= transaction.pledged
    for queue, ref in transaction.acked:
        queue.in_delivery -= 1
        store.finish(queue, ref)
    for sent in transaction.sent:
        sending.accept(state, sent)


def rollback(state: State, session: Session, packet: packets.SessionRollback) -> None:
    """SESS_ROLLBACK: what was acknowledged returns with its count, what was only delivered as if it had not been."""
    transaction, session.transaction = session.transaction, Transaction()
    if packet.consider_last_message_as_delivered:
        for consumer in session.consumers.values():
            if consumer.unacked:
                transaction.acked.append((consumer.queue, consumer.unacked.popitem(last=False)[1]))
    closing.roll_back(state, transaction)
    for consumer in session.consumers.values():
        refs = list(consumer.unacked.values())
        consumer.unacked.clear()
        returns.give_back(state, consumer.queue, refs, seen=False)
