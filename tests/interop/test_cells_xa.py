"""What a failure does to XA and to management, against a real broker in every world: the frame is that of ``test_cells.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop import cells_management, cells_xa
from tests.interop.cell_stage import witnesses_of
from tests.interop.cells import rows_of
from tests.interop.test_cells import in_worlds, played

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.interop.artemis import Artemis
    from tests.interop.cells import Cell, Row
    from tests.interop.worlds import World

    from corewire_transports.threads import Client

ROWS = [row for module in (cells_xa, cells_management) for row in rows_of(module)]


@pytest.fixture(scope="module")
def witnesses(artemis: Artemis) -> Iterator[Client]:
    """Ask the broker behind the proxies' backs."""
    with witnesses_of(artemis) as client:
        yield client


@pytest.mark.parametrize(("row", "cell", "worlds"), played(ROWS))
def test_cell(row: type[Row], cell: Cell, worlds: list[World], artemis: Artemis, witnesses: Client) -> None:
    in_worlds(worlds, artemis, witnesses, row, cell)
