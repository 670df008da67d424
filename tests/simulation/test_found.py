"""
What the simulator has found, each as the shortest history that shows it, or as the defect that it was.

What real runs have found is brought about in ``test_defects.py`` where the invented world has what it takes: a command that its
client wrote twice, a refused one that was not counted, a confirmation in front of an exception. It has not for these, which are
tested where they were mended:

- A confirmation right behind the answer to a re-attachment: it takes a client that reads both on two threads. Ours takes one
  after the other, and ignores what it knows (``tests/server/test_connecting.py``).
- A send that was written in front of the replay: it takes a client whose threads write by themselves. Ours has one that writes;
  what `strays` adds to it comes behind the replay, for in front of it the client would break the order, not the broker
  (``tests/server/test_early.py``).
- A dial that was reset before anybody looked: it takes sockets and their errors, and the runtime, which are not here
  (``tests/server/test_peer.py``).
- Credits for one message that a broker took off after it had delivered: our broker takes them off before
  (``tests/engine/test_client_credits.py``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from corewire.client._session import Session
from corewire_server.simulator import scenario
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
        (11855, ONCE),  # both nodes were killed before either had on disk what their memories had answered for
        (11791, Options(workload="tries")),  # a stray without a number became a part of the next transaction
        (11049, Options(workload="tries")),  # a full disk refused to be asked what had become of a commit
        (6633844651343, Options(workload="tries")),  # the simulator's: who was refused tried again without a pause
        (23661656884716, Options()),  # a client that ended what an attempt had made did not know how far it had got
    ],
)
def test_what_broke_a_promise_breaks_none_any_more(seed: int, options: Options) -> None:
    assert not play_seed(seed, options).violations
