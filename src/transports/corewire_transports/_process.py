"""Which process this is: a client does not survive ``fork``, and asking the system at each call would cost more than the call."""

from __future__ import annotations

import os

from corewire.errors import LocalProtocolError

__all__ = ["Birthplace"]

_forks = [0]


def _count() -> None:
    _forks[0] += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count)


class Birthplace:
    """The process in which something was made."""

    __slots__ = ("_forks",)

    def __init__(self) -> None:
        self._forks = _forks[0]

    def check(self) -> None:
        """Raise LocalProtocolError in a child of it."""
        if self._forks != _forks[0]:
            raise LocalProtocolError("a client does not survive fork", hint="Connect again in the child process.")
