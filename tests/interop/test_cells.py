"""What a failure does to a call (`client-failover` of the reference, the table of the client's documentation): every cell, against a real broker, in every world."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.interop import (
    cells_acknowledging,
    cells_ending,
    cells_exactly_once,
    cells_large,
    cells_objects,
    cells_receiving,
    cells_requests,
    cells_sending,
    cells_transactions,
)
from tests.interop.cell_play import play
from tests.interop.cell_stage import Stage, witnesses_of
from tests.interop.cells import cells_of, rows_of
from tests.interop.together import threads
from tests.interop.worlds import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.interop.artemis import Artemis
    from tests.interop.cells import Cell, Row

    from corewire_transports.threads import Client

MODULES = (
    cells_sending,
    cells_acknowledging,
    cells_receiving,
    cells_large,
    cells_transactions,
    cells_exactly_once,
    cells_objects,
    cells_ending,
    cells_requests,
)
ROWS = [row for module in MODULES for row in rows_of(module)]


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


@pytest.mark.parametrize(
    ("row", "cell"),
    [pytest.param(row, cell, id=f"{row.__name__}-{cell}") for row in ROWS for cell in cells_of(row)],
)
def test_cell(row: type[Row], cell: Cell, artemis: Artemis, witnesses: Client) -> None:
    """In all worlds at once: each waits most of the time."""
    threads(*(partial(in_world, world, artemis, witnesses, row, cell) for world in World))
