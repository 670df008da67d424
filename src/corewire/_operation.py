"""The pending answer to one command: what an engine gives to a caller who will wait outside of it."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Operation(Generic[T_co]):
    """
    The pending answer to one command. It ends once, with a value or with an error.

    Drivers and callers read ``done`` and ``error`` and call ``result()``; ``succeed`` and ``fail`` belong to the engine that made it.
    """

    __slots__ = ("_value", "done", "error")

    _value: T_co
    done: bool  #: whether ``result()`` may be called
    error: Exception | None  #: what ``result()`` raises; None while pending and after a success

    def __init__(self) -> None:
        self.done = False
        self.error = None

    def __repr__(self) -> str:
        if not self.done:
            return "<Operation pending>"
        return f"<Operation {self._value!r}>" if self.error is None else f"<Operation failed: {self.error!r}>"

    def result(self) -> T_co:
        """Return the value, or raise the error that ended the operation. Only for one that is done."""
        assert self.done, "the operation is pending"
        if self.error is not None:
            raise self.error
        return self._value

    def succeed(self: Operation[T], value: T) -> None:
        """End with a value."""
        assert not self.done, "an operation ends once"
        self._value = value
        self.done = True  # last: other threads look at it

    def fail(self, error: Exception) -> None:
        """End with an error."""
        assert not self.done, "an operation ends once"
        self.error = error
        self.done = True
