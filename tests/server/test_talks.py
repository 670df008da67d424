"""Evidence is fresh or it is none: what is asked, answered and refused between the two nodes of a pair."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.server.pairs import Pair, Side

from corewire_server.node.talks import ALONE_DIAL_MS
from corewire_server.simulator.disk import Disk


def test_nodes_that_decide_differently_refuse_each_other() -> None:
    pair = Pair()
    pair.b.settings = replace(pair.b.settings, machine=b"another version")
    pair.a.start()
    pair.b.start()
    pair.sleep(5000)
    assert (pair.a.role, pair.b.role) == ("waiting", "waiting")
    for side in (pair.a, pair.b):
        assert [line for line in side.logs if "configured otherwise" in line]
        assert len(side.logs) < 5  # not at every dial


def test_folders_of_different_brokers_are_never_mixed() -> None:
    pair = Pair.in_step()
    pair.b.kill()
    pair.b.disk = Disk(pair.b.rng)
    pair.b.settings = replace(pair.b.settings, new=True)
    pair.silent |= {"a", "b"}
    pair.b.start()
    pair.sleep(10)
    pair.b.kill()
    pair.b.settings = replace(pair.b.settings, new=False)
    pair.silent.clear()
    pair.b.start()
    pair.sleep(5000)
    assert pair.a.has("they were never a pair")
    assert pair.a.role == "primary"
    assert pair.b.up.node_id != pair.a.up.node_id


def test_hello_that_was_overtaken_by_a_later_one_is_not_answered() -> None:
    """The backup dialled, gave up, dialled again and got its link; now the first hello is read."""
    pair = Pair.in_step()
    pair.a.reads = False
    pair.reset()
    pair.sleep(3000)  # dials that nobody answers
    pair.a.reads = True
    pair.sleep(100)
    assert (pair.a.up.status(pair.now).fell_out, pair.b.role) == (0, "backup")
    pair.heal()


def test_dial_that_began_before_the_link_ended_proves_nothing() -> None:
    """The primary's first dial is still under way when the link breaks; its refusal comes later."""
    pair = Pair.in_step()
    node = pair.b.up
    pair.reset()
    pair.halt_at(lambda: bool(pair.dials))
    (old,) = [conn for side, conn in pair.dials if side is pair.b] or [0]
    pair.pump()
    pair.b.perform(node.peer_refused(pair.now, old))
    pair.b.perform(node.peer_refused(pair.now, 1001))
    assert pair.b.role == "backup"
    pair.heal()


@pytest.mark.parametrize("failure", ["peer_failed", "peer_closed"])
def test_any_failure_but_a_refusal_is_no_answer(failure: str) -> None:
    pair = Pair.in_step()
    pair.silent |= {"a", "b"}
    pair.a.kill()
    pair.silent.discard("b")
    pair.halt_at(lambda: bool(pair.dials))
    side, conn = pair.dials.popleft()
    assert side is pair.b
    pair.b.perform(getattr(pair.b.up, failure)(pair.now, conn))
    pair.sleep(1000)
    assert pair.b.role == "backup"


def test_dial_that_leads_to_another_machine_is_not_the_last_one() -> None:
    """It was given up, for want of a password, and still counted as under way: the backup never asked again."""
    pair = Pair.in_step()
    pair.a.kill()
    pair.halt_at(lambda: bool(pair.dials))
    side, conn = pair.dials.popleft()
    assert side is pair.b
    pair.b.perform(pair.b.up.peer_connected(pair.now, conn, loopback=False))
    assert pair.b.has("on another machine")
    pair.sleep(1000)
    assert pair.b.role == "primary"


def test_primary_that_is_alone_looks_for_another_one_now_and_then() -> None:
    pair = Pair.in_step()
    pair.b.kill()
    pair.sleep(100)
    dials = 0
    end = pair.now + 10 * ALONE_DIAL_MS
    while pair.now < end:
        pair.now += 50
        pair.a.perform(pair.a.up.wake(pair.now))
        dials += len(pair.dials)
        pair.pump()
    assert 8 <= dials <= 11
    pair.heal()


def test_what_is_asked_while_the_disk_is_busy_is_answered_when_it_is_not() -> None:
    pair = Pair.in_step()
    pair.b.kill()
    pair.sleep(100)
    pair.b.disk = Disk(pair.b.rng)
    pair.a.disk_holds = True
    pair.b.start()
    pair.sleep(400)
    assert pair.b.role == "waiting" or pair.b.role == "joining"
    pair.heal()


@pytest.mark.parametrize("ends", [False, True])
def test_node_that_was_alone_does_not_serve_where_one_lives_that_is_not_its_peer(ends: bool) -> None:
    """Both would serve: another configuration, or the folder of another pair, is no reason to think that nobody does."""
    pair = Pair.in_step()
    pair.b.kill()
    pair.until(lambda: pair.a.up.status(pair.now).standing == "alone")
    pair.a.kill()
    pair.a.settings = replace(pair.a.settings, machine=b"x" * 32)
    pair.b.start()
    pair.a.start()
    pair.sleep(1000)
    if ends:
        pair.b.kill()
    pair.sleep(5000)
    assert pair.a.role == "waiting"
    assert "configured otherwise" in pair.a.up.status(pair.now).waits_for


def test_two_nodes_configured_alike_are_told_so() -> None:
    pair = Pair()
    pair.b.settings = replace(pair.b.settings, configured_primary=True)
    pair.a.start()
    pair.b.start()
    pair.sleep(3000)
    assert sorted((pair.a.role, pair.b.role)) == ["primary", "waiting"]
    assert pair.a.has("both nodes were started with --primary")
    assert pair.b.has("both nodes were started with --primary")


# -- what keeps a node from serving is said in its log


def why_not(side: Side) -> list[str]:
    """What its log says of that."""
    return [line for line in side.logs if line.startswith("does not serve")]


@pytest.mark.parametrize("heals", [1, 2])
def test_backup_whose_lease_is_over_says_once_which_node_it_waits_for(heals: int) -> None:
    pair = Pair.in_step()
    words = "does not serve, and waits for a:61716 (last heard as primary, epoch 2): the link is down"
    for time in range(1, heals + 1):
        pair.silent |= {"a", "b"}
        pair.sleep(30_000)
        assert why_not(pair.b) == [words] * time
        pair.heal()
    assert why_not(pair.a) == []


@pytest.mark.parametrize(
    ("killed", "words"),
    [("ba", "it was in step in epoch 2, and the other may have gone on"), ("", "an empty folder serves only")],
)
def test_node_that_starts_and_may_not_serve_says_which_node_it_waits_for_and_why(killed: str, words: str) -> None:
    pair = Pair.in_step() if killed else Pair()
    for name in killed:
        pair.side(name).kill()
    pair.b.settings = replace(pair.b.settings, peer_address="a:61716")
    pair.b.start()
    pair.sleep(30_000)
    (line,) = why_not(pair.b)
    assert line.startswith(f"does not serve, and waits for a:61716, which has not been heard yet: {words}")
    pair.heal()
    assert why_not(pair.b) == [line]


def test_nothing_is_said_of_a_link_that_was_reset_a_switch_or_a_death() -> None:
    pair = Pair.in_step()
    pair.reset()
    pair.sleep(1000)
    pair.a.order("switch")
    pair.heal()
    pair.b.kill()
    pair.heal()
    assert why_not(pair.a) == why_not(pair.b) == []


# -- a third node


def test_a_third_node_is_told_to_wait_and_all_say_so_once() -> None:
    pair = Pair.in_step()
    c = pair.third()
    pair.sleep(10_000)
    words = "a:61716 and b:61716 are a pair: a third node waits until one of them is gone"
    assert [line for line in pair.a.logs if words in line] == [
        f"c:61716, of another data folder, wants to be the peer of this node: {words}"
    ]
    assert [line for line in c.logs if words in line] == [f"a:61716 does not take this node in: {words}"]
    assert words in c.up.status(pair.now).waits_for
    assert (pair.a.role, pair.b.role, c.role) == ("primary", "backup", "joining")


def test_a_third_node_is_not_shown_as_the_peer() -> None:
    pair = Pair.in_step()
    pair.third()
    pair.sleep(10_000)
    status = pair.a.up.status(pair.now)
    assert status.peer is not None
    assert (status.peer.link_address, status.in_step, status.fell_out) == ("b:61716", True, 0)


def test_a_third_node_takes_the_place_of_one_that_is_gone_and_the_other_waits_then() -> None:
    pair = Pair.in_step()
    c = pair.third()
    pair.sleep(3_000)
    pair.b.kill()
    pair.dialled["a"] = "c"  # the name was moved
    pair.sleep(10_000)
    assert (pair.a.role, c.role, c.up.status(pair.now).waits_for) == ("primary", "backup", "")
    pair.b.start()
    pair.sleep(10_000)
    words = "a:61716 and c:61716 are a pair: a third node waits until one of them is gone"
    assert pair.a.has(f"b:61716, of another data folder, wants to be the peer of this node: {words}")
    assert words in pair.b.up.status(pair.now).waits_for
    assert (pair.a.role, c.role) == ("primary", "backup")


def test_a_node_that_joins_and_is_not_where_its_peer_is_dialled_is_named_once() -> None:
    pair = Pair.in_step()
    pair.b.kill()
    pair.sleep(1_000)
    c = pair.third()
    pair.sleep(10_000)
    words = "c:61716 joins, but cannot be in step: this node dials the other node"
    assert [line for line in pair.a.logs if "cannot be in step" in line] == [words]
    assert (pair.a.role, c.role) == ("primary", "joining")


def halted_while_it_joins() -> Pair:
    """A pair whose second node has come back and joins, and does not read."""
    pair = Pair.in_step()
    pair.b.kill()
    pair.sleep(1_000)
    pair.b.start()
    pair.halt_at(lambda: pair.a.up.link is not None and pair.b.role == "joining")
    pair.b.reads = False
    return pair


def test_a_third_node_does_not_take_the_link_from_one_that_joins() -> None:
    pair = halted_while_it_joins()
    joins = pair.a.logs.count("epoch 2: b:61716 joins at input 2")
    c = pair.third()
    pair.sleep(3_000)
    words = "a:61716 and b:61716 are a pair: a third node waits until one of them is gone"
    assert c.has(f"a:61716 does not take this node in: {words}")
    assert words in c.up.status(pair.now).waits_for
    pair.b.reads = True
    pair.sleep(1_000)
    assert (pair.a.role, pair.b.role, c.role) == ("primary", "backup", "joining")
    assert pair.a.logs.count("epoch 2: b:61716 joins at input 2") == joins
    assert not pair.a.has("c:61716 joins")


def test_a_third_node_joins_when_the_one_that_joined_has_fallen_silent() -> None:
    pair = halted_while_it_joins()
    pair.third()
    pair.sleep(6_000)
    assert pair.a.has("c:61716 joins at input")


def test_a_node_that_lives_where_it_is_dialled_takes_the_link_from_one_that_does_not() -> None:
    pair = Pair.in_step()
    pair.b.kill()
    pair.sleep(1_000)
    pair.sides.append(c := Side(pair, "c"))
    pair.dialled["a"] = "c"
    pair.b.start()
    pair.sleep(2_000)
    assert (pair.a.role, pair.b.role) == ("primary", "joining")
    assert pair.a.has("b:61716 joins, but cannot be in step: this node dials the other node")
    c.start()
    pair.sleep(10_000)
    assert (pair.a.role, pair.b.role, c.role) == ("primary", "joining", "backup")
    assert pair.a.has("b:61716 joins, but cannot be in step: this node dials the other node, where c:61716 lives")
    assert "a:61716 and c:61716 are a pair" in pair.b.up.status(pair.now).waits_for
    assert len([line for line in pair.a.logs if "c:61716 joins at input" in line]) == 1


def test_a_third_node_that_knocks_at_a_backup_is_told_as_well() -> None:
    pair = Pair.in_step()
    pair.dialled["c"] = "b"
    c = pair.third()
    pair.sleep(10_000)
    words = "a:61716 and b:61716 are a pair"
    assert len([line for line in pair.b.logs if words in line]) == 1
    assert words in c.up.status(pair.now).waits_for
    assert (pair.a.role, pair.b.role, c.role) == ("primary", "backup", "waiting")


def test_a_node_that_was_restarted_is_no_third_one() -> None:
    pair = Pair.in_step()
    for _ in range(3):
        pair.b.kill()
        pair.b.start()
        pair.sleep(6_000)
        pair.reset()
        pair.sleep(2_000)
    assert not pair.a.has("third")
    assert not pair.b.has("third")
    pair.heal()
