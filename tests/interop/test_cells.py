"""
What a failure does to a call (`client-failover` of the reference, the table of the client's documentation): every cell,
against a real broker, in every world. Those that differ in nothing but a word on the URL take turns with the worlds;
``tests/campaign/test_cells.py`` plays them in all.
"""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import pytest
from tests.interop import (
    cells_acknowledging,
    cells_ending,
    cells_exactly_once,
    cells_gone,
    cells_large,
    cells_objects,
    cells_receiving,
    cells_requests,
    cells_sending,
    cells_transactions,
)
from tests.interop.cell_play import play
from tests.interop.cell_stage import Stage, witnesses_of
from tests.interop.cells import cells_of, in_turn, rows_of
from tests.interop.together import threads
from tests.interop.worlds import World

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from _pytest.mark import ParameterSet
    from tests.interop.artemis import Artemis
    from tests.interop.cells import Cell, Row

    from corewire_transports.threads import Client

MODULES = (
    cells_sending,
    cells_acknowledging,
    cells_receiving,
    cells_gone,
    cells_large,
    cells_transactions,
    cells_exactly_once,
    cells_objects,
    cells_ending,
    cells_requests,
)
ROWS = [row for module in MODULES for row in rows_of(module)]


def plays(rows: Iterable[type[Row]]) -> Iterator[tuple[type[Row], Cell, list[World]]]:
    """The cells of these rows, and the worlds in which CI plays each."""
    worlds, turns = list(World), count()
    for row in rows:
        for cell in cells_of(row):
            yield row, cell, [worlds[next(turns) % len(worlds)]] if in_turn(row, cell) else worlds


def played(rows: Iterable[type[Row]]) -> list[ParameterSet]:
    """The same as parameters of a test."""
    return [pytest.param(row, cell, own, id=f"{row.__name__}-{cell}") for row, cell, own in plays(rows)]


@pytest.fixture(scope="module")
def witnesses(artemis: Artemis) -> Iterator[Client]:
    """Ask the broker behind the proxies' backs."""
    with witnesses_of(artemis) as client:
        yield client


def in_world(world: World, artemis: Artemis, witnesses: Client, row: type[Row], cell: Cell) -> None:
    """Play a cell in one world."""
    try:
        with Stage(artemis, witnesses) as stage:
            world.run(play, stage, world.own(row), cell)
    except BaseException as error:
        error.add_note(f"in the world of {world.value}")
        raise


def in_worlds(worlds: list[World], artemis: Artemis, witnesses: Client, row: type[Row], cell: Cell) -> None:
    """Play a cell in several worlds at once, if it may: each waits most of the time."""
    actors = [partial(in_world, world, artemis, witnesses, row, cell) for world in worlds]
    for together in [[actor] for actor in actors] if row.alone else [actors]:
        threads(*together)


@pytest.mark.parametrize(("row", "cell", "worlds"), played(ROWS))
def test_cell(row: type[Row], cell: Cell, worlds: list[World], artemis: Artemis, witnesses: Client) -> None:
    in_worlds(worlds, artemis, witnesses, row, cell)
