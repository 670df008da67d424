"""Plain values as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corewire_server.core.plain import Plain, decode, encode

VALUES: st.SearchStrategy[Plain] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(st.characters(codec=None)),
        st.binary(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=20,
)


@given(VALUES)
def test_a_value_comes_back_as_it_was(value: Plain) -> None:
    again = decode(encode(value))
    assert again == value
    assert encode(again) == encode(value)


@given(st.binary(max_size=60))
def test_other_bytes_raise_value_error_only(data: bytes) -> None:
    try:
        value = decode(data)
    except ValueError:
        return
    assert encode(value) is not None


def test_the_order_of_a_table_is_part_of_it() -> None:
    assert encode({"a": 1, "b": 2}) != encode({"b": 2, "a": 1})


def test_a_claimed_length_costs_nothing() -> None:
    with pytest.raises(ValueError, match="plain value"):
        decode(b"\x07\xff\xff\xff\xff")
    with pytest.raises(ValueError, match="deep"):
        decode(b"\x07\0\0\0\x01" * 100 + b"\0")


def test_what_is_not_plain_is_refused() -> None:
    with pytest.raises(TypeError):
        encode(object())  # type: ignore[arg-type]
