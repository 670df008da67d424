"""The parser's limits and its positions: long and deep texts are taken or refused in linear time, without recursion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from corewire.errors import InvalidFilterExpression
from corewire_server.core._selector_parser import DEPTH_MAX
from corewire_server.core.filters import Filter

if TYPE_CHECKING:
    from corewire.values import PropertyValue

MESSAGE: dict[str, PropertyValue] = {"a": True, "n": 1, "s": "x"}


def truth(text: str) -> bool:
    return Filter(text).matches(MESSAGE.get)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 30_000 + "a" + ")" * 30_000,
        "b OR " * 10_000 + "a",
        "a AND " * 10_000 + "a",
        "n BETWEEN 0 AND 2 AND " * 2_000 + "a",
        "s IN ('y'" + ", 'x'" * 10_000 + ")",
        "(" * 5_000 + "a" + " OR b)" * 5_000,
        "NOT " * 100 + "a",
        "n = " + "- " * 100 + "1",
        "n = " + "+ " * 30_000 + "1",
        "n = 100" + " - 1" * 99,
    ],
)
def test_long_and_nested_selectors_work(text: str) -> None:
    assert truth(text)


@pytest.mark.parametrize(
    "text",
    [
        "NOT " * DEPTH_MAX + "a",
        "n = " + "- " * DEPTH_MAX + "1",
        "n = 1" + " + 1" * DEPTH_MAX,
        "n = n" * DEPTH_MAX + " = a",
        "(" * DEPTH_MAX + "a" + " OR b) AND a" * DEPTH_MAX,
    ],
)
def test_too_deep_a_tree_is_refused(text: str) -> None:
    with pytest.raises(InvalidFilterExpression, match=f"nested more than {DEPTH_MAX} levels deep|unexpected"):
        Filter(text)


def test_the_deepest_tree_evaluates() -> None:
    assert truth("NOT " * (DEPTH_MAX - 2) + "a")


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("a = ", 4, "expected a value, found end"),
        ("a = 1 b", 6, "unexpected b"),
        ("hyphenated_props:a = ?", 21, "'[?]' begins no word"),
        ("(a = 1", 0, r"\( is not complete"),
        ("a = 1)", 5, r"unexpected \)"),
        ("n BETWEEN 1", 2, "BETWEEN without AND"),
        ("n BETWEEN 1 OR 2", 2, "BETWEEN without AND"),
        ("n NOT = 1", 6, "expected LIKE, BETWEEN or IN, found ="),
        ("n LIKE 1", 7, "expected a string, found 1"),
        ("n LIKE 'x' ESCAPE ''", 18, "ESCAPE takes one character"),
        ("n LIKE 'x' ESCAPE '\U0001f600'", 18, "ESCAPE takes one character"),
        ("a IN ('x' 'y')", 10, r"expected \), found y"),
        ("1 IN ('x')", 2, "IN takes an identifier"),
        ("a = NULL", 2, "use IS NULL"),
        ("a AND 1", 2, "neither true nor false"),
        ("a < 'x'", 2, "have no order"),
        ("a = XPATH '//x'", 4, "XPATH is not built"),
        ("n IS NULL LIKE 'x'", 10, "unexpected LIKE"),
    ],
)
def test_error_names_position_and_reason(text: str, position: int, reason: str) -> None:
    with pytest.raises(InvalidFilterExpression, match=f"{reason}.* at character {position}: "):
        Filter(text)


def test_error_shows_only_the_beginning_of_a_long_text() -> None:
    with pytest.raises(InvalidFilterExpression) as caught:
        Filter("a = " + "x" * 1000 + " ?")
    assert len(str(caught.value)) < 400
