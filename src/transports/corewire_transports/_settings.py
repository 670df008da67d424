"""From what ``connect`` is given to a configuration and an engine: the same in all worlds."""

from __future__ import annotations

import logging
import random
from dataclasses import replace
from typing import Any

from corewire import ClientConfig, ClientEngine
from corewire.client.url import read_url

__all__ = ["make_engine", "read_settings"]

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


def make_engine(config: ClientConfig) -> ClientEngine:
    """An engine that makes names like nobody else."""
    return ClientEngine(config, rng=random.Random())  # noqa: S311  # names, not secrets
