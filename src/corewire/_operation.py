"""The pending answer to one command: what an engine gives to a caller who will wait outside of it."""

from __future__ import annotations

from typing import Generic, TypeVar, cast

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Operation(Generic[T_co]):
    """
    The pending answer to one command. It ends once, with a value or with an error.

    Drivers and callers use ``done`` and ``result()``; ``succeed`` and ``fail`` belong to the engine that made it.
    """

    __slots__ = ("_done", "_error", "_value")

    def __init__(self) -> None:
        self._done = False
        self._value: object = None
        self._error: Exception | None = None

    def __repr__(self) -> str:
        if not self._done:
            return "<Operation pending>"
        return f"<Operation {self._value!r}>" if self._error is None else f"<Operation failed: {self._error!r}>"

    @property
    def done(self) -> bool:
        """Whether ``result()`` may be called."""
        return self._done

    @property
    def error(self) -> Exception | None:
        """What ``result()`` raises; None while pending and after a success."""
        return self._error

    def result(self) -> T_co:
        """Return the value, or raise the error that ended the operation. Only for one that is done."""
        assert self._done, "the operation is pending"
        if self._error is not None:
            raise self._error
        return cast("T_co", self._value)

    def succeed(self: Operation[T], value: T) -> None:
        """End with a value."""
        assert not self._done, "an operation ends once"
        self._done = True
        self._value = value

    def fail(self, error: Exception) -> None:
        """End with an error."""
        assert not self._done, "an operation ends once"
        self._done = True
        self._error = error
