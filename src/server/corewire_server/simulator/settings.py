"""How the clients of a history are configured: each by itself, with every option that a broker of ours has something to do with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from corewire.client.config import ClientConfig, Endpoint, LoadBalancing
from corewire_server.simulator.node import CLIENT_PORT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

TTL_S_MAX: Final = 10.0


def draw_config(rng: Random, hosts: Sequence[str], *, exactly_once: bool = False) -> ClientConfig:
    """Draw one. Half of them are as resilient as the documentation advises, and some, or all, want exactly-once."""
    ttl_s = rng.choice((6.0, TTL_S_MAX))
    kind = rng.choice(("advised", "advised", "advised", "unusual", "unusual", "exactly-once"))
    if exactly_once:
        kind = "exactly-once"
    windows = (1_048_576, 1_048_576, 600) if kind != "unusual" else (1_048_576, 600, None)
    return ClientConfig(
        endpoints=tuple(Endpoint(host=host, port=CLIENT_PORT) for host in hosts),
        resilient=True,
        exactly_once=kind == "exactly-once",
        initial_connect_attempts=None,
        connection_ttl_s=ttl_s,
        client_failure_check_period_s=ttl_s / 2,
        call_timeout_s=rng.choice((5.0, 30.0)),
        producer_window_bytes=rng.choice((65_536, 65_536, 1000) if kind == "advised" else (65_536, 1000, None)),
        confirmation_window_bytes=rng.choice(windows),
        consumer_window_bytes=rng.choice((1_048_576, 1_048_576, 400, 0, None)),
        explicit=frozenset({"confirmation_window_bytes"}),
        **(_unusual(rng) if kind == "unusual" else {}),
    )


def _unusual(rng: Random) -> dict[str, Any]:
    """What few applications change."""
    attempts = rng.choice((None, None, None, 4))
    return {
        "block_on_durable_send": rng.random() < 0.7,
        "block_on_non_durable_send": rng.random() < 0.3,
        "block_on_acknowledge": rng.random() < 0.5,
        "dups_ok_batch_bytes": rng.choice((1_048_576, 300)),
        "transaction_batch_bytes": rng.choice((1_048_576, 300)),
        "resend_bytes_max": rng.choice((67_108_864, 20_000)),
        "call_failover_timeout_s": rng.choice((30.0, 5.0, None)),
        "reconnect_attempts": attempts,
        "failover_attempts": 0 if attempts is None else rng.choice((0, 2)),
        "retry_interval_s": rng.choice((0.01, 0.1, 1.0)),
        "retry_interval_multiplier": rng.choice((1.5, 2.0)),
        "use_topology_for_load_balancing": rng.random() < 0.5,
        "load_balancing": rng.choice(list(LoadBalancing)),
    }
