"""
What the simulator has found, each as the shortest history that shows it, or as the defect that it was.

What real runs have found is brought about in ``test_defects.py`` where the invented world has what it takes: a command that its
client wrote twice, a refused one that was not counted, a confirmation in front of an exception. Where it takes a client or a
broker that is not ours, its habit is put on below (``habits.py``), and the bug is put back:

- A send that was written in front of the replay, by a thread of its client that was held up (``tests/server/test_early.py``).
- Credits for one message that a broker took off after it had delivered (``tests/engine/test_client_credits.py``).
- A dial that was reset before anybody looked (``tests/server/test_peer.py`` has the runtime's half, its sockets and errors, which is
  not here): the node's half, which never dialled again.

One is not brought about here:

- A confirmation right behind the answer to a re-attachment (``tests/server/test_connecting.py``): it takes a client that reads both
  on two threads, and at that moment lacks the confirmation of commands that were executed, and others were lost. Our broker
  confirms with each answer, so both at once were seen five times in 240 histories, and then the bytes came in two parts; with
  this habit put on, and the bug put back, no promise was broken.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.simulation import habits

from corewire.client._credits import ConsumerWindow
from corewire.client._session import Session
from corewire_server.core import connecting
from corewire_server.node.talks import Talks
from corewire_server.simulator import scenario, workloads
from corewire_server.simulator.history import play as play_seed
from corewire_server.simulator.observer import Observer
from corewire_server.simulator.scenario import Options
from corewire_server.simulator.settings import draw_config
from corewire_server.simulator.simulation import Simulation
from corewire_server.simulator.world import MS, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire.client.config import ClientConfig
    from corewire_server.simulator.world import Plot


def play(seed: int, plot: Callable[[Simulation], Plot], *, nodes: int) -> tuple[str, ...]:
    """A history in which nothing goes wrong but ``plot``. Returns what did not come to its end."""
    simulation = Simulation(seed, Options(nodes=nodes, messages=20, patience_us=100 * SECOND), Observer())
    return simulation.run(plot(simulation)).unfinished


def test_a_backup_that_is_promoted_looks_at_its_own_disk_for_room() -> None:
    """It had the word of the primary's full disk, and refused every send for ever (seed 2961 of that day)."""

    def plot(simulation: Simulation) -> Plot:
        primary, backup = simulation.machines
        primary.disk.capacity_bytes = 64 * 1024
        while not (primary.whole and backup.whole):
            yield MS
        primary.kill()
        yield 5 * SECOND  # others do their work meanwhile

    assert play(4, plot, nodes=2) == ()


def test_transactions_of_clients_that_have_brokers_forget_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their commits were all refused: what they acknowledged was not known any more."""

    def draw_forgetful(*args: Any, **options: Any) -> ClientConfig:
        config = draw_config(*args, **options)
        return config if config.exactly_once else replace(config, pre_acknowledge=True)

    monkeypatch.setattr(scenario, "draw_config", draw_forgetful)
    calm = Options(workload="transact", faults=())
    assert not any(play_seed(seed, calm).violations for seed in range(4))
    monkeypatch.setattr(Session, "pre_acknowledged", property(lambda session: session.context.config.pre_acknowledge))
    assert any(play_seed(seed, calm).violations for seed in range(4))


VARIED = Options(every_option=True)


def broken(seeds: range, options: Options) -> bool:
    """Whether a promise was, in one of these histories."""
    return any(play_seed(seed, options).violations for seed in seeds)


SENDING = Options(faults=("reset", "cut", "stall"), workload="send")


@pytest.mark.slow
def test_a_send_in_front_of_the_replay_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It overtook what was lost, and was counted in its place."""
    habits.writes_before_the_replay(monkeypatch)
    assert not broken(range(100), SENDING)
    monkeypatch.setattr(connecting, "Early", lambda: None)
    assert broken(range(200), SENDING)


def test_credits_are_added_for_a_broker_that_takes_the_price_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """They were set, and then what had come was taken off them: who has no window waited for ever, but for his own patience."""

    def draw_without_window(*args: Any, **options: Any) -> ClientConfig:
        return replace(draw_config(*args, **options), consumer_window_bytes=0)

    def set_credits(window: ConsumerWindow, size: int = 1) -> tuple[int, ...]:
        return (0, size) if ask(window, size) else ()

    ask = ConsumerWindow.ask
    monkeypatch.setattr(scenario, "draw_config", draw_without_window)
    monkeypatch.setattr(workloads, "POLL_US", 250 * SECOND)
    calm = Options(workload="send", faults=())
    habits.takes_the_price_late(monkeypatch)
    assert not broken(range(8), calm)
    monkeypatch.setattr(ConsumerWindow, "ask", set_credits)
    assert broken(range(8), calm)


@pytest.mark.parametrize("mended", [True, False], ids=["mended", "with the bug"])
def test_a_dial_that_was_given_up_is_followed_by_another(monkeypatch: pytest.MonkeyPatch, mended: bool) -> None:
    """A backup took it for one to another machine, which has to have a password, and never asked again."""

    def connected(talks: Talks, now: int, conn: int, *, loopback: bool) -> None:
        talks._kit.peers.connected(now, conn, loopback=loopback)

    def plot(simulation: Simulation) -> Plot:
        yield MS

    habits.far_ends_unseen(monkeypatch)
    if not mended:
        monkeypatch.setattr(Talks, "connected", connected)
    assert (play(0, plot, nodes=2) == ()) is mended


IN_TWO = ("switch", "split", "kill", "power", "both", "forsaken", "unheard", "cut", "reset")
ONCE = replace(VARIED, nodes=2, workload="send", exactly_once=True)


@pytest.mark.parametrize(
    ("seed", "options"),
    [
        (325, VARIED),  # two threads of a client that had given up connected at once
        (
            12743,
            Options(nodes=2),
        ),  # nobody made the files that an append needed (``tests/server/test_journal_writer.py``)
        (7670550213829, replace(VARIED, nodes=2, workload="tries")),  # who was handed over to, and died, was "alone"
        (7435783647127, Options(nodes=2, faults=IN_TWO)),  # the checker's: waiting for credits has no limit
        (968, replace(VARIED, nodes=2, workload="tries")),  # the checker's: who had been led was taken for known
        (11600, ONCE),  # the kernel of a client that looks at nothing sees no farther than the door that leads it
        (1248, Options(nodes=2, workload="send", exactly_once=True)),  # a joiner was told of inputs too early
        (11855, ONCE),  # both nodes were killed before either had on disk what their memories had answered for
        (11791, Options(workload="tries")),  # a stray without a number became a part of the next transaction
        (11049, Options(workload="tries")),  # a full disk refused to be asked what had become of a commit
        (6633844651343, Options(workload="tries")),  # the simulator's: who was refused tried again without a pause
        (23661656884716, Options()),  # a client that ended what an attempt had made did not know how far it had got
    ],
)
def test_what_broke_a_promise_breaks_none_any_more(
    seed: int, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they were found: the windows of consumers that were drawn had no effect then."""

    def draw_as_then(*args: Any, **drawn: Any) -> ClientConfig:
        return replace(draw_config(*args, **drawn), consumer_window_bytes=1_048_576)

    monkeypatch.setattr(scenario, "draw_config", draw_as_then)
    assert not play_seed(seed, options).violations
