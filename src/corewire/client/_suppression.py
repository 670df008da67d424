"""
How one consumer keeps copies from the application (exactlyOnce, outside transactions): between the `Ledger` and the wire.

    came ── news ──> buffer ── handed out ──> held ── acknowledged ──> told, if this epoch delivered it
      └── a copy: waits in the ledger, or is acknowledged at once

Only what the current epoch delivered is acknowledged on the wire, each message by itself, and each time an answer is asked
for that nobody waits for: it is what ends the entry. Where acknowledgements take effect with a commit (CLIENT, INDIVIDUAL),
that of a copy is committed at once: its session may never acknowledge anything again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from corewire.client._calls import Call, Command, Fate, Lost
from corewire.client._destinations import split_name
from corewire.client._ledger import Verdict
from corewire.errors import TransactionRolledBack
from corewire.values import AckMode
from corewire.wire import packets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corewire.client._calls import Script
    from corewire.client._consumer import Consumer
    from corewire.client._delivery import Delivery
    from corewire.client._ledger import Entry, Key, Ledger


class Told(Call[None]):
    """An acknowledgement on its way. Nobody waits for it; its success ends entries of the ledger."""

    __slots__ = ("_entries", "_ledger", "_ticket")

    def __init__(self, ledger: Ledger[Delivery], entries: Sequence[Entry[Delivery]]) -> None:
        super().__init__()
        self.abandoned = True
        self._ledger = ledger
        self._entries = entries
        self._ticket = ledger.told(*entries)

    def succeed(self, value: object) -> None:
        """It is answered."""
        super().succeed(None)
        self._ledger.answered(self._ticket, *self._entries)


class Suppression:
    """See the module. ``active`` says whether there is anything to do for a consumer."""

    def __init__(self, consumer: Consumer) -> None:
        session = consumer.session
        self._consumer = consumer
        self._session = session
        self._ledger = session.context.ledger
        self.active = (
            session.context.exactly_once
            and not session.transacted
            and not session.pre_acknowledged
            and not consumer.browse_only
        )
        self._held: dict[int, Held] = {}  # in hand, by the number of the hand-out
        self._untold: list[Held] = []  # DUPS_OK: acknowledged, and told later
        self._untold_bytes = 0
        self._returned: list[Held] = []  # given back by a rollback that is under way

    def _is_current(self, delivery: Delivery) -> bool:
        """Whether the broker knows that it delivered it."""
        return delivery.generation == self._consumer.generation and self._consumer.error is None

    # -- what comes, and what is handed out --------------------------------------------------------------------------------

    def _key(self, delivery: Delivery) -> Key:
        address, queue = split_name(self._consumer.queue)  # consumers may name the same queue in two ways
        return self._session.node_id, queue or address, delivery.broker_id

    def keeps(self, delivery: Delivery) -> bool:
        """Whether this is a copy, which the application must not see now. Then it is dealt with."""
        key = self._key(delivery)
        match self._ledger.came(key, delivery):
            case Verdict.NEWS:
                return False
            case Verdict.WAITS:
                return True
            case Verdict.SPENT:
                self._acknowledge_copy(delivery, self._ledger.spent(key))
                return True

    def handed_out(self, delivery: Delivery) -> None:
        """The application has it."""
        self._held[delivery.number] = Held(delivery, self._ledger.hand_out(self._key(delivery)))

    def untaken(self, delivery: Delivery) -> None:
        """The application does not have it after all."""
        if (held := self._held.pop(delivery.number, None)) is not None:
            self._release(held)

    def dropped(self, delivery: Delivery) -> None:
        """An interceptor keeps it back: it counts as consumed."""
        held = self._held[delivery.number]
        for copy, entry in held.spend(self._ledger):
            copy.source.acknowledgements.copies._acknowledge_copy(copy, entry)
        self._dismiss(delivery, held.entry)

    # -- acknowledging -------------------------------------------------------------------------------------------------------

    def acknowledge(self, now: float, delivery: Delivery, *, individual: bool) -> Call[None]:
        """The application is done with it; in CLIENT mode with all that its session handed out before, too."""
        session, mode = self._session, self._session.ack_mode
        if delivery.number not in self._held:
            return self._taken_back(delivery)
        covered = [self._held[delivery.number]]
        if mode is AckMode.CLIENT and not individual:
            covered = [
                held for each in self._fellows() for held in each._held.values() if held.number <= delivery.number
            ]
        session.context.counters.messages_acknowledged += len(covered)
        copies = [copy for held in covered for copy in held.spend(self._ledger)]
        current = [held for held in covered if held.suppression._is_current(held.delivery)]
        call = session.done
        if session.acknowledges_in_transaction:
            for held in current:
                held.suppression._post(held.delivery)
        elif mode is AckMode.DUPS_OK and not individual:
            self._batch(current)
        elif current:
            call = self._tell(now, current[0])
        for copy, entry in copies:
            copy.source.acknowledgements.copies._acknowledge_copy(copy, entry)
        if session.acknowledges_in_transaction and current:
            call = session.run(now, self._commit([held.entry for held in current]))
        return call

    def _taken_back(self, delivery: Delivery) -> Call[None]:
        if not self._session.acknowledges_in_transaction:
            return self._session.done
        call: Call[None] = Call()
        error = TransactionRolledBack("the message was given back; it comes again", subject=repr(delivery))
        self._session.context.fail(call, error)
        return call

    def _fellows(self) -> list[Suppression]:
        others = [
            each.acknowledgements.copies for each in self._session.consumers.values() if each is not self._consumer
        ]
        return [*others, self]

    def _tell(self, now: float, held: Held) -> Call[None]:
        if self._session.context.config.block_on_acknowledge:
            return self._session.run(now, self._await_answer(held))
        self._ask(held.delivery, [held.entry])
        return self._session.done

    def _await_answer(self, held: Held) -> Script[None]:
        ticket = self._ledger.told(held.entry)
        packet = packets.SessionIndividualAcknowledge(
            self._consumer.number, held.delivery.broker_id, requires_response=True
        )
        try:
            yield Command(packet, packets.NullResponse, bound=True, settled=True)
        except Lost:
            return  # it will not be handed out again, whatever the broker knows
        self._ledger.answered(ticket, held.entry)

    def _commit(self, entries: list[Entry[Delivery]]) -> Script[None]:
        ticket = self._ledger.told(*entries)
        try:
            yield Command(packets.SessionCommit(), packets.NullResponse, bound=True, settled=True)
        except Lost as lost:
            if lost.final:
                raise
            return  # as above
        self._ledger.answered(ticket, *entries)

    def _acknowledge_copy(self, copy: Delivery, entry: Entry[Delivery]) -> None:
        """A copy of what was acknowledged: the broker shall not deliver it once more."""
        self._session.context.counters.duplicates_suppressed += 1
        self._dismiss(copy, entry)

    def _dismiss(self, delivery: Delivery, entry: Entry[Delivery]) -> None:
        """Acknowledge what nobody sees; nobody waits for the answer."""
        session = self._session
        if not session.acknowledges_in_transaction:
            self._ask(delivery, [entry])
            return
        self._post(delivery)
        commit = Command(packets.SessionCommit(), packets.NullResponse, Fate.FORGOTTEN, bound=True, patient=True)
        commit.waiter = Told(self._ledger, [entry])
        session.ask(commit)

    def _ask(self, delivery: Delivery, entries: list[Entry[Delivery]]) -> None:
        packet = packets.SessionIndividualAcknowledge(self._consumer.number, delivery.broker_id, requires_response=True)
        command = Command(packet, packets.NullResponse, Fate.FORGOTTEN, bound=True, patient=True)
        command.waiter = Told(self._ledger, entries)
        self._session.ask(command)

    def _post(self, delivery: Delivery) -> None:
        number, message_id = self._consumer.number, delivery.broker_id
        self._session.post(packets.SessionIndividualAcknowledge(number, message_id, requires_response=False))

    # -- DUPS_OK ---------------------------------------------------------------------------------------------------------------

    def _batch(self, current: list[Held]) -> None:
        self._untold += current
        self._untold_bytes += sum(held.delivery.frame_bytes for held in current)
        if self._untold_bytes >= self._session.context.config.dups_ok_batch_bytes:
            self.flush()

    def flush(self) -> None:
        """Tell the broker of everything that counts as consumed, and of what a rollback gives back: so it counts that as
        delivered."""
        untold, self._untold, self._untold_bytes = self._untold, [], 0
        for held in untold:
            self._ask(held.delivery, [held.entry])
        returned, self._returned = self._returned, []
        if self._session.acknowledges_in_transaction:
            for held in returned:
                if self._is_current(held.delivery):
                    self._post(held.delivery)

    # -- giving back -----------------------------------------------------------------------------------------------------------

    def give_back(self) -> None:
        """The application gives back what it has in hand: by an exception, by recovering, or by closing the consumer."""
        held, self._held = list(self._held.values()), {}
        for each in held:
            self._release(each)
        self._returned += held

    def close(self) -> None:
        """The consumer is closed. What it has in hand comes again, without a word to the broker."""
        self.give_back()
        self.forget()

    def forget(self) -> None:
        """The broker has taken back what it delivered."""
        self._untold, self._untold_bytes, self._returned = [], 0, []
        self.forget_copies()

    def forget_copies(self) -> None:
        """Copies that came for this consumer, and wait, come again or to others."""
        if self.active:
            self._ledger.forget_copies(lambda copy: copy.source is self._consumer)

    def _release(self, held: Held) -> None:
        for copy in self._ledger.give_back(held.entry):
            copy.source.take_in(copy)


@dataclass(frozen=True, slots=True)
class Held:
    """What the application has in hand."""

    delivery: Delivery
    entry: Entry[Delivery]

    @property
    def number(self) -> int:
        """Among what the session handed out, in order."""
        return self.delivery.number

    @property
    def suppression(self) -> Suppression:
        """Who handed it out."""
        return self.delivery.source.acknowledgements.copies

    def spend(self, ledger: Ledger[Delivery]) -> list[tuple[Delivery, Entry[Delivery]]]:
        """It is acknowledged. Returns the copies that waited, with what makes them copies."""
        del self.suppression._held[self.number]
        return [(copy, self.entry) for copy in ledger.acknowledge(self.entry)]
