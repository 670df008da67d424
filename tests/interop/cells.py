"""
What a failure does to a call, against a real broker: the words in which the cells of the table are written.

A *row* is a call, a class; a *cell* says what the failure came to (`Outcome`), when it came (`Moment`) and how the client was
configured (`Mode`). ``cell_play.py`` plays one row in one cell in one world; ``cell_stage.py`` is the broker, the proxy before
it that strikes when the frame passes that the cell names, and a witness who asks the broker behind the proxy's back.

To write the cells of a feature: a module ``cells_<feature>.py``, written for anyio (it is converted for threads and blocking, so it
imports nothing asynchronous from here), with a class per call. Each says which packet carries the call (``ask``), which one
answers it (``answer``), and what the caller is told in each outcome; ``prepare``, ``call`` and ``after`` are asynchronous, ``check``
asks the witness when the client is gone. Name the module in ``test_cells.py``. Rows are played with exactly-once as without; one that it
makes another of has ``PLAIN`` modes, and a second class for what it becomes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar

from corewire.errors import CallTimeout, NotConnected

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator
    from types import ModuleType

    from tests.interop.cell_stage import Stage, Witness

    from corewire_transports.anyio import Client

Error = type[Exception] | None
Packets = tuple[type[Any], ...]
CALL_TIMEOUT_MS = 8_000  # that is to end in an outage; no machine that stands still takes as long for what comes before


class Outcome(Enum):
    """What the failure came to."""

    REATTACHED = "reattached"
    RECREATED = "recreated"
    GIVEN_UP = "given up"
    LATE = "late"  #: back later than the call waits: `call_failover_timeout_s` where it began in the outage, else `call_timeout_s`


class Moment(Enum):
    """When the failure came."""

    UNREAD = "unread"  #: the call was written, the broker has not read it
    ANSWERED = "answered"  #: the broker has answered, the client has not read it
    OUTAGE = "outage"  #: before the call, which is made while there is no broker


class Mode(Enum):
    """How the client is configured; the values are words of a URL."""

    WINDOW = "confirmationWindowSize=1048576"
    NO_WINDOW = "confirmationWindowSize=-1"
    EXACTLY_ONCE = "exactlyOnce=true"


PLAIN: tuple[Mode, ...] = (Mode.WINDOW, Mode.NO_WINDOW)  #: for rows that exactly-once makes another of


@dataclass(frozen=True)
class Cell:
    """One place of the table."""

    outcome: Outcome
    moment: Moment
    mode: Mode = Mode.WINDOW

    def __str__(self) -> str:
        return f"{self.outcome.value}-{self.moment.value}-{self.mode.name.lower()}"

    @property
    def survives(self) -> bool:
        """Whether the client goes on."""
        return self.outcome is not Outcome.GIVEN_UP

    @property
    def happens(self) -> bool:
        """Whether what the call asked for happens at the broker, where nobody asks again."""
        match self.moment:
            case Moment.UNREAD:
                return self.outcome in (Outcome.REATTACHED, Outcome.LATE)
            case Moment.ANSWERED:
                return True
            case Moment.OUTAGE:
                return self.outcome in (Outcome.REATTACHED, Outcome.RECREATED)

    @property
    def options(self) -> str:
        """The client's words on the URL."""
        attempts = {Moment.OUTAGE: 4}.get(self.moment, 1) if self.outcome is Outcome.GIVEN_UP else -1
        late = self.outcome is Outcome.LATE
        patience_ms = 60 if late and self.moment is Moment.OUTAGE else 30_000
        call_ms = CALL_TIMEOUT_MS if late and self.moment is not Moment.OUTAGE else 30_000
        return (
            f"{self.mode.value}&reconnectAttempts={attempts}&retryInterval=20"
            f"&callFailoverTimeout={patience_ms}&callTimeout={call_ms}"
        )


class Row:
    """One call, and what becomes of it."""

    words: ClassVar[str]  #: the row of the table
    ask: ClassVar[Packets] = ()  #: carries the call; none: the call only waits
    answer: ClassVar[Packets] = ()  #: none: the call is not answered, and `executed` sees whether it was done
    answers: ClassVar[int] = 1  #: the failure comes at so many
    options: ClassVar[str] = ""  #: more words on the URL
    recreated: ClassVar[Error] = None
    given_up: ClassVar[Error] = NotConnected
    begun_recreated: ClassVar[Error] = None  #: called during the outage
    begun_given_up: ClassVar[Error] = NotConnected
    late: ClassVar[Error] = CallTimeout
    waits_for_ever: ClassVar[bool] = False  #: no outage is too long for it
    times_out: ClassVar[bool] = False  #: tried with a call time-out that ends in an outage, too; that takes as long
    modes: ClassVar[tuple[Mode, ...]] = tuple(Mode)
    outcomes: ClassVar[tuple[Outcome, ...]] = tuple(Outcome)
    disturbs: ClassVar[bool] = False  #: something happens `meanwhile`, when the broker has missed the session
    brief: ClassVar[bool] = False  #: one world will do for CI, as for what exactly-once leaves as it is: `in_turn`
    alone: ClassVar[bool] = False  #: in one world after the other

    def __init__(self, stage: Stage, cell: Cell) -> None:
        self.stage = stage
        self.cell = cell
        self.name = stage.name
        self.witness: Witness = stage.witness

    def prepare(self, client: Client) -> Awaitable[None]:
        """Open what the call needs; the witness has made nothing yet."""
        raise NotImplementedError

    def call(self) -> Awaitable[None]:
        """The call."""
        raise NotImplementedError

    def meanwhile(self) -> None:
        """The link is lost, and there is no broker to be found: done behind the client's back."""

    def after(self) -> Awaitable[None]:
        """The client is back: what is so now? Not called where it gave up."""
        raise NotImplementedError

    def executed(self) -> bool:
        """Whether the broker has done it; asked where it does not say so."""
        raise NotImplementedError

    def check(self) -> None:
        """The client is gone: what did it leave at the broker?"""

    @property
    def came_to(self) -> Outcome:
        """What the client tells of the failure, where that is not what the cell says."""
        return self.cell.outcome

    @property
    def expected(self) -> Error:
        """What the caller is told."""
        begun = self.cell.moment is Moment.OUTAGE
        match self.came_to:
            case Outcome.REATTACHED:
                return None
            case Outcome.RECREATED:
                return self.begun_recreated if begun else self.recreated
            case Outcome.GIVEN_UP:
                return self.begun_given_up if begun else self.given_up
            case Outcome.LATE:
                return self.late


def cells_of(row: type[Row]) -> Iterator[Cell]:
    """The cells of a row. Only with a window is there a re-attachment; the rest does not depend on it, but is tried both ways."""
    for outcome, moment, mode in product(row.outcomes, Moment, row.modes):
        if moment is Moment.UNREAD and not row.ask:
            continue
        if outcome is Outcome.LATE and not _may_be_late(row, moment):
            continue
        windowed = (
            outcome is Outcome.REATTACHED
            or (outcome is Outcome.GIVEN_UP and moment is Moment.UNREAD)
            or outcome is Outcome.LATE
        )
        if windowed and mode is not Mode.WINDOW:
            continue
        if outcome is Outcome.GIVEN_UP and not windowed and mode is Mode.WINDOW:
            continue
        yield Cell(outcome, moment, mode)


def _may_be_late(row: type[Row], moment: Moment) -> bool:
    match moment:
        case Moment.UNREAD:
            return row.times_out
        case Moment.ANSWERED:
            return False
        case Moment.OUTAGE:
            return not row.waits_for_ever


def in_turn(row: type[Row], cell: Cell) -> bool:
    """Whether CI plays this cell in one of the worlds only, each in its turn; the campaign plays it in all of them."""
    return row.brief or (cell.mode is Mode.EXACTLY_ONCE and row.modes == tuple(Mode))


def rows_of(module: ModuleType) -> list[type[Row]]:
    """The rows that a module defines, in order."""
    return [
        value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Row) and value.__module__ == module.__name__ and name[0] != "_"
    ]
