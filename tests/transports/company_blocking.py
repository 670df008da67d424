"""What tests need beside the client, for the blocking world: patience. Nobody runs at the same time here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.transports.company_threads import tasks_alive, until

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

__all__ = ["beside", "needs_company", "tasks_alive", "until"]


def needs_company(_test: object) -> None:
    """Take a test that needs somebody who runs at the same time out of this world."""


def beside(*_: Any) -> AbstractContextManager[Any]:
    """Not here."""
    raise AssertionError("nobody runs at the same time")
