"""
What must not happen in any history: one promise a file. Each listens to what the world tells, and remembers only what it needs.

A checker of your own is a subclass of `Checker` that calls ``broken``; hand it to ``play``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corewire_server.simulator.checkers.checker import Checker, Violation
from corewire_server.simulator.checkers.complaints import NoComplaints
from corewire_server.simulator.checkers.confirmations import ConfirmedIsDone
from corewire_server.simulator.checkers.counting import CountsAgree
from corewire_server.simulator.checkers.deadlines import NoCallPastItsDeadline
from corewire_server.simulator.checkers.doubled import NothingDoubled
from corewire_server.simulator.checkers.ending import AllEndsWell
from corewire_server.simulator.checkers.exactly_once import ExactlyOnce
from corewire_server.simulator.checkers.foreign import NothingForeign
from corewire_server.simulator.checkers.lost import NothingLost
from corewire_server.simulator.checkers.one_server import OneServer
from corewire_server.simulator.checkers.order import OrderKept
from corewire_server.simulator.checkers.recovery import RecoveryExact
from corewire_server.simulator.checkers.same_state import SameState
from corewire_server.simulator.checkers.tries import TriesAreKnown
from corewire_server.simulator.scenario import ONCE

if TYPE_CHECKING:
    from corewire_server.simulator.scenario import Options

CHECKERS: Final[tuple[type[Checker], ...]] = (
    *(NothingLost, NothingDoubled, NothingForeign, OrderKept, OneServer, SameState, RecoveryExact),
    *(ConfirmedIsDone, CountsAgree, NoCallPastItsDeadline, NoComplaints, AllEndsWell, TriesAreKnown),
)
"""Those of any history."""


def checkers_of(options: Options) -> tuple[type[Checker], ...]:
    """All that look at such histories."""
    once = options.exactly_once and (options.workload is None or options.workload in ONCE)
    return (*CHECKERS, ExactlyOnce) if once else CHECKERS


__all__ = ["CHECKERS", "Checker", "ExactlyOnce", "Violation", "checkers_of"]
