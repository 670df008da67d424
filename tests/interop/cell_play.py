"""One row of the table, played in one cell; the same in every world."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.cells import Moment, Outcome

from corewire.errors import CorewireError, NotConnected, Unblocked
from corewire.events import FailedOver, FailoverFailed, Reattached, Reconnecting
from corewire_transports.anyio import Client, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.interop.cell_stage import Stage
    from tests.interop.cells import Cell, Row

    from corewire.events import ClientEvent


async def play(stage: Stage, kind: type[Row], cell: Cell) -> None:
    """The call, the failure, what the caller is told, and what is so afterwards."""
    row = kind(stage, cell)
    async with connect(stage.url(f"{cell.options}{row.options}")) as client:
        events = client.events()
        await row.prepare(client)
        if cell.moment is Moment.OUTAGE:
            error = await _called_in_an_outage(stage, row, events)
        else:
            error = await _struck(stage, row, client)
        assert type(error) is (row.expected or type(None)), repr(error)
        if isinstance(error, Unblocked):
            assert error.__cause__ is not None, "what happened to the link"
        if cell.survives:
            await _heard(events, Reattached if row.came_to is not Outcome.RECREATED else FailedOver)
            await row.after()
        else:
            await _heard(events, FailoverFailed)
            with pytest.raises(NotConnected):
                await client.session()
    row.check()


async def _struck(stage: Stage, row: Row, client: Client) -> CorewireError | None:
    if row.cell.moment is Moment.ANSWERED and not row.answer:
        error = await _error_of(row)
        while not row.executed():
            await client.poll()
        stage.strike(row)
        return error
    stage.arm(row)
    error = await _error_of(row)
    if row.cell.outcome is Outcome.LATE:
        stage.heal()
    return error


async def _called_in_an_outage(stage: Stage, row: Row, events: AsyncIterator[ClientEvent]) -> CorewireError | None:
    stage.begin_outage(row)
    await _heard(events, Reconnecting)
    if row.cell.outcome in (Outcome.REATTACHED, Outcome.RECREATED):
        stage.end_outage_soon()
    error = await _error_of(row)
    if row.cell.outcome is Outcome.LATE:
        stage.heal()
    return error


async def _error_of(row: Row) -> CorewireError | None:
    try:
        await row.call()
    except CorewireError as error:
        return error
    return None


async def _heard(events: AsyncIterator[ClientEvent], kind: type[ClientEvent]) -> None:
    """The client has told the next event of this kind, and no other end of the story."""
    async for event in events:
        if isinstance(event, kind):
            return
        assert not isinstance(event, (Reattached, FailedOver, FailoverFailed)), event
    raise AssertionError(f"{kind.__name__} was not told")
