"""
Packages that import their modules when one of their names is first used.

A program uses few of a package's names, and a dataclass costs a third of a millisecond to make. Type checkers do not see this:
for them a package imports all its names under ``TYPE_CHECKING``.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def exports(
    package: str, homes: Mapping[str, str], *own: str
) -> tuple[list[str], Callable[[str], object], Callable[[], list[str]]]:
    """
    Return ``__all__``, ``__getattr__`` and ``__dir__`` for a package.

    ``homes`` maps modules of the package, relative to it, to the names in them that are the package's, separated by spaces;
    ``own`` are the public names that the package defines itself.
    """
    found = {name: f"{package}.{module}" for module, names in homes.items() for name in names.split()}
    public = sorted([*found, *own])

    def getter(name: str) -> object:
        if name not in found:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(import_module(found[name]), name)
        setattr(sys.modules[package], name, value)  # the next look-up does not come here
        return value

    return public, getter, public.copy
