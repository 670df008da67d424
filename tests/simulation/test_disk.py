"""The disk of the simulator: what a power cut may leave of folders that were set aside or dropped."""

from __future__ import annotations

from random import Random

import pytest

from corewire_server.journal.actions import (
    Action,
    DiskJob,
    DropAside,
    Fill,
    Rename,
    SetAside,
    Sync,
    SyncFolder,
    WriteAt,
)
from corewire_server.simulator.disk import Disk, DiskFailure, DiskFull, PowerCut

MADE: tuple[Action, ...] = (
    Fill("a", 0, 4),
    WriteAt("a", 0, b"old!"),
    Sync("a"),
    Fill("b", 0, 4),
    Sync("b"),
    SyncFolder(),
)
NEW: tuple[Action, ...] = (Fill("c", 0, 4), WriteAt("c", 0, b"new!"), Sync("c"), SyncFolder())


def do(disk: Disk, *actions: Action) -> None:
    disk.perform(DiskJob(1, actions))


def made(seed: int = 0) -> Disk:
    disk = Disk(Random(seed))
    do(disk, *MADE)
    disk.actions = 0
    return disk


def test_what_is_set_aside_is_out_of_the_way_and_can_be_read() -> None:
    disk = made()
    do(disk, SetAside("aside-1"), *NEW)
    disk.power_cut()
    assert disk.files() == {"c": 4}
    assert disk.asides() == ["aside-1"]
    assert disk.aside("aside-1").files() == {"a": 4, "b": 4}
    assert disk.aside("aside-1").read("a", 4) == b"old!"
    assert disk.aside("aside-1").asides() == []


def test_power_cut_in_the_middle_leaves_all_here_or_all_there() -> None:
    seen = set[bool]()
    for seed in range(30):
        disk = made(seed)
        disk.cut_at = 1
        with pytest.raises(PowerCut):
            do(disk, SetAside("aside-1"))
        disk.power_cut()
        moved = disk.asides() == ["aside-1"]
        assert disk.files() == ({} if moved else {"a": 4, "b": 4})
        assert moved or disk.asides() == []
        assert not moved or disk.aside("aside-1").files() == {"a": 4, "b": 4}
        seen.add(moved)
    assert seen == {True, False}


def test_killed_process_leaves_a_folder_whose_name_stays() -> None:
    for seed in range(30):
        disk = made(seed)
        disk.cut_at = 1
        with pytest.raises(PowerCut):
            do(disk, SetAside("aside-1"))
        disk.restart()
        before = disk.asides()
        do(disk, *NEW)
        disk.power_cut()
        assert disk.asides() == before
        assert "c" in disk.files()


def test_names_that_were_not_synced_are_forgotten_in_an_aside_too() -> None:
    seen = set[str]()
    for seed in range(30):
        disk = made(seed)
        do(disk, Rename("b", "z"), SetAside("aside-1"))
        disk.power_cut()
        seen |= set(disk.aside("aside-1").files())
    assert seen == {"a", "b", "z"}


def test_taken_name_fails_and_replaces_nothing() -> None:
    disk = made()
    do(disk, SetAside("aside-1"), *NEW)
    with pytest.raises(DiskFailure, match="aside-1"):
        do(disk, SetAside("aside-1"))
    assert disk.files() == {"c": 4}
    assert disk.aside("aside-1").files() == {"a": 4, "b": 4}


def test_asides_fill_the_disk_until_they_are_dropped() -> None:
    disk = made()
    disk.capacity_bytes = 10
    do(disk, SetAside("aside-1"))
    with pytest.raises(DiskFull):
        do(disk, *NEW)
    do(disk, DropAside("aside-1"), *NEW)
    assert disk.asides() == []
    do(disk, DropAside("aside-1"))  # nothing is there


def test_power_cut_in_or_after_dropping_may_leave_some_of_it_and_nothing_that_is_not_its_own() -> None:
    seen = set[frozenset[str]]()
    for seed in range(60):
        disk = made(seed)
        do(disk, SetAside("aside-1"), *NEW)
        disk.cut_at = disk.actions + 1 + seed % 2
        with pytest.raises(PowerCut):
            do(disk, DropAside("aside-1"), SyncFolder())
        disk.power_cut()
        assert disk.files() == {"c": 4}
        seen.add(frozenset(disk.aside("aside-1").files()) if disk.asides() else frozenset({"gone"}))
    assert seen >= {frozenset("ab"), frozenset("a"), frozenset({"gone"})}


@pytest.mark.parametrize("name", ["", "journal", "aside-/..", "../aside-1", "aside-\\x"])
def test_only_an_aside_can_be_set_or_dropped(name: str) -> None:
    with pytest.raises(ValueError, match="no name of an aside"):
        SetAside(name)
    with pytest.raises(ValueError, match="no name of an aside"):
        DropAside(name)


def test_a_lost_folder_is_empty_and_nothing_is_beside_it() -> None:
    disk = Disk(Random(1))
    disk.perform(DiskJob(1, (Fill("one", 0, 10), SetAside("aside-1"), Fill("two", 0, 10))))
    disk.lose()
    assert (disk.files(), disk.asides()) == ({}, [])
    disk.power_cut()
    assert disk.files() == {}
