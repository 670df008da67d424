"""``connect`` for one thread that turns the engine itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire_transports._settings import check_ways, make_engine, read_settings
from corewire_transports.blocking._driver import Driver
from corewire_transports.blocking.client import Client
from corewire_transports.blocking.received import ReceivedMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from ssl import SSLContext

    from corewire import ClientConfig, Interceptor
    from corewire.events import ClientEvent

__all__ = ["connect"]


def connect(
    url: str | ClientConfig = "tcp://localhost:61616",
    /,
    *,
    user: str | None = None,
    password: str | None = None,
    client_id: str | None = None,
    ssl_context: SSLContext | None = None,
    on_event: Callable[[ClientEvent], None] | None = None,
    interceptors: Sequence[Interceptor] = (),
) -> Client:
    """Connect: for the length of a block, or until ``close()``. Keywords win over the URL.

    ``client_id`` belongs to one client at a time: another one with it raises DuplicateMetadata. Give each its own, or let them share
    it with ``enableSharedClientID=true`` on the URL.
    With ``ssl_context`` every link is encrypted as it says; then of the keys for TLS only ``sniHost`` counts.
    ``on_event`` is called for every event, in order, before callers see its effects; it must not block or call the client.
    ``interceptors`` see every message, in this order, and may change it or keep it back; see `corewire.Interceptor`.
    Raises ConfigError, NotConnected, CallTimeout, SecurityError.
    """
    config = read_settings(url, user=user, password=password, client_id=client_id)
    check_ways(config, ssl_context)
    driver = Driver(make_engine(config.for_blocking(), ReceivedMessage, interceptors), on_event, ssl_context)
    driver.start()
    return Client(driver)
