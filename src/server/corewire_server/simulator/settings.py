"""How the clients of a history are configured: each by itself, with every option that a broker of ours has something to do with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from corewire.client.config import ClientConfig, Endpoint, LoadBalancing
from corewire_server.simulator.node import CLIENT_PORT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

TTL_S_MAX: Final = 10.0
SELDOM: Final = 0.2  # how probable each change of `vary` is
SHARED_ID: Final = "team"  # of all clients that share one
LARGE_FROM: Final = 1000  # bytes from which some clients send a message as a large one


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


def vary(rng: Random, config: ClientConfig, name: str) -> ClientConfig:
    """Change some of what hardly anybody changes, of a client called ``name``. Its options must not contradict each other."""
    for change in _CHANGES:
        if rng.random() < SELDOM:
            config = replace(config, **change(rng, config))
    if rng.random() < SELDOM:
        shared = rng.random() < 0.5
        config = replace(config, client_id=SHARED_ID if shared else name, enable_shared_client_id=shared)
    return config


def identify(config: ClientConfig, users: Mapping[str, str]) -> ClientConfig:
    """Let a client come as one of those whom the broker knows, if it asks."""
    for user, password in users.items():
        return replace(config, user=user, password=password)
    return config


def _as_artemis_has_it(rng: Random, config: ClientConfig) -> dict[str, Any]:
    """What is not said is as with Artemis: whoever loses the link is told so at once. Exactly-once would contradict."""
    if config.exactly_once:
        return {}
    kept = {"confirmation_window_bytes": None, "retry_interval_s": 2.0, "retry_interval_multiplier": 1.0}
    return {"resilient": False, "reconnect_attempts": 0, "failover_attempts": rng.choice((0, 2)), **kept}


def _without_topology(rng: Random, config: ClientConfig) -> dict[str, Any]:
    """Half of them know one node, and never learn of the other."""
    known = config.endpoints if rng.random() < 0.5 else (rng.choice(config.endpoints),)
    return {"ha": False, "endpoints": known, "explicit": config.explicit | {"ha"}}


def _without_checks(rng: Random, config: ClientConfig) -> dict[str, Any]:
    """As in the blocking world. With a window and without a limit a broker would keep the session of a dead client for ever."""
    unlimited = config.confirmation_window_bytes is None and rng.random() < 0.7
    return {"client_failure_check_period_s": None, **({"connection_ttl_s": None} if unlimited else {})}


def _compressed(rng: Random, config: ClientConfig) -> dict[str, Any]:
    """Our broker has no large messages; those that are small when they are compressed are none."""
    level = rng.choice((-1, 1, 9))
    return {"compress_large_message": True, "compression_level": level, "large_message_bytes_min": LARGE_FROM}


def _impatient(rng: Random, config: ClientConfig) -> dict[str, Any]:
    """A dial takes no longer, and the pauses between dials do not grow, or grow far."""
    endpoints = tuple(replace(each, connect_timeout_s=rng.choice((0.5, 5.0))) for each in config.endpoints)
    return {"endpoints": endpoints, "retry_interval_s_max": rng.choice((0.05, 5.0))}


_CHANGES: Final[tuple[Callable[[Random, ClientConfig], dict[str, Any]], ...]] = (
    _as_artemis_has_it,
    _without_topology,
    _without_checks,
    _compressed,
    _impatient,
    lambda rng, config: {"initial_connect_attempts": rng.choice((1, 3))},
    lambda rng, config: {"producer_rate_max": rng.choice((1, 5))},
    lambda rng, config: {"consumer_rate_max": rng.choice((1, 5))},
)
