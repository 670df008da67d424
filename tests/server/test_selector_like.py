"""LIKE: the same as a naive matcher, and in bounded time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corewire_server.core._selector_like import STEPS_MAX, like_pattern
from corewire_server.core._selector_values import EvaluationFailed


def fits(pattern: str, text: str, escape: str | None) -> bool:
    """Try everything."""
    if not pattern:
        return not text
    if pattern[0] == escape and pattern[1:2] in ("%", "_", escape):
        return text[:1] == pattern[1] and fits(pattern[2:], text[1:], escape)
    if pattern[0] == "%":
        return any(fits(pattern[1:], text[n:], escape) for n in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and fits(pattern[1:], text[1:], escape)


@given(
    st.text(alphabet="ab%_!.\\", max_size=8),
    st.text(alphabet="ab%_!.\\\n\U0001f600", max_size=8),
    st.sampled_from([None, "!", "%", "_", "a", "\\"]),
)
def test_pattern_matches_what_a_naive_matcher_does(pattern: str, text: str, escape: str | None) -> None:
    assert like_pattern(pattern, escape).matches(text) is fits(pattern, text, escape)


@pytest.mark.parametrize("pattern", ["%a" * 5000 + "%b", "%" * 5000 + "b", "a%" * 5000 + "b%"])
def test_many_wildcards_take_linear_time(pattern: str) -> None:
    assert not like_pattern(pattern, None).matches("a" * (1 << 22))


def test_any_single_character_within_wildcards_is_limited() -> None:
    pattern = like_pattern("%" + "a_" * 100 + "b%", None)
    assert not pattern.matches("a" * 1000)
    assert pattern.matches("c" + "ax" * 100 + "bc")
    with pytest.raises(EvaluationFailed, match="LIKE"):
        pattern.matches("a" * (STEPS_MAX // 100))


def test_long_runs_of_any_single_character() -> None:
    pattern = like_pattern("_" * 30_000 + "x", None)
    assert pattern.matches("a" * 30_000 + "x")
    assert not pattern.matches("a" * 29_999 + "x")
    assert not pattern.matches("a" * 30_000 + "y")


def test_the_escape_character_is_plain_before_others() -> None:
    assert like_pattern("a!b", "!").matches("a!b")
    assert like_pattern("a!!b", "!").matches("a!b")
    assert like_pattern("a!", "!").matches("a!")
