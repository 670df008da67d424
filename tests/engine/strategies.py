"""Random values of every kind that a property may have, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from corewire.values import Byte, Char, Float, Long, PropertyValue, Short

HALVES = st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF)


def java_text(max_size: int = 12) -> st.SearchStrategy[str]:
    """Strings as Java may hold them: lone surrogates too. Two halves that meet are one character once they travelled."""
    mixed = st.text(st.characters(exclude_categories=()) | HALVES, max_size=max_size)
    return mixed.map(lambda text: text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass"))


def sized(bits: int) -> st.SearchStrategy[int]:
    """All ints of so many bits."""
    return st.integers(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def property_values() -> st.SearchStrategy[PropertyValue]:
    """Values whose type survives the wire: an int beyond 32 bits comes back as Long, NaN equals nothing."""
    return st.one_of(
        st.none(),
        st.booleans(),
        sized(32),
        st.floats(allow_nan=False),
        java_text(),
        st.binary(max_size=12),
        sized(8).map(Byte),
        sized(16).map(Short),
        sized(64).map(Long),
        st.floats(width=32, allow_nan=False).map(Float),
        st.characters(max_codepoint=0xFFFF).map(Char) | HALVES.map(Char),
    )


def property_maps(max_size: int = 6) -> st.SearchStrategy[dict[str, PropertyValue]]:
    """Maps of such values."""
    return st.dictionaries(java_text(), property_values(), max_size=max_size)
