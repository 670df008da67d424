"""What becomes of clients at a door, without a socket: every word of the doorkeeper in a few scripts."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from corewire.wire import packets, registry
from corewire.wire.versions import VERSION
from corewire_server.node.doorkeeper import HELD_BYTES_MAX, REACH_S, RETRY_S, Doorkeeper, Early, State
from corewire_server.node.orders import Door

TARGET = "primary:1"


@dataclass
class Way:
    """A client's way to the primary."""

    calls: list[str]

    def write(self, data: bytes, /) -> None:
        self.calls.append(f"onward {data.decode()}")

    def read(self, *, wanted: bool) -> None:
        self.calls.append(f"read onward {wanted}")

    def abort(self) -> None:
        self.calls.append("give up")


@dataclass
class Guest:
    """A client whose driver writes down what it is called for."""

    calls: list[str] = field(default_factory=list[str])
    heard: bytes = b""

    def write(self, data: bytes, /) -> None:
        self.heard += data

    def read(self, *, wanted: bool) -> None:
        self.calls.append(f"read {wanted}")

    def abort(self) -> None:
        self.calls.append("abort")

    def dial(self, target: str, /) -> Way:
        self.calls.append(f"dial {target}")
        return Way(self.calls)

    def wait(self, seconds: float, /) -> None:
        self.calls.append(f"wait {seconds}")

    def serve(self, held: bytes, /) -> None:
        self.calls.append(f"serve {held.decode()}")

    def close(self) -> None:
        self.calls.append("close")

    def take(self) -> list[str]:
        """What was called for since the last look."""
        calls, self.calls[:] = list(self.calls), []
        return calls


class Scene:
    """A door and its first client."""

    def __init__(self, door: Door) -> None:
        self.listens: list[bool] = []
        self.keeper = Doorkeeper(self.listens.append)
        self.keeper.set(door, TARGET)
        self.guest = Guest()
        self.early = Early(self.keeper, self.guest)
        self.early.came()

    def ask(self) -> None:
        """The primary is reached, and has the question."""
        self.early.said(b"question")
        self.early.reached()
        self.guest.take()

    def lead(self) -> None:
        self.ask()
        self.early.answer(b"answer")
        self.guest.take()


@pytest.mark.parametrize(
    ("door", "calls"),
    [
        (Door.CLOSED, ["abort"]),
        (Door.LEAD, [f"dial {TARGET}", f"wait {REACH_S}"]),
        (Door.SERVE, ["serve "]),
    ],
)
def test_door_decides_what_becomes_of_who_comes(door: Door, calls: list[str]) -> None:
    scene = Scene(door)
    assert scene.guest.take() == calls
    assert scene.listens == [door is not Door.CLOSED]
    assert (scene.keeper.held, scene.keeper.held_served) == (int(door is Door.LEAD), 0)


def test_primary_hears_all_that_was_held_and_from_its_first_word_on_nothing_is_held() -> None:
    scene = Scene(Door.LEAD)
    scene.guest.take()
    for data in (b"a", b"b"):
        scene.early.said(data)
    assert scene.guest.take() == []
    scene.early.reached()
    scene.early.said(b"c")
    assert scene.guest.take() == ["onward ab", "onward c"]
    assert bytes(scene.early.held) == b"abc"
    scene.early.answer(b"yes")
    scene.early.said(b"d")
    assert scene.guest.take() == ["read True", "onward d"]
    assert (scene.guest.heard, bytes(scene.early.held)) == (b"yes", b"")
    assert (scene.keeper.held, scene.keeper.led) == (0, 1)


def test_try_that_fails_or_takes_too_long_is_begun_again() -> None:
    scene = Scene(Door.LEAD)
    scene.guest.take()
    scene.early.unreachable()
    assert scene.guest.take() == [f"wait {RETRY_S}"]
    scene.keeper.set(Door.LEAD, "elsewhere:2")
    scene.early.rang()
    assert scene.guest.take() == ["dial elsewhere:2", f"wait {REACH_S}"]
    scene.early.rang()
    assert scene.guest.take() == ["give up", f"wait {RETRY_S}"]


def test_time_that_was_for_the_dial_means_nothing_behind_it() -> None:
    scene = Scene(Door.LEAD)
    scene.ask()
    scene.early.rang()
    scene.early.answer(b"answer")
    scene.guest.take()
    scene.early.rang()
    assert scene.guest.take() == []


def test_way_that_is_lost_before_it_was_there_is_no_loss() -> None:
    scene = Scene(Door.LEAD)
    scene.guest.take()
    for _ in range(3):
        scene.early.lost()
        assert scene.guest.take() == [f"wait {RETRY_S}"]
        scene.early.rang()
        scene.guest.take()


def test_it_is_read_up_to_the_limit_until_it_is_answered() -> None:
    scene = Scene(Door.LEAD)
    scene.guest.take()
    scene.early.said(bytes(HELD_BYTES_MAX - 1))
    assert (scene.guest.take(), scene.early.room) == ([], 1)
    scene.early.said(b"x")
    assert (scene.guest.take(), scene.early.room) == (["read False"], 0)
    scene.early.reached()
    scene.early.onward_full(full=False)
    assert scene.guest.take()[1:] == ["read False"]
    scene.early.answer(b"yes")
    assert (scene.guest.take(), scene.early.room) == (["read True"], HELD_BYTES_MAX)


def test_who_does_not_read_makes_the_other_side_wait() -> None:
    scene = Scene(Door.LEAD)
    scene.lead()
    for full in (True, False):
        scene.early.client_full(full=full)
        scene.early.onward_full(full=full)
    assert scene.guest.take() == ["read onward False", "read False", "read onward True", "read True"]


def test_client_that_waited_for_a_primary_that_is_gone_is_read_again() -> None:
    scene = Scene(Door.LEAD)
    scene.ask()
    scene.early.onward_full(full=True)
    scene.guest.take()
    scene.early.lost()
    assert scene.guest.take() == ["read True", f"dial {TARGET}", f"wait {REACH_S}"]


def test_primary_may_drop_a_client_once_without_a_word() -> None:
    scene = Scene(Door.LEAD)
    scene.ask()
    scene.early.lost()
    assert scene.guest.take() == ["read True", f"dial {TARGET}", f"wait {REACH_S}"]
    scene.early.reached()
    scene.guest.take()
    scene.early.lost()
    assert scene.guest.take() == ["close"]
    scene.early.ended()
    assert list(scene.keeper.early) == []


def test_led_client_ends_with_its_way_when_what_was_said_is_out() -> None:
    scene = Scene(Door.LEAD)
    scene.lead()
    scene.early.lost()
    assert scene.guest.take() == ["close"]
    for door in (Door.CLOSED, Door.SERVE):
        scene.keeper.set(door)
        assert scene.guest.take() == []
    scene.keeper.close()
    assert scene.guest.take() == ["abort"], "it does not wait for ever for a client that does not read"


@pytest.mark.parametrize("stage", [State.NEW, State.DIALLING, State.ASKED, State.LED])
@pytest.mark.parametrize("door", [Door.CLOSED, Door.SERVE])
def test_door_that_is_set_decides_about_who_waits(stage: State, door: Door) -> None:
    """Who is led stays so; and so does he whose question the primary has, if the door only closes."""
    scene = Scene(Door.LEAD)
    match stage:
        case State.NEW:
            scene.early.unreachable()
        case State.ASKED:
            scene.ask()
        case State.LED:
            scene.lead()
        case _:
            pass
    assert scene.early.state is stage
    scene.guest.take()
    scene.keeper.set(door)
    end = {Door.CLOSED: "abort", Door.SERVE: f"serve {'question' if stage is State.ASKED else ''}"}[door]
    way = [] if stage is State.NEW else ["give up"]
    stays = stage is State.LED or (stage is State.ASKED and door is Door.CLOSED)
    assert scene.guest.take() == ([] if stays else [*way, end])
    assert scene.keeper.held_served == (door is Door.SERVE and not stays)


def test_client_whose_question_the_primary_had_is_dropped_with_it_where_the_door_is_closed() -> None:
    scene = Scene(Door.LEAD)
    scene.ask()
    scene.keeper.set(Door.CLOSED)
    scene.early.lost()
    assert scene.guest.take() == ["read True", "abort"]


@pytest.mark.parametrize("led", [False, True])
def test_client_that_leaves_takes_its_way_along(led: bool) -> None:
    scene = Scene(Door.LEAD)
    scene.lead() if led else scene.ask()
    scene.early.ended()
    assert scene.guest.take() == ["give up"]
    scene.early.ended()
    scene.early.rang()
    scene.keeper.close()
    assert scene.guest.take() == []


def test_closed_for_good_all_are_sent_away_and_the_door_stays_closed() -> None:
    scene = Scene(Door.LEAD)
    scene.lead()
    asked = Guest()
    early = Early(scene.keeper, asked)
    early.came()
    early.reached()
    asked.take()
    scene.keeper.close()
    scene.keeper.set(Door.SERVE)
    assert scene.guest.take() == ["give up", "abort"]
    assert asked.take() == ["give up", "abort"]
    assert scene.listens == [True, False]
    assert scene.keeper.door is Door.CLOSED


def test_led_client_is_told_first_that_the_nodes_have_changed_places() -> None:
    scene = Scene(Door.LEAD)
    scene.keeper.here = "here:7"
    guest = Guest()
    early = Early(scene.keeper, guest)
    early.came()
    early.reached()
    live = packets.TransportConfiguration("live", "factory", {"host": "primary", "port": "1"})
    early.answer(registry.encode(packets.ClusterTopologyV4(False, "node", 7, live, None, True), 0, VERSION))
    told = registry.decode(guest.heard, VERSION)
    assert isinstance(told, packets.ClusterTopologyV4)
    assert told.primary is not None
    assert (told.primary.params, told.backup) == ({"host": "here", "port": "7"}, live)
