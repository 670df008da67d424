"""Time, order and chance of the invented world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from corewire_server.simulator.observer import Observer
from corewire_server.simulator.world import Actor, World

if TYPE_CHECKING:
    from collections.abc import Iterator


def world() -> World:
    return World(1, Observer())


def never() -> bool:
    return False


def test_what_is_due_comes_in_the_order_of_time_and_then_of_asking() -> None:
    one, heard = world(), list[Any]()
    one.at(20, None, heard.append, "late")
    one.at(10, None, heard.append, "first")
    one.at(10, None, heard.append, "second")
    one.run(never, 100)
    assert heard == ["first", "second", "late"]
    assert one.now == 20


def test_nothing_beyond_the_end_happens_and_the_clock_stays() -> None:
    one, heard = world(), list[Any]()
    one.after(10, None, heard.append, "in time")
    one.after(30, None, heard.append, "too late")
    one.run(never, 20)
    assert heard == ["in time"]
    one.run(never, 30)
    assert heard == ["in time", "too late"]


def test_what_was_asked_for_in_the_past_comes_now() -> None:
    one, heard = world(), list[Any]()
    one.at(10, None, lambda _: one.at(5, None, lambda _: heard.append(one.now)))
    one.run(never, 100)
    assert heard == [10]


def test_a_stopped_actor_takes_everything_when_it_goes_on() -> None:
    one, actor, heard = world(), Actor(), list[Any]()
    actor.stop()
    for word in "abc":
        one.after(1, actor, heard.append, word)
    one.run(never, 100)
    assert heard == []
    actor.go_on()
    assert heard == ["a", "b", "c"]


def test_an_actor_that_ended_takes_nothing() -> None:
    one, actor, heard = world(), Actor(), list[Any]()
    one.after(1, actor, heard.append, "x")
    actor.stop()
    one.run(never, 100)
    actor.ended = True
    one.after(1, actor, heard.append, "y")
    one.run(never, 200)
    actor.go_on()
    assert heard == []


def test_an_actor_that_is_stopped_by_what_it_takes_keeps_the_rest_in_order() -> None:
    actor, heard = Actor(), list[Any]()
    actor.stop()
    actor.waiting += [(heard.append, 1), (lambda _: actor.stop(), None), (heard.append, 2), (heard.append, 3)]
    actor.go_on()
    assert heard == [1]
    actor.go_on()
    assert heard == [1, 2, 3]


def test_a_plot_waits_for_time_or_for_events() -> None:
    one, heard = world(), list[Any]()

    def plot() -> Iterator[int]:
        yield 50
        heard.append(("time", one.now))
        yield -2
        heard.append(("events", one.now))

    one.play(plot())  # type: ignore[arg-type]
    for time in (10, 60, 70, 80):
        one.at(time, None, lambda _: None)
    one.run(never, 100)
    assert heard == [("time", 50), ("events", 70)]


def test_parts_draw_from_generators_of_their_own() -> None:
    def draws(wasted: int) -> tuple[float, float]:
        one = world()
        first, second = one.draw_rng(), one.draw_rng()
        for _ in range(wasted):
            first.random()
        return first.random(), second.random()

    assert draws(0) == draws(0)
    assert draws(0)[0] != draws(1)[0]
    assert draws(0)[1] == draws(1)[1]
