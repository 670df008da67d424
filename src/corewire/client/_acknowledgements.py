"""
Which messages of one consumer count as consumed, and when the broker is told (Artemis: ``ClientConsumerImpl``).

| session            | counts                          | told                                                    |
|--------------------|---------------------------------|---------------------------------------------------------|
| AUTO               | acknowledge()                   | at once                                                 |
| DUPS_OK            | acknowledge()                   | in batches, and when the consumer is idle or closed     |
| CLIENT             | acknowledge(), with all before  | with a commit, whose answer the caller waits for        |
| INDIVIDUAL         | acknowledge()                   | with a commit, whose answer the caller waits for        |
| transacted         | when it is handed out           | in batches, and before commit and rollback              |
| XA, in no branch   | when the next is handed out     | at once                                                 |
| PRE, browsers      | at the broker                   | never                                                   |

A message that a lost session, or a rollback, has taken back is not acknowledged any more: it comes again. With exactly-once
it does not, unless the application gave it back; see `_suppression`, which has the acknowledgements then.

On the wire an acknowledgement covers all that the consumer was delivered before. Not so where a broker that is not ours
may run it twice after a re-attachment: it then gives back all that the consumer holds and delivers it again *behind* what
follows, so that the next cumulative acknowledgement would cover messages that nobody has seen (tried). There each message
is acknowledged by itself; such a copy fails without consequence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.client._calls import Command, Fate, Lost
from corewire.client._suppression import Suppression
from corewire.errors import IllegalState, TransactionRolledBack
from corewire.values import AckMode
from corewire.wire import packets
from corewire.wire.hot import ACKNOWLEDGE, INDIVIDUAL_ACKNOWLEDGE, acknowledge_frame

if TYPE_CHECKING:
    from corewire.client._calls import Call, Packet, Script
    from corewire.client._consumer import Consumer
    from corewire.client._delivery import Delivery


class Acknowledgements:
    """What one consumer handed out."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._session = consumer.session
        self._batched: list[int] = []  # ids of messages that count and of which the broker was not told
        self._batched_bytes = 0
        self._in_hand: dict[int, int] = {}  # CLIENT, INDIVIDUAL: message id to its number among the session's hand-outs
        self.copies = Suppression(consumer)
        session = consumer.session
        self._mode = session.ack_mode
        self._nothing_to_tell = consumer.browse_only or session.pre_acknowledged
        # What is asked for every message is found out once: an enum looks its members up in Python code.
        self._silent = self._nothing_to_tell or session.transacted
        self._settles = self._mode in (AckMode.CLIENT, AckMode.INDIVIDUAL)
        self._batches = self._mode is AckMode.DUPS_OK
        #: Whether there is anything to do when a message is handed out.
        self.remembers = not consumer.browse_only and (
            self.copies.active or session.transacted or (self._settles and not self._nothing_to_tell)
        )

    def handed_out(self, delivery: Delivery) -> None:
        """The application has it."""
        if self.copies.active:
            self.copies.handed_out(delivery)
            return
        if self._session.transacted:
            self._session.transaction.work_done = True
            limit = self._session.context.config.transaction_batch_bytes if self._session.transaction.open else 1
            if self._batched_bytes >= limit:
                self.flush()  # not of this one: it may turn out that nobody took it
            self._batched.append(delivery.broker_id)
            self._batched_bytes += delivery.frame_bytes
        elif self._settles and not self._nothing_to_tell:
            self._in_hand[delivery.broker_id] = delivery.number

    def untaken(self, delivery: Delivery) -> None:
        """The application does not have it after all. It is the last that was handed out."""
        self.copies.untaken(delivery)
        if self._session.transacted and self._batched[-1:] == [delivery.broker_id]:
            self._batched.pop()
        self._in_hand.pop(delivery.broker_id, None)

    def dropped(self, delivery: Delivery) -> None:
        """An interceptor keeps it back, just when it was to be handed out: it counts, and nothing else with it."""
        if self.copies.active:
            self.copies.dropped(delivery)
        elif not (self._nothing_to_tell or self._session.transacted):
            self._in_hand.pop(delivery.broker_id, None)
            self._post(delivery.broker_id, individual=True)
            if self._session.acknowledges_in_transaction:
                self._session.ask(
                    Command(packets.SessionCommit(), packets.NullResponse, Fate.FORGOTTEN, bound=True, patient=True)
                )

    def acknowledge(self, now: float, delivery: Delivery, individual: bool) -> Call[None]:
        """The application is done with it. A second call does nothing."""
        session = self._session
        if delivery.acknowledged or self._silent:
            return session.done
        if session.error is not None:
            raise session.error
        delivery.acknowledged = True
        if self.copies.active:
            return self.copies.acknowledge(now, delivery, individual=individual)
        taken_back = delivery.generation != self._consumer.generation
        if self._settles:
            return session.run(now, self._settle(delivery, individual=individual, taken_back=taken_back))
        if taken_back:
            return session.done
        session.context.counters.messages_acknowledged += 1
        if self._batches and not individual:
            self._batch(delivery.broker_id, delivery.frame_bytes, session.context.config.dups_ok_batch_bytes)
        elif session.context.config.block_on_acknowledge:
            packet = self._kind(individual=individual)(
                self._consumer.number, delivery.broker_id, requires_response=True
            )
            return session.run(now, self._told(packet))
        else:
            self._post(delivery.broker_id, individual=individual)
        return session.done

    def _settle(self, delivery: Delivery, *, individual: bool, taken_back: bool) -> Script[None]:
        """CLIENT and INDIVIDUAL: acknowledge in the session's transaction, and commit that."""
        if taken_back:
            raise TransactionRolledBack("the message was taken back; it comes again", subject=repr(delivery))
        session = self._session
        if individual or self._mode is AckMode.INDIVIDUAL:
            self._in_hand.pop(delivery.broker_id, None)
            self._post(delivery.broker_id, individual=True)
            session.context.counters.messages_acknowledged += 1
        else:
            for consumer in session.consumers.values():
                consumer.acknowledgements.flush(delivery.number)
        try:
            yield Command(packets.SessionCommit(), packets.NullResponse, bound=True)
        except Lost as lost:
            if lost.final:
                raise
            raise TransactionRolledBack("the session was lost; the messages come again") from lost.error.__cause__

    def _told(self, packet: Packet) -> Script[None]:
        try:
            yield Command(packet, packets.NullResponse, Fate.DONE, bound=True)
        except IllegalState:
            if not self._session.tainted:
                raise
            # The copy of one that was run already: the message is gone, which is what was wanted.

    def _batch(self, message_id: int, size: int, limit: int) -> None:
        self._batched.append(message_id)
        self._batched_bytes += size
        if self._batched_bytes >= limit:
            self.flush()

    def idle(self) -> None:
        """Nothing is left in the buffer and somebody waits."""
        if self._batches and not self._session.transacted:
            self.flush()

    def flush(self, up_to: int | None = None) -> None:
        """Tell the broker of what counts. CLIENT: of all that was handed out up to the hand-out number ``up_to``;
        INDIVIDUAL: of all, one by one (before a rollback, which takes them back)."""
        self.copies.flush()
        self._post_all(self._batched, individual=False)
        self._batched, self._batched_bytes = [], 0
        covered = [each for each, number in self._in_hand.items() if up_to is None or number <= up_to]
        for message_id in covered:
            del self._in_hand[message_id]
        if self._mode is not AckMode.INDIVIDUAL:
            self._session.context.counters.messages_acknowledged += len(covered)
        self._post_all(covered, individual=self._mode is AckMode.INDIVIDUAL)

    def close(self) -> None:
        """The consumer is closed: the broker is told of what counts, and the rest is given back."""
        self._in_hand.clear()
        self.flush()
        self.copies.close()

    def forget(self) -> None:
        """What was handed out was taken back."""
        self.copies.forget()
        self._batched, self._batched_bytes = [], 0
        self._in_hand.clear()

    def _kind(
        self, *, individual: bool
    ) -> type[packets.SessionIndividualAcknowledge] | type[packets.SessionAcknowledge]:
        if individual or self._session.may_run_twice:
            return packets.SessionIndividualAcknowledge
        return packets.SessionAcknowledge

    def _post_all(self, message_ids: list[int], *, individual: bool) -> None:
        if not (individual or self._session.may_run_twice):
            message_ids = message_ids[-1:]
        for message_id in message_ids:
            self._post(message_id, individual=individual)

    def _post(self, message_id: int, *, individual: bool) -> None:
        session, number = self._session, self._consumer.number
        if session.locked:
            session.post(self._kind(individual=individual)(number, message_id, requires_response=False))
        else:
            channel = session.channel
            kind = INDIVIDUAL_ACKNOWLEDGE if individual or session.may_run_twice else ACKNOWLEDGE
            channel.send_frame(acknowledge_frame(channel.channel, number, message_id, False, kind))
