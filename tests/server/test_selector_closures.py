"""
Evaluation against a second evaluator, which is slow and simple: it walks the tree that a text was written from.

It knows fewer types (Integer, Long, Double, string, boolean, null), so that it can do without the table of conversions.
"""

from __future__ import annotations

import math
import operator
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corewire.values import Long
from corewire_server.core.filters import Filter

VALUES: dict[str, Any] = {
    "i": 3,
    "j": -7,
    "l": Long(3),
    "d": 3.0,
    "e": 2.5,
    "s": "ab",
    "u": "b_",
    "t": True,
    "f": False,
}
NUMBERS = st.sampled_from(["i", "j", "l", "d", "e", "n", "3", "0", "2.5", "-7"])
ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
SUMS = {"+": operator.add, "-": operator.sub, "*": operator.mul}
STRINGS = ["", "a", "ab", "b_", "'%", "a%"]
PATTERNS = ["", "%", "a%", "%b", "_b", "__", "a!%", "%!_", "%a%b%"]

KINDS: dict[type, tuple[type, ...]] = {
    bool: (bool,),
    str: (str,),
    **dict.fromkeys((int, Long, float), (int, Long, float)),
}

Tree = tuple[Any, ...]


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


terms = st.recursive(NUMBERS, lambda term: st.tuples(st.sampled_from(list(SUMS)), term, term), max_leaves=4)
strings = st.sampled_from(["s", "u", "n"]) | st.sampled_from(STRINGS).map(quoted)
names = st.sampled_from(["s", "u", "i", "n", "t"])
conditions = st.one_of(
    st.tuples(st.sampled_from(list(ORDER)), terms, terms),
    st.tuples(st.sampled_from(["=", "<>"]), terms, terms),
    st.tuples(st.sampled_from(["=", "<>"]), strings, strings),
    st.tuples(st.sampled_from(["BETWEEN", "NOT BETWEEN"]), terms, terms, terms),
    st.tuples(st.sampled_from(["LIKE", "NOT LIKE"]), names, st.sampled_from(PATTERNS)),
    st.tuples(st.sampled_from(["IN", "NOT IN"]), names, st.lists(st.sampled_from(STRINGS), min_size=1, max_size=6)),
    st.tuples(st.sampled_from(["IS NULL", "IS NOT NULL"]), terms),
    st.tuples(st.just("NAME"), st.sampled_from(["t", "f", "n", "s"])),
)
selectors = st.recursive(
    conditions,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["AND", "OR", "=", "<>"]), inner, inner),
        st.tuples(st.just("NOT"), inner),
        st.tuples(st.sampled_from(["IS NULL", "IS NOT NULL"]), inner),
    ),
    max_leaves=12,
)


def written(tree: Tree | str) -> str:
    match tree:
        case str():
            return tree
        case ("NAME", name):
            return str(name)
        case ("NOT", inner):
            return f"NOT ({written(inner)})"
        case ("LIKE" | "NOT LIKE" as word, name, pattern):
            return f"{name} {word} {quoted(pattern)} ESCAPE '!'"
        case ("IN" | "NOT IN" as word, name, members):
            return f"{name} {word} ({', '.join(map(quoted, members))})"
        case ("BETWEEN" | "NOT BETWEEN" as word, middle, low, high):
            return f"({written(middle)} {word} {written(low)} AND {written(high)})"
        case (word, inner):
            return f"(({written(inner)}) {word})"
        case (word, left, right):
            return f"({written(left)} {word} {written(right)})"
        case _:
            raise AssertionError(tree)


def fits(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "!" and pattern[1:2] in ("%", "_", "!"):
        return text[:1] == pattern[1] and fits(pattern[2:], text[1:])
    if pattern[0] == "%":
        return any(fits(pattern[1:], text[n:]) for n in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and fits(pattern[1:], text[1:])


def computed(tree: Tree | str) -> Any:
    """The value of a term, None where a part of it is missing."""
    if isinstance(tree, tuple):
        left, right = computed(tree[1]), computed(tree[2])
        if left is None or right is None:
            return None
        result = SUMS[tree[0]](left, right)
        return Long(result) if Long in (type(left), type(right)) and isinstance(result, int) else result
    if tree.startswith("'"):
        return tree[1:-1].replace("''", "'")
    if tree[-1].isdigit():
        return float(tree) if "." in tree else int(tree)
    return VALUES.get(tree)


def negated(value: bool | None) -> bool | None:
    return None if value is None else not value


def truth(tree: Tree) -> bool | None:
    match tree:
        case ("NAME", name):
            value = VALUES.get(name)
            return value if isinstance(value, bool | None) else False
        case ("NOT", inner):
            return negated(truth(inner))
        case ("AND", left, right):
            both = {truth(left), truth(right)}
            return False if False in both else None if None in both else True
        case ("OR", left, right):
            return negated(truth(("AND", ("NOT", left), ("NOT", right))))
        case ("=", left, right):
            a, b = sided(left), sided(right)
            if a is None or b is None:
                return (None if b is not None else True) if a is None else False
            return type(a) in KINDS[type(b)] and ranked(a) == ranked(b)
        case ("<" | "<=" | ">" | ">=" as word, left, right):
            a, b = computed(left), computed(right)
            return None if a is None or b is None else bool(ORDER[word](ranked(a), ranked(b)))
        case ("BETWEEN", middle, low, high):
            return truth(("AND", (">=", middle, low), ("<=", middle, high)))
        case ("NOT BETWEEN", middle, low, high):
            return truth(("OR", ("<", middle, low), (">", middle, high)))
        case ("LIKE", name, pattern):
            value = VALUES.get(name)
            return None if value is None else isinstance(value, str) and fits(pattern, value)
        case ("IN", name, members):
            value = VALUES.get(name)
            return value in members if isinstance(value, str) else None
        case ("IS NULL", inner):
            return sided(inner) is None
        case ("<>" | "NOT LIKE" | "NOT IN" | "IS NOT NULL" as word, *rest):
            return negated(truth(({"<>": "="}.get(word) or word.replace("NOT ", ""), *rest)))
        case _:
            raise AssertionError(tree)


def sided(tree: Tree | str) -> Any:
    """The value of what stands beside ``=`` or before IS NULL: a name there is not asked for its truth."""
    if isinstance(tree, str) or tree[0] in SUMS:
        return computed(tree)
    return VALUES.get(tree[1]) if tree[0] == "NAME" else truth(tree)


def ranked(value: Any) -> Any:
    """A value as Java orders it: the negative zero is below the other."""
    return (value, math.copysign(1.0, value)) if value == 0 else (value, 0.0)


@settings(max_examples=400, deadline=None)
@given(selectors)
def test_evaluation_equals_a_simple_evaluator(tree: Tree) -> None:
    text = written(tree)
    expected = truth(tree)
    assert Filter(text).matches(VALUES.get) is (expected is True), text
    assert Filter(f"NOT ({text})").matches(VALUES.get) is (expected is False), text
    assert Filter(f"({text}) IS NULL").matches(VALUES.get) is (expected is None), text


CASES = {"t": True, "f": False, "n": None}


@pytest.mark.parametrize(("a", "b", "c"), list(product(CASES, repeat=3)))
def test_truth_tables(a: str, b: str, c: str) -> None:
    for text in ("{} AND {} AND {}", "{} OR {} OR {}", "{} AND {} OR {}", "{} OR {} AND {}", "({} OR {}) AND {}"):
        selector = text.format(a, b, c)
        x, y, z = (("NAME", name) for name in (a, b, c))
        tree = {
            "{} AND {} AND {}": ("AND", ("AND", x, y), z),
            "{} OR {} OR {}": ("OR", ("OR", x, y), z),
            "{} AND {} OR {}": ("OR", ("AND", x, y), z),
            "{} OR {} AND {}": ("OR", x, ("AND", y, z)),
            "({} OR {}) AND {}": ("AND", ("OR", x, y), z),
        }[text]
        assert Filter(selector).matches(VALUES.get) is (truth(tree) is True), selector
        assert Filter(f"({selector}) IS NULL").matches(VALUES.get) is (truth(tree) is None), selector


def test_between_looks_its_operand_up_once() -> None:
    asked: list[str] = []

    def lookup(name: str) -> int:
        asked.append(name)
        return 5

    nested = "a"
    for _ in range(50):  # computed twice per level this would take for ever
        nested = f"('' + ({nested} NOT BETWEEN 6 AND 7))"
    assert not Filter(f"{nested} = 'x'").matches(lookup)
    assert asked == ["a"]


def test_and_stops_at_the_first_that_is_not_true() -> None:
    asked: list[str] = []

    def lookup(name: str) -> bool | None:
        asked.append(name)
        return {"a": True, "b": None}.get(name)

    assert not Filter("a AND b AND c").matches(lookup)
    assert asked == ["a", "b"]
