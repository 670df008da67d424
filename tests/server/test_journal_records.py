"""Records survive their way to bytes and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corewire_server.journal.records import BEHIND, COPY_BYTES, HEAD_BYTES, decode, encode_copy, pack_head
from corewire_server.records import Op, Record

numbers = st.integers(0, 2**63 - 1)
records = st.builds(
    Record, st.sampled_from(list(map(int, Op))), numbers, st.integers(0, 65535), st.binary(max_size=50), numbers
)


def encode(record: Record) -> bytes:
    return pack_head(BEHIND + len(record.body), record.op, record.kind, record.id, record.tx) + record.body


@given(st.lists(st.tuples(records, st.none() | numbers)), numbers)
def test_records_and_copies_come_back(items: list[tuple[Record, int | None]], first: int) -> None:
    parts = [encode(record) if own is None else encode_copy(record, own, record.tx) for record, own in items]
    expected = [
        (first + index if own is None else own, own is not None, record) for index, (record, own) in enumerate(items)
    ]
    assert decode(b"".join(parts), first) == expected
    assert sum(map(len, parts)) == sum(
        len(record.body) + (HEAD_BYTES if own is None else COPY_BYTES) for record, own in items
    )


@given(st.lists(records, min_size=1, max_size=3), st.data())
def test_half_a_record_is_refused(items: list[Record], data: st.DataObject) -> None:
    whole = b"".join(map(encode, items))
    ends = {0}
    for record in items:
        ends.add(max(ends) + HEAD_BYTES + len(record.body))
    cut = data.draw(st.integers(0, len(whole) - 1).filter(lambda at: at not in ends))
    with pytest.raises(ValueError, match="byte"):
        decode(whole[:cut], 0)


def test_length_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="length of 3"):
        decode(pack_head(3, 1, 1, 1, 0) + bytes(50), 0)
