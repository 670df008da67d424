"""``connect`` for asyncio and trio, through anyio: a block, because it owns tasks."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from corewire_transports._settings import check_ways, is_plain, make_engine, read_settings
from corewire_transports.anyio._driver import Driver
from corewire_transports.anyio.client import Client
from corewire_transports.anyio.received import ReceivedMessage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager
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
) -> AbstractAsyncContextManager[Client]:
    """Connect for the length of a block. Keywords win over the URL. What the block raises leaves it as itself.

    ``client_id`` belongs to one client at a time: another one with it raises DuplicateMetadata. Give each its own, or let them share
    it with ``enableSharedClientID=true`` on the URL.
    With ``ssl_context`` every link is encrypted as it says; then of the keys for TLS only ``sniHost`` counts.
    ``on_event`` is called for every event, in order, before callers see its effects; it must not block or call the client.
    ``interceptors`` see every message, in this order, and may change it or keep it back; see `corewire.Interceptor`.
    Raises ConfigError; entering raises it too, for stores that cannot be read, and NotConnected, CallTimeout, SecurityError.
    """
    config = read_settings(url, user=user, password=password, client_id=client_id)
    return _connected(config, ssl_context, on_event, interceptors)


@asynccontextmanager
async def _connected(
    config: ClientConfig,
    ssl_context: SSLContext | None,
    on_event: Callable[[ClientEvent], None] | None,
    interceptors: Sequence[Interceptor],
) -> AsyncGenerator[Client, None]:
    if not is_plain(config):
        await anyio.to_thread.run_sync(check_ways, config, ssl_context)
    error: BaseException | None = None
    try:
        async with anyio.create_task_group() as tasks:
            driver = Driver(make_engine(config, ReceivedMessage, interceptors), on_event, tasks, ssl_context)
            client = Client(driver)
            try:
                await driver.start()
                async with client:
                    yield client
            except anyio.get_cancelled_exc_class():
                raise  # the task group must see it
            except BaseException as caught:  # noqa: BLE001  # raised again below, outside of the task group
                error = caught
            finally:
                await driver.close()
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:  # a task of the driver failed
        if error is None:
            raise _only(group) from None
    if error is not None:
        raise error


def _only(error: BaseException) -> BaseException:
    """What one task raised, without the groups that its task groups put around it."""
    parts: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    return _only(parts[0]) if len(parts) == 1 else error
