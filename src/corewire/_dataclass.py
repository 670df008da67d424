"""
`dataclasses.dataclass`, for modules that every program imports: ``repr``, comparison and hash do the same, but are functions made
once, where the standard library compiles source for each class. That was half the time it took to import a client.

Type checkers, and readers, take it for the standard one. Not for modules that are compiled (scripts/compile_engine.py).
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass as dataclass


def _values(names: tuple[str, ...]) -> Callable[[object], tuple[object, ...]]:
    """Of these fields, as a tuple."""
    match names:
        case ():
            return lambda _: ()
        case (name,):
            return lambda instance: (getattr(instance, name),)
        case _:
            return attrgetter(*names)


def _share_repr(cls: type, names: tuple[str, ...]) -> None:
    @recursive_repr()
    def __repr__(self: object) -> str:
        shown = ", ".join([f"{name}={getattr(self, name)!r}" for name in names])
        return f"{self.__class__.__qualname__}({shown})"

    cls.__repr__ = __repr__  # type: ignore[assignment]


def _share_comparison(cls: type, fields: tuple[dataclasses.Field[object], ...], frozen: bool) -> None:
    """Equal is what has the class and the values; only what is frozen can be hashed."""
    compared = _values(tuple([field.name for field in fields if field.compare]))
    hashed = _values(tuple([field.name for field in fields if (field.compare if field.hash is None else field.hash)]))

    def __eq__(self: object, other: object) -> bool:
        return compared(self) == compared(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: object) -> int:
        return hash(hashed(self))

    cls.__eq__ = __eq__  # type: ignore[assignment]
    cls.__hash__ = __hash__ if frozen else None  # type: ignore[assignment]


def _shared(cls: type, *, eq: bool = True, frozen: bool = False, **options: bool) -> type:
    own = vars(cls)
    shows = options.pop("repr", True) and "__repr__" not in own
    compares = eq and not {"__eq__", "__hash__"} & own.keys()
    make = dataclasses.dataclass(repr=False, eq=eq and not compares, frozen=frozen, **options)
    made = cast("Callable[[type], type]", make)(cls)
    fields = dataclasses.fields(made)
    if shows:
        _share_repr(made, tuple([field.name for field in fields if field.repr]))
    if compares:
        _share_comparison(made, fields, frozen)
    return made


if not TYPE_CHECKING:

    def dataclass(**options: bool) -> Callable[[type], type]:
        """As `dataclasses.dataclass`."""
        return lambda cls: _shared(cls, **options)
