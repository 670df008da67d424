"""
Where receipts go: an address that remembers ids and stores nothing (exactlyOnce).

A receipt is an empty message with a duplicate id of its own, sent in the transaction that it stands for. Brokers keep the
ids that were sent to an address, once their transaction has committed, and refuse a transaction that sends one again. So
the same id, sent again in a transaction that does nothing else, asks whether the first one had committed.

The ids live as long as the address has a queue, and go with its last one. So it has one that nobody deletes, a *guard*,
with a filter that no message passes. Both are made like things that an administrator makes, so that no broker removes them
when they are idle.

A receipt is also how a new session *waits for the storage*. Artemis ends a session whose link is lost without waiting for what
an executor does of it at that moment (``ServerSessionImpl.connectionFailed``, ``ProcessorBase.flush``). So the fence may be
passed while the last sends or the commit of the old session lie in the journal's buffer: not stored and in no queue, and yet
their ids may be known. The journal is written, and replicated, in order: when a receipt is answered that was sent behind the
fence, they are stored.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from corewire._foreign_channel import ForeignChannel
from corewire.client._calls import Command, Fate
from corewire.client._destinations import ask_address
from corewire.client._queues import queue_packet
from corewire.client.message import Message, encode
from corewire.errors import AddressExists, AddressFull, BrokerError, QueueExists, SecurityError, UnexpectedRoutingType
from corewire.values import QueueConfiguration, RoutingType, Topic
from corewire.wire import packets

if TYPE_CHECKING:
    from corewire.client._calls import Script
    from corewire.client._context import Context
    from corewire.client._session import Session

RECEIPTS: Final = "corewire.receipts"
GUARD: Final = QueueConfiguration(
    name="corewire.receipts.guard",
    address=RECEIPTS,
    routing_type=RoutingType.MULTICAST,
    filter_string="corewire = 1 AND corewire = 2",
    auto_delete=False,
)


def receipt(context: Context, duplicate_id: str, *, answered: bool = False) -> packets.SessionSend:
    """The packet that sends a receipt with this id."""
    message = Message(None, duplicate_id=duplicate_id)
    raw = encode(message, Topic(RECEIPTS), now_ms=0, user_id=context.uuid_bytes())
    return packets.SessionSend(raw, requires_response=answered, sender_id=0)


def make_receipts(session: Session) -> Script[None]:
    """Make sure that receipts can be sent, and are kept.

    Raises SecurityError where what is lacking may not be made, or nothing may be sent there.
    """
    try:
        yield from _make(session)
        send = receipt(session.context, session.context.duplicate_id(), answered=True)
        with suppress(AddressFull):  # who may not send is told that first
            yield Command(send, packets.NullResponse, Fate.AGAIN)
    except SecurityError as error:
        raise SecurityError(
            error.message,
            subject=f"address {RECEIPTS!r}",
            hint=f"exactlyOnce needs the address {RECEIPTS} (MULTICAST) with the durable queue {GUARD.name}, auto-delete off, "
            f"filter {GUARD.filter_string!r}: let this user make them (createAddress, createDurableQueue) or make them "
            "yourself, and let it send there.",
        ) from error


def await_storage(session: Session) -> Script[None]:
    """Wait until a broker that is not ours has stored what it began for the session before; for a session without transactions.

    A broker that refuses the receipt is not asked for more: the fence alone has to do.
    """
    if not isinstance(session.channel, ForeignChannel):
        return

    def packet() -> packets.SessionSend:  # a new one each time: one whose id is known is not written
        return receipt(session.context, session.context.duplicate_id(), answered=True)

    with suppress(BrokerError):
        yield Command(packet(), packets.NullResponse, Fate.AGAIN, renew=packet)


def _make(session: Session) -> Script[None]:
    info = yield from ask_address(session, RECEIPTS)
    if not info.exists:
        address = packets.CreateAddress(
            RECEIPTS, [int(RoutingType.MULTICAST)], requires_response=True, auto_created=False
        )
        with suppress(AddressExists):  # somebody else was faster
            yield Command(address, packets.NullResponse, Fate.AGAIN)
    elif RoutingType.MULTICAST not in info.routing_types:
        raise UnexpectedRoutingType("receipts need a MULTICAST address", subject=f"address {RECEIPTS!r}")
    if GUARD.name not in info.queue_names:
        with suppress(QueueExists):
            yield Command(queue_packet(GUARD), packets.NullResponse, Fate.AGAIN)
