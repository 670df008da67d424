"""A node joins: while clients go on, in slices, from the start again if the link breaks, and told last of all."""

from __future__ import annotations

import pytest
from tests.server.pairs import Pair, PairCore, Side

from corewire_server.core.inputs import Announced
from corewire_server.ha.roles import Waits
from corewire_server.node.following import BACKLOG_BYTES_MAX
from corewire_server.node.settings import GateMode
from corewire_server.records import Mark, Standing
from corewire_server.replication.backup import Intake
from corewire_server.replication.primary import FRAME_BYTES, WINDOW_BYTES


def announced(side: Side) -> list[Announced]:
    return [item for _, item in side.core.inputs if isinstance(item, Announced)]


@pytest.mark.parametrize("gate", GateMode)
@pytest.mark.parametrize("memory", [False, True])
def test_node_joins_while_clients_go_on(gate: GateMode, memory: bool) -> None:
    pair = Pair(None, gate=gate) if memory else Pair(gate=gate)
    pair.a.start()
    pair.b.start()
    pair.halt_at(lambda: pair.a.role == "primary")
    words = 0
    while pair.b.role != "backup":
        words += 1
        pair.a.client(b"keep %d" % words)
        for _ in range(4):
            pair._one()
    for _ in range(100):
        words += 1
        pair.a.client(b"keep %d" % words)
        pair._one()
    pair.heal()
    assert words > 100
    assert pair.confirmed == [b"%d" % word for word in range(1, words + 1)]
    assert pair.b.core.words == pair.a.core.words


def test_inputs_of_a_batch_reach_the_backup_before_they_are_executed() -> None:
    pair = Pair.in_step()
    pair.say(b"0")
    node, sent = pair.a.up, pair.b.up.status(pair.now).last_input
    link = node.epoch << 32 | 1
    for word in (b"1", b"2"):
        node.offer(pair.now, pair.a.said(link, b"keep " + word))
    pair.a.perform(node.flush())
    while pair.b.up.status(pair.now).last_input < sent + 2:
        assert pair._one(pair.b)
    assert pair.a.core.words == [b"0"]
    assert node.pending
    pair.heal()
    assert pair.a.core.words == [b"0", b"1", b"2"]


def test_clients_hear_of_the_backup_when_it_knows_that_it_is_in_step() -> None:
    pair = Pair()
    pair.a.start()
    pair.b.start()
    pair.halt_at(lambda: pair.b.role == "backup")
    assert announced(pair.a) == [Announced("a:61616", None)]
    pair.heal()
    assert announced(pair.a) == [Announced("a:61616", None), Announced("a:61616", "b:61616")]
    pair.b.kill()
    pair.sleep(100)
    assert announced(pair.a)[-1] == Announced("a:61616", None)


def test_promoted_node_is_announced_alone_then_with_its_backup() -> None:
    pair = Pair.in_step()
    pair.a.kill()
    pair.until(lambda: pair.b.role == "primary")
    pair.pump()
    assert announced(pair.b)[-1] == Announced("b:61616", None)
    pair.heal()
    assert announced(pair.b)[-1] == Announced("b:61616", "a:61616")


def test_what_is_under_way_to_a_joiner_is_bounded() -> None:
    """A heart-beat behind megabytes would be a lease that ends."""
    pair = Pair(None)
    pair.a.start()
    pair.b.start()
    pair.until(lambda: pair.a.role == "primary")
    pair.b.kill()
    pair.sleep(100)
    for number in range(100):
        pair.a.client(b"keep %d " % number + bytes(60_000))
    pair.b.start()
    pair.halt_at(lambda: pair.unread("b") > 200_000)
    pair.b.reads = False
    for number in range(50):
        pair.a.client(b"keep more %d " % number + bytes(60_000))
    pair.pump()
    assert WINDOW_BYTES // 2 < pair.unread("b") < WINDOW_BYTES + FRAME_BYTES
    pair.heal()
    assert len(pair.b.core.words) == 150


def test_backup_that_is_behind_is_waited_for_in_bounds() -> None:
    pair = Pair.in_step()
    pair.b.reads = False
    said = 0
    while said < 10_000 and not pair.a.up.congested:
        said += 1
        pair.a.client(b"keep %d " % said + bytes(60_000))
    pair.pump()
    assert pair.unread("b") < WINDOW_BYTES + FRAME_BYTES
    assert pair.confirmed == []
    assert said < 1000
    pair.b.reads = True
    pair.heal()
    assert len(pair.confirmed) == said


def test_joiner_that_lives_and_does_not_acknowledge_is_waited_for_in_the_critical_moment_so_long_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = Pair()
    pair.a.start()
    pair.b.start()
    pair.halt_at(lambda: pair.b.up.status(pair.now).last_input > 0)
    snapshot = pair.b.up.status(pair.now).last_input
    pair.a.client(b"keep 1")
    with monkeypatch.context() as patch:
        patch.setattr(Intake, "acknowledged", snapshot)
        pair.halt_at(lambda: pair.a.up._serving is not None and pair.a.up._serving.waits is Waits.CRITICAL)
        assert pair.b.up.status(pair.now).executed == pair.a.up.status(pair.now).last_input
        pair.say(b"2")
        pair.sleep(pair.a.settings.sync_timeout_ms - 1)
        assert pair.confirmed == [b"1"]
        assert not pair.a.has("the join is given up")
        pair.sleep(1)
        assert pair.confirmed == [b"1", b"2"]
        assert pair.a.has("the join is given up: it did not catch up in 30000 ms")
        assert pair.b.role == "joining"
    assert pair.a.up.status(pair.now).fell_out == 0
    pair.heal()


def test_link_that_breaks_during_a_join_begins_it_again() -> None:
    pair = Pair()
    pair.a.start()
    pair.b.start()
    pair.until(lambda: pair.a.role == "primary")
    for number in range(20):
        pair.a.client(b"keep %d" % number)
    for events in range(1, 60, 3):
        for _ in range(events):
            pair._one()
        pair.reset()
    pair.heal()
    assert len(pair.b.core.words) == 20


@pytest.mark.parametrize("killed", ["a", "b"])
@pytest.mark.parametrize("events", range(1, 80, 3))
def test_kill_at_any_moment_of_a_join(killed: str, events: int) -> None:
    pair = Pair.in_step()
    pair.say(b"1")
    pair.b.kill()
    pair.say(b"2")
    pair.sleep(10)
    pair.b.start()
    for _ in range(events):
        pair._one()
        if events % 2:
            pair.a.client(b"keep %d" % (100 + _))
    pair.side(killed).kill()
    pair.sleep(100)
    pair.heal()


def test_data_given_up_goes_when_the_node_is_in_step() -> None:
    pair = Pair.in_step()
    pair.say(b"1")
    pair.a.kill()
    pair.until(lambda: pair.b.role == "primary")
    pair.a.start()
    pair.halt_at(lambda: bool(pair.a.disk.asides()))
    pair.heal()
    pair.sleep(100)
    assert not pair.a.disk.asides()


def test_data_that_only_this_node_may_have_stays_beside() -> None:
    pair = Pair.in_step()
    pair.silent |= {"a", "b"}
    pair.sleep(5000)
    pair.a.client(b"keep only a")
    pair.pump()
    pair.b.order("failover")
    pair.a.shown.clear()
    pair.heal()
    pair.sleep(100)
    assert len(pair.a.disk.asides()) == 1


def test_backup_whose_core_differs_is_dropped_and_joins_anew() -> None:
    pair = Pair.in_step()
    core = pair.b.core
    assert isinstance(core, PairCore)
    core.digest.checksum ^= 1
    pair.say(*(b"%d" % number for number in range(120)))
    pair.sleep(500)
    assert pair.a.has("the backup's core did something else than ours")
    pair.heal()
    assert pair.a.up.status(pair.now).fell_out == 1


def test_backup_without_room_on_its_disk_gives_its_place_up_and_comes_back() -> None:
    pair = Pair.in_step()
    pair.b.disk.capacity_bytes = 256 * 1024
    said = 0
    while not pair.b.has("its disk is full"):
        said += 1
        pair.say(b"%d " % said + bytes(20_000))
        assert said * 20_000 < 3 * BACKLOG_BYTES_MAX
    pair.sleep(300)
    assert pair.a.up._keeper.mark_wanted == Mark(Standing.ALONE, 2, 0)
    assert pair.b.role == "joining"
    assert sum("its disk is full" in line for line in pair.b.logs) == 1
    pair.b.disk.capacity_bytes = None
    pair.sleep(2000)
    pair.heal()
    assert len(pair.confirmed) == said


def test_failed_disk_of_either_node_leaves_the_other_serving() -> None:
    for name in ("a", "b"):
        pair = Pair.in_step()
        side = pair.side(name)
        side.disk.fail_at = side.disk.actions + 1
        pair.say(b"1")
        pair.sleep(500)
        assert side.halted is not None
        side.disk.fail_at = None
        assert pair.primary is pair.other(name)
        pair.say(b"2")
        pair.heal()
        assert b"2" in pair.confirmed
