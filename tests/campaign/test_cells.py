"""What a failure does to a call, in all worlds, where CI plays a cell in one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop import test_cells, test_cells_xa
from tests.interop.cell_stage import witnesses_of
from tests.interop.cells import cells_of, in_turn
from tests.interop.worlds import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.interop.artemis import Artemis
    from tests.interop.cells import Cell, Row

    from corewire_transports.threads import Client

ROWS = [*test_cells.ROWS, *test_cells_xa.ROWS]
CELLS = [(row, cell) for row in ROWS for cell in cells_of(row) if in_turn(row, cell)]


@pytest.fixture(scope="module")
def witnesses(artemis: Artemis) -> Iterator[Client]:
    """Ask the broker behind the proxies' backs."""
    with witnesses_of(artemis) as client:
        yield client


@pytest.mark.parametrize(("row", "cell"), [pytest.param(*each, id=f"{each[0].__name__}-{each[1]}") for each in CELLS])
def test_cell(row: type[Row], cell: Cell, artemis: Artemis, witnesses: Client) -> None:
    test_cells.in_worlds(list(World), artemis, witnesses, row, cell)
