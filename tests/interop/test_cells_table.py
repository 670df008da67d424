"""The table of what a failure does to a call has no empty place: each row has its cells, and each module of rows is played."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.interop import test_cells, test_cells_guarded, test_cells_xa
from tests.interop.cells import Mode, Moment, Outcome, Row, cells_of, rows_of
from tests.interop.worlds import World

#: The rows, by the names that they have in the documentation of the client.
TABLE = (
    "durable `send`, `submit`",
    "non-durable `send`",
    "acknowledgement",
    "`receive`, loops, `listen`, browsers",
    "`chunks()`, `read()`, `save()`",
    "`send_stream`",
    "`commit`",
    "`transact`",
    "`xa_*`",
    "queries; `exist_ok`/`missing_ok` forms; `session()`, `consumer()`, `subscribe()`, `browser()`, `temporary_*()`",
    "`rollback()`, `stop()`, `close()`",
    "`request`, `management.call`",
    "other requests",
)
ROWS = [*test_cells.ROWS, *test_cells_xa.ROWS, *test_cells_guarded.ROWS]
#: A source that cannot be rewound, or a body that is being read: there is nothing to begin in an outage.
NOT_BEGUN = ("`chunks()`, `read()`, `save()`",)


def of(words: str) -> list[type[Row]]:
    return [row for row in ROWS if row.words == words]


def test_no_row_is_unknown() -> None:
    assert {row.words for row in ROWS} == set(TABLE)


@pytest.mark.parametrize("words", TABLE)
def test_every_outcome_of_a_row_is_played(words: str) -> None:
    played = {(cell.outcome, cell.moment) for row in of(words) for cell in cells_of(row)}
    outcomes = (Outcome.REATTACHED, Outcome.RECREATED, Outcome.GIVEN_UP)
    assert {(outcome, Moment.ANSWERED) for outcome in outcomes} <= played
    if words not in NOT_BEGUN:
        assert {(outcome, Moment.OUTAGE) for outcome in outcomes} <= played


@pytest.mark.parametrize("words", TABLE)
def test_exactly_once_has_its_column(words: str) -> None:
    """Every outcome at every moment, at a broker that is not ours: its sessions have no window then, and are never re-attached."""
    played = {
        (cell.outcome, cell.moment) for row in of(words) for cell in cells_of(row) if cell.mode is Mode.EXACTLY_ONCE
    }
    moments = set(Moment) - ({Moment.OUTAGE} if words in NOT_BEGUN else set())
    assert {(Outcome.RECREATED, moment) for moment in moments} <= played
    assert {(Outcome.GIVEN_UP, moment) for moment in moments - {Moment.UNREAD}} <= played


def test_a_row_that_takes_turns_meets_every_world() -> None:
    plays = list(test_cells.plays(ROWS))
    for row in ROWS:
        assert {world for kind, _, worlds in plays if kind is row for world in worlds} == set(World)


def test_every_module_of_rows_is_played_in_every_world() -> None:
    played = {row.__module__.rpartition(".")[2] for row in ROWS}
    assert played == {path.stem for path in Path(__file__).parent.glob("cells_*.py")}
    assert len(World) == 4
    assert all(rows_of(module) for module in test_cells.MODULES)
