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
    reason = "timed out" if isinstance(error, TimeoutError) else _words(error)
    return NotConnected(f"cannot connect: {reason}", connection=f"tcp://{endpoint.host}:{endpoint.port}")


def was_lost(error: Exception | None, endpoint: Endpoint) -> RemoteDisconnect:
    """A link that was up ended: closed by the other side (no error) or broken."""
    reason = "closed by the other side" if error is None else _words(error)
    return RemoteDisconnect(f"connection lost: {reason}", connection=f"tcp://{endpoint.host}:{endpoint.port}")


def _words(error: Exception) -> str:
    """What happened. Of TLS without the place in OpenSSL's source, and with what the certificate lacks."""
    verdict: str | None = getattr(error, "verify_message", None)  # of ssl.SSLCertVerificationError
    if verdict is not None:
        return f"the broker's certificate is not accepted: {verdict}"
    reason: str | None = getattr(error, "reason", None)  # of ssl.SSLError
    if isinstance(reason, str):
        return f"TLS: {reason.replace('_', ' ').lower()}"
    return str(error) or type(error).__name__
