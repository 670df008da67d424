"""The index says the same while records are written and when they are read again."""

from __future__ import annotations

from corewire_server.journal.liveness import ORDINAL_BITS, Liveness, Segment
from corewire_server.records import Op, Record


def index(*segments: int) -> Liveness:
    made = Liveness()
    made.segments = {number: Segment(number, 4096, 0, 0) for number in segments}
    return made


def place(segment: int, ordinal: int) -> int:
    return segment << ORDINAL_BITS | ordinal


def live(one: Liveness) -> dict[int, int]:
    return {segment.number: segment.live for segment in one.segments.values()}


def test_records_are_counted_in_their_segments_until_they_die() -> None:
    one = index(1, 2)
    one.apply(Op.ADD, 7, 0, place(1, 1))
    one.apply(Op.UPDATE, 7, 0, place(2, 2))
    one.apply(Op.ADD, 8, 0, place(2, 3))
    assert live(one) == {1: 1, 2: 2}
    assert one.oldest() == 1
    one.apply(Op.DELETE, 7, 0, place(2, 4))
    assert live(one) == {1: 0, 2: 1}
    assert one.oldest() == 2
    assert one.live_percent() == 25
    one.apply(Op.DELETE, 8, 0, place(2, 5))
    assert one.oldest() == 2


def test_empty_journal_is_as_live_as_can_be() -> None:
    assert index(1).live_percent() == 100


def test_update_of_what_is_gone_is_dead_at_once() -> None:
    one = index(1)
    one.apply(Op.UPDATE, 7, 0, place(1, 1))
    one.apply(Op.DELETE, 7, 0, place(1, 2))
    assert live(one) == {1: 0}


def test_id_that_is_added_twice_is_the_newer_one() -> None:
    one = index(1, 2)
    one.apply(Op.ADD, 7, 0, place(1, 1))
    one.apply(Op.ADD, 7, 0, place(2, 2))
    assert live(one) == {1: 0, 2: 1}


def test_transactions_count_until_they_are_resolved() -> None:
    one = index(1)
    one.apply(Op.ADD, 1, 0, place(1, 1))
    one.apply(Op.ADD, 2, 50, place(1, 2))
    one.apply(Op.DELETE, 1, 50, place(1, 3))
    one.apply(Op.PREPARE, 50, 0, place(1, 4))
    assert live(one) == {1: 4}
    one.apply(Op.COMMIT, 50, 0, place(1, 5))
    assert live(one) == {1: 1}
    one.apply(Op.ADD, 3, 51, place(1, 6))
    one.apply(Op.DELETE, 2, 51, place(1, 7))
    one.apply(Op.ROLLBACK, 51, 0, place(1, 8))
    assert live(one) == {1: 1}
    one.apply(Op.COMMIT, 99, 0, place(1, 9))  # of a transaction whose records are gone with their segment
    assert live(one) == {1: 1}


def test_copies_keep_their_ordinal_and_are_counted_where_they_are_now() -> None:
    one = index(1, 2)
    one.apply(Op.ADD, 1, 0, place(1, 1))
    one.apply(Op.UPDATE, 1, 0, place(1, 2))
    one.apply(Op.ADD, 2, 50, place(1, 3))
    one.apply(Op.PREPARE, 50, 0, place(1, 4))
    for op, record_id, tx, ordinal in (
        (Op.ADD, 1, 0, 1),
        (Op.UPDATE, 1, 0, 2),
        (Op.ADD, 2, 50, 3),
        (Op.PREPARE, 50, 0, 4),
    ):
        assert one.find(op, record_id, tx, place(1, ordinal)) == tx
        one.move(op, record_id, tx, place(1, ordinal), place(2, ordinal))
        assert one.find(op, record_id, tx, place(1, ordinal)) is None
    assert live(one) == {1: 0, 2: 4}
    one.apply(Op.COMMIT, 50, 0, place(2, 9))
    one.apply(Op.DELETE, 1, 0, place(2, 10))
    assert live(one) == {1: 0, 2: 1}


def test_deletion_before_the_copy_of_what_it_deletes_stays_until_it_is_copied() -> None:
    one = index(1, 2, 3)
    one.apply(Op.ADD, 1, 0, place(1, 1))
    one.apply(Op.DELETE, 1, 50, place(2, 2))
    one.move(Op.ADD, 1, 0, place(1, 1), place(3, 1))
    one.apply(Op.COMMIT, 50, 0, place(3, 3))
    assert live(one) == {1: 0, 2: 1, 3: 0}
    assert one.find(Op.DELETE, 1, 50, place(2, 2)) == 0
    one.move(Op.DELETE, 1, 0, place(2, 2), place(3, 2))
    assert live(one) == {1: 0, 2: 0, 3: 0}


def replayed(*records: tuple[int, bool, Record, int]) -> Liveness:
    one = index(1, 2, 3)
    one.replayed = {}
    for ordinal, copied, record, segment in records:
        one.replay(ordinal, copied, record, segment)
    return one


def test_copy_is_read_after_its_original() -> None:
    add, update = Record(Op.ADD, 1), Record(Op.UPDATE, 1)
    one = replayed((1, False, add, 1), (2, False, update, 1), (1, True, add, 3), (2, True, update, 3))
    assert one.replayed == {1: add, 2: update}
    assert live(one) == {1: 0, 2: 0, 3: 2}


def test_copy_is_read_without_its_original() -> None:
    add, update = Record(Op.ADD, 1), Record(Op.UPDATE, 1)
    one = replayed((2, False, update, 2), (1, True, add, 3))
    assert one.replayed == {1: add, 2: update}
    assert live(one) == {1: 0, 2: 1, 3: 1}
    assert one.settle() == []


def test_single_record_and_record_of_a_transaction_are_read_again_as_copies() -> None:
    add, held = Record(Op.ADD, 1), Record(Op.ADD, 2, tx=50)
    one = replayed((1, False, add, 1), (2, False, held, 1), (1, True, add, 2), (2, True, held, 2))
    assert live(one) == {1: 0, 2: 2, 3: 0}
    assert one.settle() == [50]


def test_copied_tombstone_is_read_with_and_without_its_original() -> None:
    add, delete, commit = Record(Op.ADD, 1), Record(Op.DELETE, 1, tx=50), Record(Op.COMMIT, 50)
    log = ((2, False, delete, 2), (1, True, add, 3), (3, False, commit, 3), (2, True, delete._replace(tx=0), 3))
    for one in (replayed(*log), replayed(*log[1:])):
        assert one.replayed == {}
        assert live(one) == {1: 0, 2: 0, 3: 0}


def test_update_whose_add_never_comes_is_dropped_at_the_end() -> None:
    one = replayed((2, False, Record(Op.UPDATE, 1), 2))
    assert live(one)[2] == 1
    one.settle()
    assert live(one)[2] == 0
    assert one.live == {}
