"""What a history is made of: chosen by whoever asks for it, and for the rest drawn from its seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from corewire.client.config import ClientConfig, Endpoint
from corewire.values import AckMode
from corewire_server.node.settings import GateMode
from corewire_server.simulator import workloads
from corewire_server.simulator.clock import Clock
from corewire_server.simulator.machine import Hardware
from corewire_server.simulator.network import Conduct
from corewire_server.simulator.node import CLIENT_PORT
from corewire_server.simulator.workloads import Errand
from corewire_server.simulator.world import MS, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from corewire_server.simulator.clients import Client, Task

SENDING: Final = ("blocking", "asynchronous", "transacted")
RECEIVING: Final = ("auto", "client", "individual", "transacted")
WORKLOADS: Final = ("send", "transact")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a history should have. None: drawn from the seed."""

    nodes: int = 1  # 1 or 2
    faults: tuple[str, ...] | None = None  # kinds that may happen (``faults.KINDS``); (): none
    workload: str | None = None
    failures: int = 3  # at most so many faults, one after the other
    patient: bool | None = None  # whether a fault waits until everybody has got over the last one
    messages: int = 8  # a producer sends at most so many
    applications: int = 2  # at most so many producers, and as many consumers
    patience_us: int = 300 * SECOND  # of the calm, in the world's time


@dataclass(frozen=True, slots=True)
class Job:
    """One application: which of those in ``workloads``, and what it is told."""

    kind: str
    errand: Errand


@dataclass(slots=True)
class Scenario:
    """All that is drawn before the history begins."""

    conduct: Conduct
    hardware: list[Hardware]
    config: ClientConfig
    clocks: list[Clock]  # one for each client
    clients: list[list[Job]]  # what each does
    gate: GateMode  # of a pair
    patient: bool  # a fault waits until everybody has got over the last one
    queues: list[str] = field(default_factory=lambda: ["orders"])


def draw(rng: Random, options: Options) -> Scenario:
    """Draw a scenario."""
    clients = _jobs(rng, options)
    return Scenario(
        conduct=Conduct(
            delay_us=rng.choice((20, 100, 1000)),
            jitter_us=rng.choice((20, 300, 3000)),
            pieces=rng.choice((0.0, 0.0, 0.1, 0.5)),
        ),
        hardware=[_hardware(rng) for _ in range(options.nodes)],
        config=_config(rng, options),
        clocks=[Clock(drift_ppm=_drift(rng)) for _ in clients],
        clients=clients,
        gate=rng.choice((GateMode.DISK_AND_BACKUP, GateMode.DISK_AND_BACKUP, GateMode.BACKUP)),
        patient=rng.random() < 0.85 if options.patient is None else options.patient,
    )


def _drift(rng: Random) -> int:
    return rng.choice((0, 0, 50, -50, 10_000, -10_000))


def _hardware(rng: Random) -> Hardware:
    return Hardware(
        sync_us=rng.choice((50, 300, 3000)),
        write_us=rng.choice((20, 300)),
        turn_us=rng.choice((10, 100, 1000)),
        write_limit_bytes=rng.choice((1 << 20, 1 << 20, 2048)),
        clock=Clock(rng.choice((0, 0, -90_000, 90_000)), _drift(rng)),
    )


def _config(rng: Random, options: Options) -> ClientConfig:
    ttl_s = rng.choice((6.0, 10.0))
    return ClientConfig(
        endpoints=tuple(Endpoint(host=name, port=CLIENT_PORT) for name in node_names(options.nodes)),
        resilient=True,
        initial_connect_attempts=None,
        connection_ttl_s=ttl_s,
        client_failure_check_period_s=ttl_s / 2,
        call_timeout_s=rng.choice((5.0, 30.0)),
        producer_window_bytes=rng.choice((65_536, 65_536, 1000)),
        confirmation_window_bytes=rng.choice((1_048_576, 1_048_576, 600)),
        consumer_window_bytes=rng.choice((1_048_576, 1_048_576, 400, 0)),
        explicit=frozenset({"confirmation_window_bytes"}),
    )


def node_names(nodes: int) -> tuple[str, ...]:
    """The hosts that nodes run on."""
    return ("a", "b")[:nodes]


def _jobs(rng: Random, options: Options) -> list[list[Job]]:
    jobs: list[Job] = []
    pause_us = rng.choice((0, 2 * MS, 40 * MS, 300 * MS))
    for number in range(1 + rng.randrange(options.applications)):
        kind = _choose(rng, SENDING, options.workload)
        errand = Errand(
            name=f"p{number}",
            queue="orders",
            count=1 + rng.randrange(options.messages),
            pause_us=pause_us,
            batch=1 + rng.randrange(3),
            size=rng.choice((0, 0, 200, 2000)),
        )
        jobs.append(Job("send " + kind, errand))
    for number in range(1 + rng.randrange(options.applications)):
        kind = _choose(rng, RECEIVING, options.workload)
        errand = Errand(name=f"c{number}", queue="orders", pause_us=pause_us, batch=1 + rng.randrange(3))
        jobs.append(Job("receive " + kind, errand))
    if rng.random() < 0.3:
        return [jobs]
    return [[job] for job in jobs]


def _choose(rng: Random, kinds: tuple[str, ...], workload: str | None) -> str:
    kind = rng.choice(kinds)
    return "transacted" if workload == "transact" else kind


_TASKS: Final[dict[str, Callable[[Client, Errand], Task]]] = {
    "send blocking": workloads.send_blocking,
    "send asynchronous": workloads.send_asynchronously,
    "send transacted": workloads.send_in_transactions,
    "receive auto": lambda client, errand: workloads.consume(client, errand, AckMode.AUTO),
    "receive client": lambda client, errand: workloads.consume(client, errand, AckMode.CLIENT),
    "receive individual": lambda client, errand: workloads.consume(client, errand, AckMode.INDIVIDUAL),
    "receive transacted": workloads.consume_in_transactions,
}


def task(client: Client, job: Job) -> Task:
    """What an application does."""
    return _TASKS[job.kind](client, job.errand)
