"""
`transact` with exactly-once against a real broker: whatever is lost of a commit, of the question about it, and of the question
about that, the function took effect once. The proxy loses exactly the frame that is named.
"""

from __future__ import annotations

import threading
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.interop import client_transact_lanes as lanes
from tests.interop.cell_stage import Stage, witnesses_of
from tests.interop.client_transact_lanes import ONCE
from tests.interop.together import threads
from tests.interop.worlds import World

from corewire import QueueConfiguration, RoutingType
from corewire.client._receipts import RECEIPTS
from corewire.wire import packets
from corewire_server.proxy import Direction, Proxy
from corewire_transports.threads import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.interop.artemis import Artemis

    from corewire_transports.threads import Client

COMMIT = (packets.SessionCommit,)
NOBODY = ("127.0.0.1", 1)
SLOW_S = 0.5
ANSWER = (packets.NullResponse, packets.ExceptionResponse)


class Lost(Enum):
    """What is lost of a commit."""

    COMMIT = "commit"  #: the broker does not see it
    ANSWER = "answer"
    WAIT = "wait"  #: of the question's: the answer to the commit before it, which waits for the storage


class History(NamedTuple):
    """What is lost of the try's commit, of the question's, and so on; and how often the function runs."""

    lost: tuple[Lost, ...]
    runs: int


HISTORIES = {
    "committed": History((Lost.ANSWER,), 1),
    "not committed": History((Lost.COMMIT,), 2),
    "committed, the answer to the question is lost": History((Lost.ANSWER, Lost.ANSWER), 1),
    "committed, the question is lost": History((Lost.ANSWER, Lost.COMMIT), 1),
    "not committed, the question was accepted unheard": History((Lost.COMMIT, Lost.ANSWER), 2),
    "not committed, the question is lost": History((Lost.COMMIT, Lost.COMMIT), 2),
    "not committed, the question about the question is lost, too": History((Lost.COMMIT, Lost.ANSWER, Lost.ANSWER), 2),
    "committed, the wait before the question is lost": History((Lost.ANSWER, Lost.WAIT), 1),
    "not committed, the wait before the question is lost": History((Lost.COMMIT, Lost.WAIT), 2),
}


@pytest.fixture(scope="module")
def witnesses(artemis: Artemis) -> Iterator[Client]:
    """Ask the broker behind the proxies' backs."""
    with witnesses_of(artemis) as client:
        yield client


def set_traps(stage: Stage, lost: tuple[Lost, ...], were_lost: list[Lost]) -> None:
    """Lose this, one after the other, and note what was lost."""
    if not lost:
        return
    commit, answer = (Direction.TO_TARGET, COMMIT), (Direction.TO_CLIENT, ANSWER)
    frames = [commit] if lost[0] is Lost.COMMIT else [commit, answer]
    if were_lost and lost[0] is not Lost.WAIT:
        frames = [commit, answer, *frames]  # a question waits for the storage first

    def strike() -> None:
        stage.proxy.cut_all()
        were_lost.append(lost[0])
        set_traps(stage, lost[1:], were_lost)

    stage.set_trap(strike, *frames)


def play(world: World, artemis: Artemis, witnesses: Client, history: History, *, inside: bool = False) -> None:
    with Stage(artemis, witnesses) as stage:
        stage.witness.queue(stage.name, "1", "2")
        stage.witness.queue(f"{stage.name}.out")
        were_lost: list[Lost] = []
        arm = partial(set_traps, stage, history.lost, were_lost)
        lose_inside = stage.proxy.cut_all if inside else None
        runs = world.run(lanes.forwards, stage.url(ONCE), stage.name, arm, lose_inside)
        assert (runs, tuple(were_lost)) == (history.runs, history.lost), f"in the world of {world.value}"
        assert stage.witness.texts(f"{stage.name}.out") == ["1", "2"]
        assert stage.witness.count(stage.name) == 0


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_whatever_is_lost_it_takes_effect_once(history: History, artemis: Artemis, witnesses: Client) -> None:
    threads(*(partial(play, world, artemis, witnesses, history) for world in World))


def test_a_session_lost_inside_of_the_function_runs_it_again(artemis: Artemis, witnesses: Client) -> None:
    threads(*(partial(play, world, artemis, witnesses, History((), 2), inside=True) for world in World))


def test_a_spent_id_of_the_application_is_raised(artemis: Artemis, witnesses: Client) -> None:
    for world in World:
        with Stage(artemis, witnesses) as stage:
            stage.witness.queue(stage.name, "1", "2")
            world.run(lanes.is_told_of_its_own_ids, stage.url(ONCE), stage.name)
            assert stage.witness.texts(f"{stage.name}.out") == ["1"]
            assert stage.witness.texts(stage.name) == ["2"]


def test_receipts_outlive_a_queue_that_somebody_binds_there(artemis: Artemis, witnesses: Client) -> None:
    """Without the guard the address forgets its ids with its last queue."""
    with Stage(artemis, witnesses) as stage:
        stage.witness.queue(stage.name, "1", "2")
        stage.witness.queue(f"{stage.name}.out")

        def bind() -> None:
            spy = QueueConfiguration(name=f"{stage.name}.spy", address=RECEIPTS, routing_type=RoutingType.MULTICAST)
            with connect(artemis.url) as client, client.session() as session:
                session.create_queue(spy)
                session.delete_queue(spy.name)
            stage.proxy.target = ("127.0.0.1", artemis.port)

        binding = threading.Thread(target=bind)

        def strike() -> None:
            stage.proxy.target = NOBODY
            stage.proxy.cut_all()
            binding.start()

        arm = partial(stage.set_trap, strike, (Direction.TO_TARGET, COMMIT), (Direction.TO_CLIENT, ANSWER))
        assert World.THREADS.run(lanes.forwards, stage.url(ONCE), stage.name, arm, None) == 1
        binding.join()
        assert stage.witness.texts(f"{stage.name}.out") == ["1", "2"]


def in_time(world: World, artemis: Artemis, witnesses: Client) -> None:
    with Stage(artemis, witnesses) as stage:
        stage.witness.queue(stage.name, "1")
        stage.witness.queue(f"{stage.name}.out")
        slow = partial(stage.proxy.slow, delay_s=SLOW_S)
        said = world.run(lanes.is_left, stage.url(ONCE), stage.name, slow, stage.proxy.slow)
        assert said == ["1"], f"in the world of {world.value}"
        assert stage.witness.texts(f"{stage.name}.out") == ["1"]


def test_a_commit_that_is_on_its_way_is_not_cut_short_by_a_deadline(artemis: Artemis, witnesses: Client) -> None:
    threads(*(partial(in_time, world, artemis, witnesses) for world in World))


def too_late(world: World, artemis: Artemis, witnesses: Client) -> None:
    with Stage(artemis, witnesses) as stage:
        stage.witness.queue(stage.name, "1")
        stage.witness.queue(f"{stage.name}.out")

        def go_away() -> None:
            stage.proxy.refuse()
            stage.proxy.cut_all()

        said = world.run(lanes.is_left, stage.url(ONCE), stage.name, go_away, stage.proxy.accept)
        assert said == ["nobody knows"], f"in the world of {world.value}"


def test_a_deadline_ends_a_try_that_is_open(artemis: Artemis, witnesses: Client) -> None:
    threads(*(partial(too_late, world, artemis, witnesses) for world in World))


def cut_so_often(target: int, proxy: Proxy) -> bool:
    return proxy.cuts >= target


@pytest.mark.parametrize("world", [World.ASYNCIO, World.THREADS], ids=lambda world: world.value)
def test_competing_workers_forward_each_message_once(world: World, artemis: Artemis, witnesses: Client) -> None:
    count = 60
    with Stage(artemis, witnesses) as stage, Proxy(("127.0.0.1", artemis.port), seed=1) as proxy:
        stage.witness.queue(stage.name, *map(str, range(count)))
        stage.witness.queue(f"{stage.name}.out")
        over = threading.Event()

        def cut() -> None:
            while not over.is_set():
                target = proxy.cuts + 1
                proxy.arm(bytes_max=3_000)
                proxy.wait_until(partial(cut_so_often, target), 0.5)

        cutting = threading.Thread(target=cut)
        cutting.start()
        try:
            done = world.run(lanes.compete, f"tcp://127.0.0.1:{proxy.port}?{ONCE}", stage.name, count, 3)
        finally:
            over.set()
            cutting.join()
        assert proxy.cuts > 3
        assert sorted(done, key=int) == [str(number) for number in range(count)]
        forwarded = [text for text in stage.witness.texts(f"{stage.name}.out") if text is not None]
        assert sorted(forwarded) == sorted(done)
