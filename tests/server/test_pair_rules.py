"""
Two nodes and nobody to ask: each way in which the rules of the pair could go wrong, played.

Every play ends with `Pair.heal`: one serves, the other is in step, and what a client was ever told is kept is there.
"""

from __future__ import annotations

import pytest
from tests.server.pairs import Pair, Side

from corewire_server.node.orders import Door, SendPeer, SetDoor
from corewire_server.node.settings import GateMode
from corewire_server.records import Mark, Standing
from corewire_server.simulator.disk import Disk


def drop_backup(pair: Pair) -> None:
    """a hears nothing from b for so long that it goes on alone; b does not know."""
    pair.b.reads = False
    pair.sleep(4500)
    assert pair.a.has("goes on alone")


def never_serves(pair: Pair, side: Side, milliseconds: int = 10_000) -> None:
    end = pair.now + milliseconds
    while pair.now < end:
        pair.sleep(50)
        assert side.role != "primary"


# -- (a) the lease


def test_what_lies_in_buffers_is_no_sign_of_life() -> None:
    """The backup stood still, the primary went on alone and died; old heart-beats wait to be read."""
    pair = Pair.in_step()
    drop_backup(pair)
    pair.say(b"unknown to b")
    pair.a.kill()
    pair.b.reads = True
    never_serves(pair, pair.b)
    pair.heal()
    assert b"unknown to b" in pair.a.core.words


def test_lease_is_looked_at_after_the_answer() -> None:
    """The backup was in step when its link was reset, and stood still before it dialled."""
    pair = Pair.in_step()
    pair.reset()
    pair.sleep(0)
    pair.b.reads = False
    pair.sleep(4500)
    pair.say(b"later")
    pair.a.kill()
    pair.b.reads = True
    never_serves(pair, pair.b)
    pair.heal()


def test_silence_alone_never_promotes() -> None:
    pair = Pair.in_step()
    pair.silent |= {"a", "b"}
    pair.a.kill()  # the machine is gone: nobody refuses
    never_serves(pair, pair.b, 60_000)
    assert pair.b.up.status(pair.now).waits_for
    pair.heal()


def test_resumed_link_renews_the_lease() -> None:
    pair = Pair.in_step()
    pair.reset()
    pair.sleep(10)
    pair.sleep(3000)
    pair.a.kill()
    assert pair.until(lambda: pair.b.role == "primary") <= 1
    pair.heal()


# -- (b) the primary


def test_reset_of_the_link_costs_nothing() -> None:
    pair = Pair.in_step()
    epoch = pair.a.up.epoch
    for word in (b"1", b"2", b"3"):
        pair.reset()
        pair.say(word)
        pair.sleep(50)
    assert pair.confirmed == [b"1", b"2", b"3"]
    assert (pair.a.up.epoch, pair.a.up.status(pair.now).fell_out) == (epoch, 0)
    pair.heal()


def test_three_seconds_of_silence_hold_answers_back_and_change_nothing() -> None:
    pair = Pair.in_step()
    pair.silent.add("b")
    pair.say(b"held")
    pair.sleep(3000)
    assert pair.confirmed == []
    pair.silent.clear()
    pair.sleep(10)
    assert pair.confirmed == [b"held"]
    status = pair.a.up.status(pair.now)
    assert (status.fell_out, status.place) == (0, 1)
    pair.heal()


def test_answers_of_a_dead_backup_wait_for_alone_on_disk() -> None:
    pair = Pair.in_step()
    pair.a.disk_holds = True
    pair.b.kill()
    pair.say(b"held")
    pair.sleep(1000)
    assert pair.a.has("goes on alone")
    assert pair.confirmed == []
    pair.a.disk_holds = False
    pair.pump()
    assert pair.confirmed == [b"held"]
    assert pair.a.up._keeper.mark_on_disk == Mark(Standing.ALONE, 2, 0)
    pair.heal()


def test_going_alone_ends_the_place() -> None:
    """The backup is back, as if nothing had been: it has to join anew, and must not serve before."""
    pair = Pair.in_step()
    drop_backup(pair)
    pair.say(b"unknown to b")
    pair.a.disk_holds = True
    pair.b.reads = True
    pair.sleep(500)
    assert pair.b.role == "joining"
    pair.a.disk_holds = False
    pair.a.kill()
    never_serves(pair, pair.b)
    pair.heal()


def test_backup_that_is_back_at_once_costs_no_silence() -> None:
    pair = Pair.in_step()
    pair.b.kill()
    pair.b.start()
    pair.say(b"word")
    assert pair.until(lambda: pair.confirmed == [b"word"]) < 300
    pair.heal()


# -- (c), (e) one decision


def test_killed_primary_is_succeeded_at_once() -> None:
    pair = Pair.in_step()
    pair.say(b"1", b"2")
    pair.a.kill()
    assert pair.until(lambda: pair.b.role == "primary") <= 1
    assert pair.b.up.epoch == 3
    pair.say(b"3")
    assert pair.b.core.words == [b"1", b"2", b"3"]
    pair.heal()


def test_backup_settles_its_place_before_it_answers_a_primary_that_is_back_at_once() -> None:
    """The old primary's disk is one input ahead of what the backup, and any client, knows."""
    pair = Pair.in_step()
    pair.silent.add("b")
    pair.say(b"nobody knows")
    pair.sleep(20)
    pair.reset()
    pair.a.kill()
    pair.b.reads = False
    pair.a.start()
    pair.silent.clear()
    pair.b.reads = True
    pair.heal()
    assert (pair.b.role, pair.b.core.words) == ("primary", [])


def test_hello_of_another_run_ends_the_old_link_unread() -> None:
    """ "In step" is on its way to the joiner when the primary dies and comes back."""
    pair = Pair()
    pair.a.start()
    pair.b.start()
    pair.halt_at(lambda: pair.a.up._keeper.mark_on_disk == Mark(Standing.IN_STEP, 2, 1))
    assert pair.b.role == "joining"
    pair.b.reads = False
    pair.pump()
    pair.a.kill()
    pair.a.start()
    pair.b.reads = True
    pair.heal()


def test_place_outlives_the_lease_when_the_primarys_record_has_it() -> None:
    """The primary was silent for longer than the lease, then died and came back: each would wait for the other."""
    pair = Pair.in_step()
    pair.a.reads = False
    pair.sleep(2500)
    pair.a.kill()
    assert pair.b.role == "backup"
    pair.a.reads = True
    pair.a.start()
    pair.until(lambda: pair.b.role == "primary", 1000)
    pair.heal()


# -- what is on disk before it is said


def test_backup_is_told_when_in_step_is_on_the_primarys_disk() -> None:
    pair = Pair()
    pair.a.start()
    pair.b.start()
    pair.halt_at(lambda: pair.a.up._keeper.mark_wanted == Mark(Standing.IN_STEP, 2, 1))
    pair.a.disk_holds = True
    pair.sleep(3000)
    assert pair.b.role == "joining"
    pair.a.disk_holds = False
    pair.sleep(10)
    assert pair.b.role == "backup"
    pair.heal()


def test_nobody_is_told_that_a_node_serves_before_that_is_on_its_disk() -> None:
    pair = Pair.in_step()
    pair.b.disk_holds = True
    pair.a.kill()
    pair.until(lambda: pair.b.role == "primary", 100)
    pair.a.start()
    pair.sleep(1000)
    assert pair.a.role == "waiting"
    pair.b.kill()  # and loses what it had not synced
    pair.b.disk.power_cut()
    pair.b.disk_holds = False
    pair.heal()


@pytest.mark.parametrize("gate", [GateMode.DISK_AND_BACKUP, GateMode.BACKUP])
def test_gate_waits_for_the_disk_until_the_backup_knows_its_place(gate: GateMode) -> None:
    pair = Pair.in_step(gate=gate)
    assert pair.a.up._serving is not None
    pair.a.disk_holds = True
    pair.say(b"1")
    assert pair.confirmed == ([b"1"] if gate is GateMode.BACKUP else [])
    pair.b.kill()
    pair.sleep(500)
    pair.say(b"2")
    assert b"2" not in pair.confirmed  # alone, it waits for the disk in every mode
    pair.heal()


def test_door_is_open_before_the_place_counts() -> None:
    pair = Pair()
    orders: list[object] = []
    perform = pair.b.perform

    def note(batch: list[object]) -> None:
        orders.extend(batch)
        perform(batch)  # type: ignore[arg-type]

    pair.b.perform = note  # type: ignore[method-assign, assignment]
    pair.a.start()
    pair.b.start()
    pair.sleep(3000)
    opened = orders.index(SetDoor(Door.LEAD, "a:61616"))
    assert any(isinstance(order, SendPeer) for order in orders[opened + 1 : opened + 3])


def test_door_closes_when_the_lease_is_long_over_and_opens_before_it_counts_again() -> None:
    pair = Pair.in_step()
    pair.a.reads = False
    doors = [pair.b.door]
    pair.sleep(3000)
    doors.append(pair.b.door)
    pair.sleep(1500)
    doors.append(pair.b.door)
    pair.a.reads = True
    pair.sleep(2000)
    pair.heal()
    doors.append(pair.b.door)
    assert doors == [Door.LEAD, Door.LEAD, Door.CLOSED, Door.LEAD]


# -- (d) start


@pytest.mark.parametrize("gone", [0, 10])
def test_empty_folder_proves_nothing(gone: int) -> None:
    """The primary comes back without its disk: another folder says nothing of its process, so only a refusal promotes."""
    pair = Pair.in_step()
    pair.say(b"1")
    pair.a.kill()
    if gone:
        pair.sleep(gone)
    pair.a.disk = Disk(pair.a.rng)
    pair.a.start()
    pair.sleep(5000)
    assert pair.b.role == ("primary" if gone else "backup")
    if not gone:
        pair.b.order("failover")
    pair.heal()
    assert (pair.b.role, pair.b.core.words) == ("primary", [b"1"])


def test_in_step_does_not_take_an_empty_nodes_word() -> None:
    pair = Pair.in_step()
    pair.say(b"1")
    pair.sleep(20)
    pair.b.kill()
    pair.a.kill()
    pair.a.disk = Disk(pair.a.rng)
    pair.b.start()
    pair.a.start()
    never_serves(pair, pair.b)
    assert pair.a.role == "waiting"
    pair.b.order("failover")
    assert pair.b.role == "primary"
    pair.heal()
    assert pair.a.core.words == [b"1"]


def let_go_on_by_order() -> Pair:
    """A pair whose primary went alone and died, and whose backup serves by an operator's order: it has newer data."""
    pair = Pair.in_step()
    drop_backup(pair)
    pair.say(b"only a")
    pair.a.kill()
    pair.b.reads = True
    pair.sleep(5000)
    pair.b.order("failover")
    pair.sleep(10)
    pair.a.shown.clear()  # what an operator gives up
    pair.say(b"b")
    return pair


def test_alone_asks_before_it_serves_too() -> None:
    """An operator let the other node serve; the old primary comes back, and keeps what only it has beside."""
    pair = let_go_on_by_order()
    pair.a.start()
    pair.heal()
    assert (pair.a.role, pair.b.up.epoch, pair.a.core.words) == ("backup", 3, [b"b"])


def test_alone_does_not_serve_by_a_refusal_when_it_has_heard_of_a_higher_epoch() -> None:
    """Both come back; the one that went on says so, is told to go on, and dies before it does. What it had is newer."""
    pair = let_go_on_by_order()
    pair.b.kill()
    pair.sleep(1000)
    pair.dialled["a"] = "nobody"
    pair.sides.append(Side(pair, "nobody"))
    pair.silent.add("nobody")  # the first dials of a get lost
    pair.b.start()
    pair.a.start()
    pair.halt_at(lambda: peer_epoch(pair, pair.a) == 3)
    assert (pair.a.role, pair.b.role) == ("waiting", "waiting")
    pair.b.kill()
    pair.dialled["a"] = "b"
    never_serves(pair, pair.a)
    assert "last heard as waiting, epoch 3): it has an epoch above 2" in pair.a.up.status(pair.now).waits_for
    assert pair.a.has("it had epoch 3, above epoch 2 of this node")
    pair.heal()
    assert (pair.a.role, pair.b.role, pair.a.core.words) == ("backup", "primary", [b"b"])
    assert pair.a.has("of epoch 2 is set aside")


def peer_epoch(pair: Pair, side: Side) -> int:
    """What a node takes the other one's epoch to be."""
    peer = side.up.status(pair.now).peer
    assert peer is not None
    return peer.epoch


def test_alone_waits_no_longer_than_it_must() -> None:
    pair = Pair.in_step()
    pair.b.kill()
    pair.say(b"1")
    pair.a.kill()
    pair.silent.add("b")  # no refusal ever comes
    pair.a.start()
    assert 1990 <= pair.until(lambda: pair.a.role == "primary") <= 2010
    pair.heal()


@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize("gap", [0, 5000])
def test_both_killed_and_started_again_in_either_order(order: str, gap: int) -> None:
    pair = Pair.in_step()
    pair.say(b"1", b"2")
    pair.a.kill()
    pair.b.kill()
    for name in order:
        pair.side(name).start()
        pair.sleep(gap)
    pair.heal()
    assert pair.a.core.words == [b"1", b"2"]


def test_one_of_two_that_were_in_step_waits_for_the_other() -> None:
    pair = Pair.in_step()
    pair.b.kill()
    pair.a.kill()
    pair.b.start()
    never_serves(pair, pair.b)
    assert "may have gone on" in pair.b.up.status(pair.now).waits_for
    pair.heal()


def test_node_that_was_joining_never_serves_its_own_data() -> None:
    pair = Pair()
    pair.a.start()
    pair.b.start()
    pair.halt_at(lambda: pair.b.up._keeper.mark_on_disk == Mark(Standing.JOINING, 2, 0))
    pair.a.kill()
    pair.b.kill()
    pair.b.start()
    never_serves(pair, pair.b)
    pair.b.order("failover")
    assert pair.b.role == "waiting"
    pair.heal()


def test_new_folder_serves_without_asking_when_the_operator_says_so() -> None:
    pair = Pair(new=True)
    pair.b.start()
    assert pair.b.role == "primary"
    assert pair.b.up.epoch == 1


# -- two primaries


def test_two_primaries_that_meet_become_one() -> None:
    """An order was given while the old primary lived, unheard."""
    pair = Pair.in_step()
    pair.silent |= {"a", "b"}
    pair.sleep(5000)
    assert pair.a.has("goes on alone")
    pair.a.client(b"keep only a")
    pair.pump()
    pair.b.order("failover")
    assert (pair.a.role, pair.b.role) == ("primary", "primary")
    pair.b.client(b"keep b")
    pair.pump()
    pair.a.shown.clear()  # what the operator's order cost
    pair.heal()
    assert (pair.a.role, pair.a.dropped) == ("backup", 1)
    assert pair.a.has("inputs are only here, and are set aside")
    assert pair.b.up.epoch == 3
