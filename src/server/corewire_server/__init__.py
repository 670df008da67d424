"""The broker: a sans-IO core, and a runtime around it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from corewire_server.config import AcceptorConfig, BrokerConfig, PairConfig, User
from corewire_server.node.settings import GateMode

if TYPE_CHECKING:
    from corewire_server.core.broker import Broker
    from corewire_server.runtime.embedded import Node, Serving
    from corewire_server.runtime.service import NodeFailed, NodeState

__all__ = [
    "AcceptorConfig",
    "Broker",
    "BrokerConfig",
    "GateMode",
    "Node",
    "NodeFailed",
    "NodeState",
    "PairConfig",
    "Serving",
    "User",
    "run",
    "serve",
]

_HOMES = {
    "Broker": "corewire_server.core.broker",
    "Node": "corewire_server.runtime.embedded",
    "NodeFailed": "corewire_server.runtime.service",
    "NodeState": "corewire_server.runtime.service",
    "Serving": "corewire_server.runtime.embedded",
}


def __getattr__(name: str) -> object:
    """Import on first use: the command line needs little of this most of the time."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def serve(config: BrokerConfig | None = None, /) -> Serving:
    """
    Run a broker for the length of a ``with`` or ``async with`` block. Leaving it is an orderly stop.

    Entering raises ConfigError for an address that cannot be had, and NodeFailed for a journal that cannot be read.
    """
    from corewire_server.runtime.embedded import Serving

    return Serving(config or BrokerConfig())


def run(config: BrokerConfig | None = None, /) -> int:
    """Run a broker until SIGTERM or SIGINT, in this thread. Says on stdout when it is ready. Returns the exit code."""
    began = time.perf_counter()
    from corewire_server.runtime.program import run as run_program

    return run_program(config or BrokerConfig(), say=lambda line: print(line, flush=True), began=began)  # noqa: T201
