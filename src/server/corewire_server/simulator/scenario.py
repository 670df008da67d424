"""What a history is made of: chosen by whoever asks for it, and for the rest drawn from its seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from corewire.client.config import ClientConfig, Endpoint
from corewire.values import AckMode
from corewire_server.node.settings import GateMode
from corewire_server.simulator import requests, workloads
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

QUEUE: Final = "orders"  # the one that all use
SENDING: Final = ("blocking", "asynchronous", "transacted")
RECEIVING: Final = ("auto", "client", "individual", "transacted")
WORKLOADS: Final = ("send", "transact", "request", "browse")
_STAYING: Final = ("receive", "reply")  # first words of kinds that go on until they are told to leave


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a history should have. None: drawn from the seed."""

    nodes: int = 1  # 1 or 2
    faults: tuple[str, ...] | None = None  # kinds that may happen (``faults.KINDS``); (): none
    workload: str | None = None
    failures: int = 3  # at most so many faults, one after the other
    patient: bool | None = None  # whether a fault waits until everybody has got over the last one
    exactly_once: bool = False  # what clients want
    messages: int = 8  # a producer sends at most so many
    applications: int = 2  # at most so many producers, and as many consumers
    patience_us: int = 300 * SECOND  # of the calm, in the world's time


@dataclass(frozen=True, slots=True)
class Job:
    """One application: which of those in ``workloads``, and what it is told."""

    kind: str
    errand: Errand

    @property
    def stays(self) -> bool:
        """Whether it takes what comes until it is told to leave."""
        return self.kind.split()[0] in _STAYING


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
        exactly_once=options.exactly_once,
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
    workload = options.workload or rng.choices(("mixed", "request", "browse"), (8, 1, 1))[0]
    senders, receivers = 1 + rng.randrange(options.applications), 1 + rng.randrange(options.applications)
    for number in range(senders):
        kind = "ask" if workload == "request" else "send " + _choose(rng, SENDING, workload)
        errand = Errand(
            name=f"p{number}",
            queue=QUEUE,
            count=1 + rng.randrange(options.messages),
            pause_us=pause_us,
            batch=1 + rng.randrange(3),
            size=rng.choice((0, 0, 200, 2000)),
            durable=kind != "send asynchronous" or rng.random() < 0.7 or options.exactly_once,
        )
        jobs.append(Job(kind, errand))
    for number in range(receivers):
        kind = "reply" if workload == "request" else "receive " + _choose(rng, RECEIVING, workload)
        jobs.append(Job(kind, Errand(name=f"c{number}", queue=QUEUE, pause_us=pause_us, batch=1 + rng.randrange(3))))
    if workload == "browse":
        jobs.append(Job("look", Errand(name="l0", queue=QUEUE, pause_us=pause_us, count=1 + rng.randrange(5))))
    return [jobs] if rng.random() < 0.3 else [[job] for job in jobs]


def _choose(rng: Random, kinds: tuple[str, ...], workload: str) -> str:
    match workload:
        case "transact":
            return "transacted"
        case "send":
            return rng.choice(kinds[:-1])
        case _:
            return rng.choice(kinds)


_TASKS: Final[dict[str, Callable[[Client, Errand], Task]]] = {
    "send blocking": workloads.send_blocking,
    "send asynchronous": workloads.send_asynchronously,
    "send transacted": workloads.send_in_transactions,
    "receive auto": lambda client, errand: workloads.consume(client, errand, AckMode.AUTO),
    "receive client": lambda client, errand: workloads.consume(client, errand, AckMode.CLIENT),
    "receive individual": lambda client, errand: workloads.consume(client, errand, AckMode.INDIVIDUAL),
    "receive transacted": workloads.consume_in_transactions,
    "ask": requests.ask,
    "reply": requests.reply,
    "look": requests.look,
}


def task(client: Client, job: Job) -> Task:
    """What an application does."""
    return _TASKS[job.kind](client, job.errand)
