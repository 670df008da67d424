"""Timers are data: slots with deadlines, and nothing that sleeps."""

from __future__ import annotations

from enum import Enum

from hypothesis import given
from hypothesis import strategies as st

from corewire._timers import Timers


class Slot(Enum):
    PING = 1
    SILENCE = 2
    CALL = 3


def test_nearest_deadline_is_next() -> None:
    timers: Timers[Slot] = Timers()
    assert timers.next() is None
    timers[Slot.PING] = 30.0
    timers[Slot.CALL] = 10.0
    assert timers.next() == 10.0
    timers.stop(Slot.CALL)
    timers.stop(Slot.CALL)
    assert timers.next() == 30.0
    assert Slot.PING in timers
    assert Slot.CALL not in timers
    timers.clear()
    assert timers.next() is None


def test_expiry_after_hours_returns_each_slot_once() -> None:
    timers: Timers[Slot] = Timers()
    timers[Slot.SILENCE] = 60.0
    timers[Slot.PING] = 30.0
    assert timers.expire(29.9) == []
    assert timers.expire(7200.0) == [(Slot.PING, 30.0), (Slot.SILENCE, 60.0)]
    assert timers.expire(7200.0) == []


def test_arming_again_moves_the_deadline() -> None:
    timers: Timers[Slot] = Timers()
    timers[Slot.CALL] = 1.0
    timers[Slot.CALL] = 5.0
    assert timers.expire(4.0) == []
    assert timers.expire(5.0) == [(Slot.CALL, 5.0)]


def test_export_restores() -> None:
    timers: Timers[Slot] = Timers()
    timers[Slot.SILENCE] = 2.0
    timers[Slot.PING] = 1.0
    copy: Timers[Slot] = Timers()
    for slot, deadline in timers.export():
        copy[slot] = deadline
    assert copy.export() == timers.export() == ((Slot.SILENCE, 2.0), (Slot.PING, 1.0))


@given(st.dictionaries(st.integers(), st.floats(0, 100)), st.floats(0, 100))
def test_what_is_due_comes_out_in_order_and_the_rest_stays(deadlines: dict[int, float], now: float) -> None:
    timers: Timers[int] = Timers()
    for slot, deadline in deadlines.items():
        timers[slot] = deadline
    due = timers.expire(now)
    assert [deadline for _, deadline in due] == sorted(d for d in deadlines.values() if d <= now)
    assert dict(due) | dict(timers.export()) == deadlines
    nearest = timers.next()
    assert nearest is None or nearest > now
