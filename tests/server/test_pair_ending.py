"""What is planned: a hand-over, and an orderly stop of either node or both."""

from __future__ import annotations

import pytest
from tests.server.pairs import Pair

from corewire_server.node.orders import Door
from corewire_server.node.settings import GateMode


def handing_over(*words: bytes) -> Pair:
    """What clients said is confirmed, and the first node has told the other one to serve; nothing is on its way back yet."""
    pair = Pair.in_step()
    for word in words:
        pair.say(word)
    pair.a.order("switch")
    pair.halt_at(lambda: pair.a.role == "handing over")
    return pair


def test_hand_over_and_back_again_and_again() -> None:
    pair = Pair.in_step()
    for number in range(20):
        old = pair.primary
        pair.say(b"%d" % number)
        old.order("switch")
        pair.pump()
        assert pair.primary is pair.other(old.name), pair.a.logs + pair.b.logs
        assert old.dropped == number // 2 + 1
        pair.heal()
    assert pair.a.core.words == [b"%d" % number for number in range(20)]
    for side in (pair.a, pair.b):
        assert side.up.status(pair.now).fell_out == 0
        assert not side.has("set aside")
        assert not side.has("answers wait for the backup")


@pytest.mark.parametrize("gate", GateMode)
def test_hand_over_takes_no_time_and_clients_are_held_meanwhile(gate: GateMode) -> None:
    pair = Pair.in_step(gate=gate)
    begun = pair.now
    pair.a.order("switch")
    assert (pair.a.door, pair.b.door) == (Door.CLOSED, Door.LEAD)
    pair.pump()
    assert pair.now == begun
    assert pair.b.door is Door.SERVE
    pair.say(b"1")
    assert pair.confirmed == [b"1"]
    pair.heal()


def test_node_that_hands_over_takes_no_input_but_keeps_what_it_was_given() -> None:
    """The backup goes away before all is ready: the primary goes on, and nothing is lost."""
    pair = Pair.in_step()
    pair.silent.add("b")
    pair.a.client(b"keep before")
    pair.a.order("switch")
    pair.a.client(b"keep while")
    pair.sleep(1000)
    assert pair.a.up.congested
    assert pair.confirmed == []
    pair.b.kill()
    pair.silent.clear()
    pair.sleep(1000)
    assert pair.a.has("nothing comes of the hand-over")
    assert pair.confirmed == [b"before", b"while"]
    assert pair.a.door is Door.SERVE
    pair.heal()


def test_hand_over_that_does_not_come_to_an_end_is_given_up() -> None:
    pair = Pair.in_step()
    pair.b.kill()
    pair.b.start()
    pair.sleep(1000)
    pair.a.disk_holds = True
    pair.a.client(b"keep 1")
    pair.a.order("switch")
    pair.sleep(6000)
    assert pair.a.role == "primary"
    assert not pair.a.up.congested
    pair.heal()
    assert pair.confirmed == [b"1"]


def test_only_a_primary_with_a_backup_in_step_hands_over() -> None:
    pair = Pair.in_step()
    pair.b.order("switch")
    pair.pump()
    assert pair.primary is pair.a
    pair.b.kill()
    pair.sleep(500)
    pair.a.order("switch")
    assert not pair.a.up.congested
    pair.heal()


@pytest.mark.parametrize("events", range(1, 30))
@pytest.mark.parametrize("victim", ["a", "b"])
def test_kill_at_any_moment_of_a_hand_over(victim: str, events: int) -> None:
    pair = Pair.in_step()
    pair.say(b"1")
    pair.a.client(b"keep 2")
    pair.a.order("switch")
    for _ in range(events):
        pair._one()
    pair.side(victim).kill()
    pair.sleep(1500)
    assert [side.role for side in (pair.a, pair.b)].count("primary") <= 1
    serving = [side for side in (pair.a, pair.b) if side.role == "primary"]
    if serving:
        pair.say(b"3")
    pair.heal()


@pytest.mark.parametrize("events", range(1, 30, 2))
def test_reset_of_the_link_at_any_moment_of_a_hand_over(events: int) -> None:
    pair = Pair.in_step()
    pair.a.order("switch")
    for _ in range(events):
        pair._one()
    pair.reset()
    pair.sleep(1000)
    pair.say(b"1")
    assert pair.primary is pair.b
    pair.heal()


@pytest.mark.parametrize("seconds", [1, 3, 10])
def test_heir_that_served_and_died_is_not_forgotten(seconds: int) -> None:
    """The old primary stood still since it handed over: a refusal says nothing of what its heir did meanwhile."""
    pair = handing_over()
    pair.a.reads = False
    pair.sleep(1000 * seconds)
    assert pair.b.role == "primary"
    pair.b.client(b"keep heir")
    pair.pump()
    assert pair.confirmed == (
        [] if seconds < 4 else [b"heir"]
    )  # shown only when the old primary can not go on any more
    pair.b.kill()
    pair.a.reads = True
    pair.sleep(3000)
    assert pair.a.role == ("primary" if seconds < 2 else "handing over")
    pair.heal()


def test_heir_that_died_before_it_showed_anything_asks_before_it_serves() -> None:
    """Its epoch was on its disk; the old primary was refused and went on. Then the two cannot reach each other."""
    pair = handing_over()
    pair.a.reads = False
    pair.sleep(1000)
    assert pair.b.role == "primary"
    pair.b.kill()
    pair.a.reads = True
    pair.sleep(1000)
    assert pair.a.role == "primary"
    pair.say(b"1")
    pair.silent = {"a", "b"}
    pair.b.start()
    pair.sleep(3000)
    assert pair.b.role == "waiting"
    pair.heal()
    assert pair.confirmed == [b"1"]


@pytest.mark.parametrize("seconds", [1, 3, 10])
def test_heir_that_died_goes_on_when_the_old_primary_is_back(seconds: int) -> None:
    """The other one is killed too, before or after the heir could serve without it; none of them forgets what was confirmed."""
    pair = handing_over(b"1")
    pair.a.reads = False
    pair.sleep(1000 * seconds)
    pair.say(b"2")
    pair.b.kill()
    pair.a.kill()
    pair.b.start()
    pair.a.start()
    pair.heal()
    assert pair.primary is pair.b
    assert pair.b.core.words == [b"1", b"2"]


def test_silence_never_lets_who_handed_over_go_on() -> None:
    pair = handing_over()
    pair.b.reads = False
    pair.sleep(60_000)
    assert pair.a.role == "handing over"
    assert pair.a.up.status(pair.now).waits_for
    pair.heal()


# -- the orderly stop


def stop(pair: Pair, name: str) -> None:
    side = pair.side(name)
    side.perform(side.up.stop(pair.now))
    pair.until(lambda: side.up.idle, 5000)
    side.listening = False  # the driver closes the link's door, then everything
    side.kill()


def test_stopped_primary_is_succeeded_when_its_last_answer_is_out() -> None:
    pair = Pair.in_step()
    pair.a.client(b"keep 1")
    stop(pair, "a")
    assert pair.confirmed == [b"1"]
    pair.until(lambda: pair.b.role == "primary", 100)
    pair.heal()
    assert pair.a.core.words == [b"1"]


def test_stopped_primary_shows_nothing_any_more() -> None:
    pair = Pair.in_step()
    pair.silent.add("b")
    pair.a.client(b"keep 1")
    pair.a.perform(pair.a.up.stop(pair.now))
    pair.until(lambda: pair.a.role == "stopped", 5000)
    pair.silent.clear()
    pair.sleep(1000)
    assert pair.confirmed == []
    pair.a.kill()
    pair.heal()
    assert pair.a.core.words == [b"1"]


def test_stopped_primary_executes_nothing_any_more_but_its_backup_keeps_its_place() -> None:
    """Its disk is slow to write down that it has stopped, and its core wanted to do something by itself meanwhile."""
    pair = Pair.in_step()
    pair.a.client(b"keep 1")
    pair.pump()
    pair.a.disk_holds = True
    pair.a.core.timeout = pair.now + 100
    pair.a.perform(pair.a.up.stop(pair.now))
    pair.sleep(10)
    assert pair.a.role == "stopped"
    executed = pair.a.up.status(pair.now).executed
    pair.a.client(b"keep 2")
    pair.sleep(3000)
    assert pair.a.up.status(pair.now).executed == executed
    assert pair.confirmed == [b"1"]
    assert b"tick" not in pair.a.shown
    pair.a.kill()
    pair.until(lambda: pair.b.role == "primary", 100)
    pair.heal()


def test_stopped_backup_gives_its_place_up_first() -> None:
    pair = Pair.in_step()
    pair.b.perform(pair.b.up.stop(pair.now))
    pair.pump()
    assert pair.a.up.status(pair.now).standing == "alone"
    pair.say(b"1")
    assert pair.confirmed == [b"1"]
    assert pair.b.up.idle
    pair.b.kill()
    pair.heal()
    assert pair.a.up.status(pair.now).fell_out == 0
    assert pair.a.has("the backup stops, in good order")
    assert not pair.a.has("answers wait for the backup")


@pytest.mark.parametrize("stops", ["ab", "ba"])
@pytest.mark.parametrize("starts", ["ab", "ba"])
@pytest.mark.parametrize("gap", [0, 4000])
def test_both_stopped_and_started_again_in_any_order(stops: str, starts: str, gap: int) -> None:
    pair = Pair.in_step()
    pair.say(b"1")
    stop(pair, stops[0])
    pair.sleep(gap)
    if any(side.role == "primary" for side in (pair.a, pair.b)):
        pair.say(b"2")
    stop(pair, stops[1])
    pair.side(starts[0]).start()
    pair.sleep(gap)
    pair.side(starts[1]).start()
    pair.heal()
    assert set(pair.confirmed) <= set(pair.a.core.words)


def test_waiting_node_stops_at_once() -> None:
    pair = Pair()
    pair.b.start()
    pair.pump()
    pair.b.perform(pair.b.up.stop(pair.now))
    assert pair.b.up.idle
    pair.sleep(1000)
    assert pair.b.role == "stopped"
