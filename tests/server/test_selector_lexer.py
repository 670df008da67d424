"""Words of selectors: the longest token wins, comments are closed or are none, and nothing is scanned twice."""

from __future__ import annotations

import pytest

from corewire.errors import InvalidFilterExpression
from corewire.values import Long
from corewire_server.core._selector_lexer import Kind, tokens
from corewire_server.core._selector_values import BigDecimal


def words(text: str, *, hyphens: bool = False) -> list[str]:
    return [token.text for token in tokens(text, 0, hyphens=hyphens)[:-1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a<=b<>c>=d", ["a", "<=", "b", "<>", "c", ">=", "d"]),
        ("a-b", ["a", "-", "b"]),
        ("1.5.5 5. .5 1e3 1.e+3", ["1.5", ".5", "5.", ".5", "1e3", "1.e+3"]),
        ("08 0x1F 0x 12L 12e", ["0", "8", "0x1F", "0", "x", "12L", "12", "e"]),
        ("not Like $a_1", ["NOT", "LIKE", "$a_1"]),
        ("'it''s'\"a\"\"b\"", ["it's", 'a"b']),
        ("a--b\nc", ["a", "c"]),
        ("a--b", ["a", "-", "-", "b"]),
        ("a/*b/**/c*/", ["a", "c", "*", "/"]),
        ("a/*b", ["a", "/", "*", "b"]),
        ("/*/ a */b", ["b"]),
        ("'--' -- '\r\n'/*'", ["--", "/*"]),
    ],
)
def test_text_is_cut_into_the_longest_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_hyphens_belong_to_identifiers_on_request() -> None:
    assert words("a-b - c --d\n not-x", hyphens=True) == ["a-b", "-", "c", "not-x"]
    with pytest.raises(InvalidFilterExpression, match="begins no word at character 0"):
        words('"a"', hyphens=True)


@pytest.mark.parametrize("text", ["?", "!", "'open", '"open', "a.b", "é", "\u212a", "\x0b", "a ; b"])
def test_what_begins_no_word_is_refused(text: str) -> None:
    with pytest.raises(InvalidFilterExpression, match="begins no word"):
        words(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2147483647", 2147483647),
        ("2147483648", Long(2147483648)),
        ("9223372036854775808", BigDecimal(1 << 63)),
        ("18446744073709551617", 1),
        ("0x7fffffff", 0x7FFFFFFF),
        ("0x80000000", Long(0x80000000)),
        ("0777", 0o777),
        ("1e400", float("inf")),
    ],
)
def test_number_has_the_smallest_class_that_holds_it(text: str, expected: float) -> None:
    number = tokens(text, 0, hyphens=False)[0].number
    assert (type(number), number) == (type(expected), expected)


@pytest.mark.parametrize("text", ["0x8000000000000000", "01" + "0" * 21, "9" * 1001])
def test_number_too_large_is_refused(text: str) -> None:
    with pytest.raises(InvalidFilterExpression, match="a number"):
        words(text)


def test_position_is_kept() -> None:
    found = tokens("skip a = 'b'", 5, hyphens=False)
    assert [(token.kind, token.position) for token in found] == [
        (Kind.IDENTIFIER, 5),
        (Kind.SYMBOL, 7),
        (Kind.STRING, 9),
        (Kind.END, 12),
    ]


@pytest.mark.parametrize("text", ["/*" * 100_000, "--" * 100_000, "-- " * 100_000 + "\n", "1" * 200_000 + ".1" * 1000])
def test_cutting_takes_linear_time(text: str) -> None:
    """A search to the end at each of them would take minutes, and the timeout of tests would end it."""
    assert len(tokens(text, 0, hyphens=False)) >= 1
