"""Ours do what the standard ones do: each class is made by both."""

from __future__ import annotations

import dataclasses
import pickle
from copy import copy
from dataclasses import field
from typing import TYPE_CHECKING, Any

import pytest

from corewire import _dataclass
from corewire.values import Queue

if TYPE_CHECKING:
    from collections.abc import Callable

ours: Any = _dataclass.dataclass
both = pytest.mark.parametrize("dataclass", [ours, dataclasses.dataclass], ids=["ours", "standard"])


@both
@pytest.mark.parametrize("count", range(4))
def test_equal_is_what_has_the_class_and_the_values(dataclass: Callable[..., Any], count: int) -> None:
    names = ["a", "b", "c"][:count]
    made = [
        dataclass(frozen=True, slots=True)(type("Pair", (), {"__annotations__": dict.fromkeys(names, int)}))
        for _ in "12"
    ]
    values = range(count)
    assert made[0](*values) == made[0](*values)
    assert made[0](*values) != made[1](*values)
    assert made[0](*values) != tuple(values)
    assert hash(made[0](*values)) == hash(tuple(values))
    assert (
        repr(made[0](*values))
        == f"Pair({', '.join(f'{name}={value}' for name, value in zip(names, values, strict=True))})"
    )
    if count:
        assert made[0](*values) != made[0](*values[1:], 7)


@both
def test_only_what_is_frozen_can_be_hashed(dataclass: Callable[..., Any]) -> None:
    @dataclass(slots=True)
    class Open:
        value: int

    assert Open(1) == Open(1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Open(1))


@both
def test_fields_say_what_they_take_part_in(dataclass: Callable[..., Any]) -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Secretive:
        shown: int
        hidden: int = field(repr=False)
        extra: int = field(hash=False)
        aside: int = field(compare=False, default=0)

    one = Secretive(shown=1, hidden=2, extra=3)
    assert repr(one).endswith("Secretive(shown=1, extra=3, aside=0)")
    assert one == Secretive(shown=1, hidden=2, extra=3, aside=9)
    assert one != Secretive(shown=1, hidden=2, extra=4)
    assert hash(one) == hash(Secretive(shown=1, hidden=2, extra=4)) == hash((1, 2))


@both
def test_what_a_class_says_itself_stays(dataclass: Callable[..., Any]) -> None:
    @dataclass(frozen=True, slots=True)
    class Own:
        value: int

        def __repr__(self) -> str:
            return "mine"

        def __hash__(self) -> int:
            return 7

    @dataclass(slots=True, eq=False, repr=False)
    class Same:
        value: int

    assert (repr(Own(1)), hash(Own(1))) == ("mine", 7)
    assert Own(1) == Own(1)
    assert Same(1) != Same(1)
    assert len({Same(1), Same(1)}) == 2
    assert "object at" in repr(Same(1))


@both
def test_what_holds_itself_is_shown_once(dataclass: Callable[..., Any]) -> None:
    @dataclass(slots=True)
    class Ring:
        other: Any = None

    ring = Ring()
    ring.other = ring
    assert repr(ring).endswith("Ring(other=...)")


def test_a_value_is_frozen_and_can_be_copied_and_pickled() -> None:
    queue = Queue("orders")
    assert pickle.loads(pickle.dumps(queue)) == copy(queue) == queue
    with pytest.raises(dataclasses.FrozenInstanceError):
        queue.name = "invoices"  # type: ignore[misc]
