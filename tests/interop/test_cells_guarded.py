"""What a failure does to somebody who may not receive any more when the broker is back: the frame is that of ``test_cells.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop import cells_guarded
from tests.interop.cell_stage import witnesses_of
from tests.interop.cells import rows_of
from tests.interop.conftest import KEEPER
from tests.interop.test_cells import in_worlds, played

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.interop.artemis import Artemis
    from tests.interop.cells import Cell, Row
    from tests.interop.worlds import World

    from corewire_transports.threads import Client

ROWS = rows_of(cells_guarded)


@pytest.fixture(scope="module")
def witnesses(guarded: Artemis) -> Iterator[Client]:
    """Ask the broker behind the proxies' backs, and say who may do what."""
    with witnesses_of(guarded, KEEPER) as client:
        yield client


@pytest.mark.parametrize(("row", "cell", "worlds"), played(ROWS))
def test_cell(row: type[Row], cell: Cell, worlds: list[World], guarded: Artemis, witnesses: Client) -> None:
    in_worlds(worlds, guarded, witnesses, row, cell)
