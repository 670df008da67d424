"""From what ``connect`` is given to a configuration and an engine: the same in all worlds."""

from __future__ import annotations

import logging
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from corewire import ClientConfig, ClientEngine
from corewire.client.url import read_url

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ssl import SSLContext

    from corewire import Delivery, Endpoint, Interceptor

__all__ = ["check_ways", "is_plain", "make_engine", "read_settings"]

logger = logging.getLogger("corewire")


def read_settings(
    url: str | ClientConfig, *, user: str | None, password: str | None, client_id: str | None
) -> ClientConfig:
    """The configuration of a client; what is given by keyword wins over the URL. Raises ConfigError."""
    if isinstance(url, str):
        if ignored := read_url(url).ignored:
            logger.info("without effect here: %s", ", ".join(ignored))
        url = ClientConfig.from_url(url)
    given: dict[str, Any] = {"user": user, "password": password, "client_id": client_id}
    given = {name: value for name, value in given.items() if value is not None}
    return replace(url, **given) if given else url


def _dialled(config: ClientConfig) -> tuple[Endpoint, ...]:
    return config.endpoints if config.discovery is None else (config.discovery.template,)


def is_plain(config: ClientConfig) -> bool:
    """Whether nothing stands between the sockets and the engine, so that ``check_ways`` has nothing to do."""
    return all(endpoint.tls is None and endpoint.socks_host is None for endpoint in _dialled(config))


def check_ways(config: ClientConfig, ssl_context: SSLContext | None) -> None:
    """Raise ConfigError for what no dial could do: stores that cannot be read, extras that are missing. Blocks to read stores."""
    for endpoint in _dialled(config):
        if endpoint.socks_host is not None:
            from corewire_transports._socks import check_proxies

            check_proxies()
        if endpoint.tls is not None and ssl_context is None:
            from corewire_transports._stores import make_context

            make_context(endpoint.tls)


def make_engine(
    config: ClientConfig, delivery: type[Delivery], interceptors: Sequence[Interceptor] = ()
) -> ClientEngine:
    """An engine that makes names like nobody else, and messages of a world's own class."""
    rng = random.Random()  # noqa: S311  # names, not secrets
    return ClientEngine(config, rng=rng, interceptors=interceptors, delivery=delivery)
