"""The cache of duplicate ids."""

from __future__ import annotations

from corewire_server.core.duplicates import Duplicates


def test_the_oldest_goes_and_its_record_is_told() -> None:
    seen = Duplicates(2)
    assert seen.add(b"a", 1) is None
    assert seen.add(b"b", 2) is None
    assert seen.add(b"c", 3) == 1
    assert b"a" not in seen
    assert seen.records() == [2, 3]


def test_an_id_that_comes_again_is_the_youngest() -> None:
    seen = Duplicates(2)
    seen.add(b"a", 1)
    seen.add(b"b", 2)
    assert seen.add(b"a", 3) == 1
    assert (seen.keys(), seen.records()) == ([b"b", b"a"], [2, 3])


def test_an_id_is_forgotten_only_with_its_own_record() -> None:
    seen = Duplicates(2)
    seen.add(b"a", 1)
    seen.discard(b"a", 9)
    assert b"a" in seen
    seen.discard(b"a", 1)
    assert b"a" not in seen
