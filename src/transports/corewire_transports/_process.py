"""Which process this is: a client does not survive ``fork``, and asking the system at each call would cost more than the call."""

from __future__ import annotations

import os
from weakref import WeakSet

from corewire.errors import LocalProtocolError

__all__ = ["Birthplace"]


class Birthplace:
    """The process in which something was made. ``left``: this one is a child of it."""

    __slots__ = ("__weakref__", "left")

    def __init__(self) -> None:
        self.left = False
        _all.add(self)

    def check(self) -> None:
        """Raise LocalProtocolError in a child of it."""
        if self.left:
            raise LocalProtocolError("a client does not survive fork", hint="Connect again in the child process.")


_all: WeakSet[Birthplace] = WeakSet()


def _leave() -> None:
    for birthplace in _all:
        birthplace.left = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave)
