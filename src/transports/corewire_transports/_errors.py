"""What the operating system says, as an error of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from corewire.errors import NotConnected, RemoteDisconnect

if TYPE_CHECKING:
    from corewire import Endpoint

__all__ = ["not_reached", "was_lost"]


def not_reached(error: Exception, endpoint: Endpoint) -> NotConnected:
    """Dialling failed: refused, timed out, unknown host. What stands behind a general error says more."""
    cause: BaseException | None = error.__cause__
    while isinstance(cause, BaseExceptionGroup):  # anyio tries several addresses
        cause = cast("BaseExceptionGroup[BaseException]", cause).exceptions[-1]
    error = cause if isinstance(cause, OSError) else error
    reason = "timed out" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return NotConnected(f"cannot connect: {reason}", connection=f"tcp://{endpoint.host}:{endpoint.port}")


def was_lost(error: Exception | None, endpoint: Endpoint) -> RemoteDisconnect:
    """A link that was up ended: closed by the other side (no error) or broken."""
    reason = "closed by the other side" if error is None else str(error) or type(error).__name__
    return RemoteDisconnect(f"connection lost: {reason}", connection=f"tcp://{endpoint.host}:{endpoint.port}")
