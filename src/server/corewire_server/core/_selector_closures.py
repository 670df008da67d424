"""
From a tree to closures, made once per filter and called once per message.

A node has up to two. Its *value* is three-valued where it is boolean: None is unknown. Its *truth* is True or False and is
all that a filter needs at its top. The reference has the same two, and they differ by more than speed: as a truth, AND stops at
the first operand that is not true, as a value only at the first that is false; so they may meet different errors.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias, assert_never

from corewire.values import Long
from corewire_server.core._selector_tree import (
    Arithmetic,
    Between,
    Compare,
    Identifier,
    In,
    Like,
    Literal,
    Logic,
    Negate,
    Not,
)
from corewire_server.core._selector_values import EvaluationFailed, Value, arithmetic, compare, negate, plus

if TYPE_CHECKING:
    from corewire_server.core._selector_tree import Node

Lookup: TypeAlias = Callable[[str], Value]
ValueOf: TypeAlias = Callable[[Lookup], Value]
TruthOf: TypeAlias = Callable[[Lookup], bool]

Test: TypeAlias = Callable[[int, int], bool]  # of two Integers, or of what compareTo says and 0

_TESTS: dict[str, Test] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def truth(node: Node, *, convert: bool) -> TruthOf:
    """Make the closure that tells whether a boolean expression is true; it raises EvaluationFailed where it has no value."""
    match node:
        case Logic("AND", operands):
            return _all_true([truth(operand, convert=convert) for operand in operands])
        case Logic(_, operands):
            return _any_true([truth(operand, convert=convert) for operand in operands])
        case Between(outside=False):
            return _is_true(_between(node, hasty=True, convert=convert))
        case Compare("=", Identifier(name), Literal(str() as text)) if not convert:
            return lambda lookup: (found := lookup(name)).__class__ is str and found == text
        case Compare(symbol, Identifier(name), Literal(int() as number)) if type(number) is int:
            return _against_integer(_TESTS[symbol], name, number, convert=convert)
        case _:
            return _is_true(value(node, convert=convert))


def value(node: Node, *, convert: bool) -> ValueOf:
    """Make the closure that computes the value of a node."""
    match node:
        case Identifier(name):
            return lambda lookup: lookup(name)
        case Literal(constant):
            return lambda _: constant
        case Negate(operand):
            return _negated(value(operand, convert=convert))
        case Arithmetic(symbol, left, right):
            return _computed(symbol, value(left, convert=convert), value(right, convert=convert), convert=convert)
        case Not(operand):
            return _not(boolean(operand, convert=convert))
        case Logic(symbol, operands):
            return _logic([boolean(operand, convert=convert) for operand in operands], decisive=symbol == "OR")
        case Compare("=", left, right):
            same = isinstance(left, Identifier) and isinstance(right, Identifier) and left.name == right.name
            return _equal(value(left, convert=convert), value(right, convert=convert), same=same, convert=convert)
        case Compare(symbol, left, right):
            return _ordered(
                _TESTS[symbol], value(left, convert=convert), value(right, convert=convert), convert=convert
            )
        case Between():
            return _between(node, hasty=False, convert=convert)
        case Like(operand, pattern):
            return _like(value(operand, convert=convert), pattern.matches)
        case In(name, members, outside):
            return _in(name, members, outside=outside)
        case _:
            assert_never(node)


def boolean(node: Node, *, convert: bool) -> ValueOf:
    """Make the closure of a node where a truth value is wanted: an identifier that is neither true nor false is false."""
    if not isinstance(node, Identifier):
        return value(node, convert=convert)
    name = node.name

    def of(lookup: Lookup) -> Value:
        found = lookup(name)
        return found if found is None or found.__class__ is bool else False

    return of


def _all_true(parts: list[TruthOf]) -> TruthOf:
    if len(parts) == 2:
        first, second = parts
        return lambda lookup: first(lookup) and second(lookup)

    def of(lookup: Lookup) -> bool:
        for part in parts:  # noqa: SIM110 (a generator costs twice as much)
            if not part(lookup):
                return False
        return True

    return of


def _any_true(parts: list[TruthOf]) -> TruthOf:
    if len(parts) == 2:
        first, second = parts
        return lambda lookup: first(lookup) or second(lookup)

    def of(lookup: Lookup) -> bool:
        for part in parts:  # noqa: SIM110
            if part(lookup):
                return True
        return False

    return of


def _is_true(of: ValueOf) -> TruthOf:
    return lambda lookup: of(lookup) is True


def _against_integer(test: Test, name: str, number: int, *, convert: bool) -> TruthOf:
    """A frequent form, without the way round by ``compare``."""

    def of(lookup: Lookup) -> bool:
        found = lookup(name)
        if found.__class__ is int or found.__class__ is Long:
            return test(found, number)  # pyright: ignore[reportArgumentType]  # it does not narrow by __class__
        return found is not None and _holds(test, found, number, convert=convert)

    return of


def _holds(test: Test, left: Value, right: Value, *, convert: bool) -> bool:
    if test is not operator.eq and (left.__class__ is bytes or right.__class__ is bytes):
        raise EvaluationFailed("bytes have no order")
    sign = compare(left, right, convert=convert)
    return sign is not None and test(sign, 0)


def _equal(left: ValueOf, right: ValueOf, *, same: bool, convert: bool) -> ValueOf:
    def of(lookup: Lookup) -> Value:
        a, b = left(lookup), right(lookup)
        if a is None:
            return None if b is not None else True
        if b is None:
            return False
        return same or _holds(operator.eq, a, b, convert=convert)  # bytes equal only themselves

    return of


def _ordered(test: Test, left: ValueOf, right: ValueOf, *, convert: bool) -> ValueOf:
    def of(lookup: Lookup) -> Value:
        a = left(lookup)
        if a is None:
            return None
        if a.__class__ is bytes:
            raise EvaluationFailed("bytes have no order")
        b = right(lookup)
        return None if b is None else _holds(test, a, b, convert=convert)

    return of


def _between(node: Between, *, hasty: bool, convert: bool) -> ValueOf:
    """
    ``>= low AND <= high``, or ``< low OR > high``; ``hasty``: an unknown first half is the end of it.

    The operand is computed once, else every level of nesting would double the work.
    """
    operand, low, high = (value(part, convert=convert) for part in (node.value, node.low, node.high))
    outside = node.outside
    below, above = (operator.lt, operator.gt) if outside else (operator.ge, operator.le)

    def of(lookup: Lookup) -> Value:
        middle = operand(lookup)
        if middle is None:
            return None
        if middle.__class__ is bytes:
            raise EvaluationFailed("bytes have no order")
        bound = low(lookup)
        first = None if bound is None else _holds(below, middle, bound, convert=convert)
        if first is outside or (first is None and hasty):
            return first
        bound = high(lookup)
        second = None if bound is None else _holds(above, middle, bound, convert=convert)
        return None if first is None and second is not outside else second

    return of


def _logic(parts: list[ValueOf], *, decisive: bool) -> ValueOf:
    """OR if ``decisive`` is True, AND if it is False: the first operand of that value decides; else one unknown makes all unknown."""

    def of(lookup: Lookup) -> Value:
        unknown = False
        for part in parts:
            found = part(lookup)
            if found is decisive:
                return decisive
            unknown = unknown or found is None
        return None if unknown else not decisive

    return of


def _not(operand: ValueOf) -> ValueOf:
    def of(lookup: Lookup) -> Value:
        found = operand(lookup)
        return None if found is None else not found

    return of


def _negated(operand: ValueOf) -> ValueOf:
    def of(lookup: Lookup) -> Value:
        found = operand(lookup)
        return None if found is None else negate(found)

    return of


def _computed(symbol: str, left: ValueOf, right: ValueOf, *, convert: bool) -> ValueOf:
    def of(lookup: Lookup) -> Value:
        a = left(lookup)
        if a is None:
            return None
        b = right(lookup)
        if b is None:
            return None
        return plus(a, b, convert=convert) if symbol == "+" else arithmetic(symbol, a, b, convert=convert)

    return of


def _like(operand: ValueOf, matches: Callable[[str], bool]) -> ValueOf:
    def of(lookup: Lookup) -> Value:
        found = operand(lookup)
        if found is None:
            return None
        return isinstance(found, str) and found.__class__ is str and matches(found)

    return of


def _in(name: str, members: frozenset[str], *, outside: bool) -> ValueOf:
    def of(lookup: Lookup) -> Value:
        found = lookup(name)
        return (found in members) is not outside if isinstance(found, str) and found.__class__ is str else None

    return of
