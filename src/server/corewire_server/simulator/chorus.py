"""Several observers as one. Each hears only what it overrides, so that what nobody wants to know costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from corewire_server.simulator.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TOLD: Final = tuple(name for name, what in vars(Observer).items() if callable(what) and not name.startswith("_"))


class Chorus(Observer):
    """Tells each of ``observers``, in order, what it hears."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        for name in _TOLD:
            listeners = [
                getattr(one, name) for one in observers if getattr(type(one), name) is not getattr(Observer, name)
            ]
            if len(listeners) == 1:
                setattr(self, name, listeners[0])
            elif listeners:
                setattr(self, name, _all(listeners))


def _all(listeners: list[Callable[..., None]]) -> Callable[..., None]:
    def tell(*args: object, **options: object) -> None:
        for one in listeners:
            one(*args, **options)

    return cast("Callable[..., None]", tell)
