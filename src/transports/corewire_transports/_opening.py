"""
The door of the async world: ``async with client.session() as s`` and ``s = await client.session()`` from one method.

The decorator is one line of the hand-written facade. The converter drops it; there calling the method is enough.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from types import TracebackType

__all__ = ["Opening", "opening"]

P = ParamSpec("P")


class Closable(Protocol):
    """What has an end that a block can bring about."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


T = TypeVar("T", bound=Closable)


class Opening(Generic[T]):
    """Something to be opened: by ``async with``, or by ``await`` and then closed by hand."""

    __slots__ = ("_coroutine", "_opened")

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self._opened: T | None = None

    def __await__(self) -> Generator[Any, None, T]:
        return self._coroutine.__await__()

    async def __aenter__(self) -> T:
        self._opened = await self._coroutine
        return self._opened

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._opened is not None, "left without having been entered"
        await self._opened.__aexit__(kind, error, trace)


def opening(fn: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Opening[T]]:
    """Make an async method awaitable and usable with ``async with``."""

    @wraps(fn)
    def opened(*args: P.args, **kwargs: P.kwargs) -> Opening[T]:
        return Opening(fn(*args, **kwargs))

    return opened
