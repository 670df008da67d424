"""The ledger of what was handed out, alone: each rule by itself, then all of them against a model that only knows sets."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from corewire.client._ledger import Entry, Key, Ledger, Verdict


def key(number: int, queue: str = "q", node: str | None = "n") -> Key:
    return node, queue, number


def in_hand(ledger: Ledger[str], number: int = 1) -> Entry[str]:
    assert ledger.came(key(number), "first") is Verdict.NEWS
    return ledger.hand_out(key(number))


def test_a_copy_of_what_is_in_hand_waits_until_that_is_acknowledged() -> None:
    ledger = Ledger[str]()
    entry = in_hand(ledger)
    assert ledger.came(key(1), "copy") is Verdict.WAITS
    assert ledger.acknowledge(entry) == ["copy"]
    assert ledger.came(key(1), "another") is Verdict.SPENT
    assert ledger.spent(key(1)) is entry


def test_what_is_given_back_goes_to_whom_its_copy_came() -> None:
    ledger = Ledger[str]()
    entry = in_hand(ledger)
    assert ledger.came(key(1), "copy") is Verdict.WAITS
    assert ledger.give_back(entry) == ["copy"]
    assert ledger.came(key(1), "copy") is Verdict.NEWS


@pytest.mark.parametrize("other", [key(1, queue="p"), key(1, node="m"), key(1, node=None), key(2)])
def test_numbers_are_those_of_one_broker_and_queue(other: Key) -> None:
    ledger = Ledger[str]()
    in_hand(ledger)
    assert ledger.came(other, "copy") is Verdict.NEWS


def test_a_late_acknowledgement_of_what_was_given_back_changes_nothing() -> None:
    ledger = Ledger[str]()
    first = in_hand(ledger)
    ledger.give_back(first)
    second = in_hand(ledger)
    assert not ledger.acknowledge(first)
    assert ledger.came(key(1), "copy") is Verdict.WAITS
    assert ledger.acknowledge(second) == ["copy"]


def test_what_was_acknowledged_is_not_given_back() -> None:
    ledger = Ledger[str]()
    entry = in_hand(ledger)
    ledger.acknowledge(entry)
    assert not ledger.give_back(entry)
    assert ledger.came(key(1), "copy") is Verdict.SPENT


def test_copies_of_a_lost_link_are_forgotten() -> None:
    ledger = Ledger[str]()
    entry = in_hand(ledger)
    ledger.came(key(1), "lost")
    ledger.came(key(1), "here")
    ledger.forget_copies(lambda copy: copy == "lost")
    assert ledger.acknowledge(entry) == ["here"]


def test_an_entry_goes_with_the_answer_to_its_last_acknowledgement_only() -> None:
    ledger = Ledger[str]()
    entry = in_hand(ledger)
    ledger.acknowledge(entry)
    first = ledger.told(entry)
    second = ledger.told(entry)  # of a copy that came meanwhile
    ledger.answered(first, entry)
    assert ledger.came(key(1), "copy") is Verdict.SPENT
    ledger.answered(second, entry)
    assert ledger.came(key(1), "copy") is Verdict.NEWS
    ledger.answered(second, entry)
    assert not len(ledger)


def test_of_what_is_never_answered_the_oldest_go() -> None:
    ledger = Ledger[str](acknowledged_max=2)
    entries = [in_hand(ledger, number) for number in range(4)]
    for entry in entries[:3]:
        ledger.acknowledge(entry)
        ledger.told(entry)
    assert ledger.came(key(0), "copy") is Verdict.NEWS
    assert ledger.came(key(1), "copy") is Verdict.SPENT
    assert ledger.came(key(3), "copy") is Verdict.WAITS
    ledger.answered(entries[0].ticket, entries[0])
    assert len(ledger) == 3


@dataclass
class Model:
    """What each message is, by its number."""

    in_hand: set[int] = field(default_factory=set[int])
    acknowledged: list[int] = field(default_factory=list[int])  # oldest first
    copies: dict[int, list[str]] = field(default_factory=dict[int, list[str]])
    unanswered: dict[int, int] = field(default_factory=dict[int, int])  # the last ticket


class LedgerRules(RuleBasedStateMachine):
    """Any order of what can happen."""

    LIMIT = 4
    entries = Bundle("entries")
    tickets = Bundle("tickets")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger[str](self.LIMIT)
        self.model = Model()
        self.current: dict[int, Entry[str]] = {}
        self.copies = 0

    @rule(target=entries, number=st.integers(0, 7), owner=st.sampled_from("ab"))
    def comes(self, number: int, owner: str) -> object:
        self.copies += 1
        copy = f"{owner}{self.copies}"
        verdict = self.ledger.came(key(number), copy)
        if number in self.model.acknowledged:
            assert verdict is Verdict.SPENT
        elif number in self.model.in_hand:
            assert verdict is Verdict.WAITS
            self.model.copies[number].append(copy)
        else:
            assert verdict is Verdict.NEWS
            self.model.in_hand.add(number)
            self.model.copies[number] = []
            entry = self.current[number] = self.ledger.hand_out(key(number))
            return entry
        return multiple()

    def is_current(self, entry: Entry[str]) -> bool:
        return self.current.get(entry.key[2]) is entry

    @rule(target=tickets, entry=entries)
    def acknowledge(self, entry: Entry[str]) -> object:
        number = entry.key[2]
        copies = list(self.ledger.acknowledge(entry))
        if not self.is_current(entry) or number not in self.model.in_hand:
            assert not copies
            return multiple()
        assert copies == self.model.copies.pop(number)
        self.model.in_hand.remove(number)
        self.model.acknowledged.append(number)
        if len(self.model.acknowledged) > self.LIMIT:
            del self.current[self.model.acknowledged.pop(0)]
        return entry, self.ledger.told(entry)

    @rule(target=tickets, entry=entries)
    def tell_again(self, entry: Entry[str]) -> object:
        if not self.is_current(entry) or entry.key[2] not in self.model.acknowledged:
            return multiple()
        return entry, self.ledger.told(entry)

    @rule(told=tickets)
    def answered(self, told: tuple[Entry[str], int]) -> None:
        entry, ticket = told
        number = entry.key[2]
        counts = self.is_current(entry) and number in self.model.acknowledged and entry.ticket == ticket
        self.ledger.answered(ticket, entry)
        if counts:
            self.model.acknowledged.remove(number)
            del self.current[number]

    @rule(entry=entries)
    def give_back(self, entry: Entry[str]) -> None:
        number = entry.key[2]
        copies = list(self.ledger.give_back(entry))
        if self.is_current(entry) and number in self.model.in_hand:
            assert copies == self.model.copies.pop(number)
            self.model.in_hand.remove(number)
            del self.current[number]
        else:
            assert not copies

    @rule(owner=st.sampled_from("ab"))
    def forget_copies(self, owner: str) -> None:
        self.ledger.forget_copies(lambda copy: copy.startswith(owner))
        for number, copies in self.model.copies.items():
            self.model.copies[number] = [copy for copy in copies if not copy.startswith(owner)]

    @invariant()
    def agrees(self) -> None:
        assert len(self.ledger) == len(self.model.in_hand) + len(self.model.acknowledged)


TestLedgerRules = LedgerRules.TestCase
TestLedgerRules.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
