"""What a history is made of: chosen by whoever asks for it, and for the rest drawn from its seed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from corewire.values import AckMode
from corewire_server.node.settings import GateMode
from corewire_server.simulator import lacking, requests, tries, workloads
from corewire_server.simulator.clock import Clock
from corewire_server.simulator.machine import Hardware, small_journal
from corewire_server.simulator.network import Conduct
from corewire_server.simulator.settings import LARGE_FROM, SELDOM, draw_config, identify, vary
from corewire_server.simulator.workloads import Errand
from corewire_server.simulator.world import MS, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from corewire.client.config import ClientConfig
    from corewire_server.journal.writer import JournalSettings
    from corewire_server.simulator.clients import Client, Task

QUEUE: Final = "orders"  # the one that all use, unless they use a topic
TOPIC: Final = "news"
ONWARD: Final = "done"  # where tries pass on what they take
LARGE_BYTES: Final = 2000  # of the largest body, in memory; twice that on the wire
SENDING: Final = ("blocking", "asynchronous", "transacted")
SENDING_ONCE: Final = ("blocking", "asynchronous")
RECEIVING: Final = ("auto", "client", "individual", "transacted", "dups", "pre")
RECEIVING_ONCE: Final = ("auto", "client", "individual", "dups")
WORKLOADS: Final = ("send", "transact", "request", "browse", "publish", "tries", "lacking")
ONCE: Final = ("send", "browse", "publish")
"""Those of ``Options.exactly_once``, without transactions: of the others that promises less, for a transaction may be rolled back
and come again, and what is temporary goes with its session."""
_STAYING: Final = ("receive", "reply", "forward")  # first words of kinds that go on until they are told to leave


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a history should have. None: drawn from the seed."""

    nodes: int = 1  # 1 or 2
    faults: tuple[str, ...] | None = None  # kinds that may happen (``faults.KINDS``); (): none
    workload: str | None = None
    failures: int = 3  # at most so many faults, one after the other
    patient: bool | None = None  # whether a fault waits until everybody has got over the last one
    exactly_once: bool = False  # whether all clients want it, and do nothing that it promises less for (``ONCE``)
    every_option: bool = False  # whether clients have such, too, that hardly anybody changes
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
    journal: JournalSettings
    configs: list[ClientConfig]  # one for each client
    clocks: list[Clock]  # likewise
    clients: list[list[Job]]  # what each does
    gate: GateMode  # of a pair
    patient: bool  # a fault waits until everybody has got over the last one
    users: dict[str, str] = field(default_factory=dict[str, str])  # whom the broker lets in; none: everybody


def draw(rng: Random, options: Options) -> Scenario:
    """Draw a scenario."""
    clients = _jobs(rng, options)
    scenario = Scenario(
        conduct=Conduct(
            delay_us=rng.choice((20, 100, 1000)),
            jitter_us=rng.choice((20, 300, 3000)),
            pieces=rng.choice((0.0, 0.0, 0.1, 0.5)),
        ),
        hardware=[_hardware(rng) for _ in range(options.nodes)],
        journal=small_journal(rng.choice((64, 64, 16 if _sizes(clients) >= LARGE_BYTES else 8))),
        configs=[_config(rng, options) for _ in clients],
        clocks=[Clock(drift_ppm=_drift(rng)) for _ in clients],
        clients=clients,
        gate=rng.choice((GateMode.DISK_AND_BACKUP, GateMode.DISK_AND_BACKUP, GateMode.BACKUP)),
        patient=rng.random() < 0.85 if options.patient is None else options.patient,
    )
    if options.every_option:  # drawn behind all else: the same seed is the same history but for this
        _vary(rng, options, scenario)
    return scenario


def _vary(rng: Random, options: Options, scenario: Scenario) -> None:
    """Change what hardly anybody changes, of each client."""
    if rng.random() < SELDOM:
        scenario.users = {"worker": "secret"}
    forgets = options.workload != "tries" and not options.exactly_once and rng.random() < SELDOM
    for number, config in enumerate(scenario.configs):
        varied = identify(vary(rng, config, f"client{number}"), scenario.users)
        if options.workload == "lacking":  # there it must be refused
            varied = replace(varied, compress_large_message=False)
            if rng.random() < SELDOM:
                varied = replace(varied, **rng.choice(({"auto_group": True}, {"group_id": "of a kind"})))
        if forgets and not varied.exactly_once and rng.random() < 0.5:
            varied = replace(varied, pre_acknowledge=True)
        scenario.configs[number] = varied
    if any(config.pre_acknowledge for config in scenario.configs):
        scenario.clients = [[_not_owed(job) for job in jobs] for jobs in scenario.clients]


def _not_owed(job: Job) -> Job:
    """What a broker forgets as it delivers it may be lost with the link, whatever was confirmed."""
    return replace(job, errand=replace(job.errand, owed=False))


def _config(rng: Random, options: Options) -> ClientConfig:
    """Of one client. Half of those that have tries keep nothing for a re-attachment: their sessions are always made anew."""
    tries = options.workload == "tries"
    config = draw_config(rng, node_names(options.nodes), exactly_once=options.exactly_once or tries)
    if tries and rng.random() < 0.5:
        config = replace(config, confirmation_window_bytes=None)
    return replace(config, large_message_bytes_min=LARGE_FROM) if options.workload == "lacking" else config


def _sizes(clients: list[list[Job]]) -> int:
    return max(job.errand.size for jobs in clients for job in jobs)


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


def queue_names(jobs: list[list[Job]]) -> tuple[str, ...]:
    """All that messages are sent to, in order."""
    return tuple(dict.fromkeys(queue for each in jobs for job in each for queue in job.errand.queues))


def node_names(nodes: int) -> tuple[str, ...]:
    """The hosts that nodes run on."""
    return ("a", "b")[:nodes]


def _jobs(rng: Random, options: Options) -> list[list[Job]]:
    if options.workload == "tries":
        return _trying(rng, options)
    drawn = ("mixed", "browse" if options.exactly_once else "request", "browse", "publish")
    workload = options.workload or rng.choices(drawn, (7, 1, 1, 2))[0]
    pause_us = rng.choice((0, 2 * MS, 40 * MS, 300 * MS))
    topic, subscribed = "", tuple[str, ...]()
    if workload == "publish":
        topic, subscribed = TOPIC, tuple(f"{TOPIC}.{number}" for number in range(2 + rng.randrange(2)))
    queues = subscribed or (QUEUE,)
    receiving: Sequence[str] = RECEIVING_ONCE if options.exactly_once else RECEIVING
    senders, receivers = 1 + rng.randrange(options.applications), 1 + rng.randrange(options.applications)
    base = Errand(name="", queue=QUEUE, topic=topic, subscribed=subscribed, pause_us=pause_us)
    taking: list[Job] = []
    for number in range(max(receivers, len(subscribed))):
        kind = "reply" if workload == "request" else "receive " + _choose(rng, receiving, workload)
        queue, batch = queues[number % len(queues)], 1 + rng.randrange(3)
        taking.append(Job(kind, replace(base, name=f"c{number}", queue=queue, batch=batch)))
    base = replace(base, owed=all(job.kind != "receive pre" for job in taking))
    jobs = [_sender(rng, options, replace(base, name=f"p{number}"), workload) for number in range(senders)]
    jobs += taking
    if workload == "browse":
        jobs.append(Job("look", replace(base, name="l0", count=1 + rng.randrange(5))))
    return [jobs] if rng.random() < 0.3 else [[job] for job in jobs]


def _trying(rng: Random, options: Options) -> list[list[Job]]:
    """Some send in tries, some pass on in tries, and somebody takes what was passed on."""

    def errand(name: str, queue: str = QUEUE) -> Errand:
        pause_us, batch = rng.choice((0, 2 * MS, 40 * MS)), 1 + rng.randrange(3)
        return Errand(name=name, queue=queue, onward=ONWARD, pause_us=pause_us, batch=batch)

    counts = [1 + rng.randrange(options.applications) for _ in range(2)]
    jobs = [
        Job("try", replace(errand(f"p{number}"), count=1 + rng.randrange(options.messages)))
        for number in range(counts[0])
    ]
    jobs += [Job("forward", errand(f"f{number}")) for number in range(counts[1])]
    taking = rng.choice([kind for kind in RECEIVING if kind != "pre"])
    jobs.append(Job(f"receive {taking}", errand("c0", ONWARD)))
    return [jobs] if rng.random() < 0.3 else [[job] for job in jobs]


def _sender(rng: Random, options: Options, errand: Errand, workload: str) -> Job:
    sending = SENDING_ONCE if options.exactly_once else SENDING
    kind = {"request": "ask", "lacking": "lack"}.get(workload) or "send " + _choose(rng, sending, workload)
    errand = replace(
        errand,
        count=1 + rng.randrange(options.messages),
        batch=1 + rng.randrange(3),
        size=rng.choice((0, 0, 200, LARGE_BYTES)),
        durable=kind == "ask" or rng.random() < 0.8 or options.exactly_once,
        priorities=rng.choice((1, 1, 1, 3)),
    )
    return Job(kind, errand)


def _choose(rng: Random, kinds: Sequence[str], workload: str) -> str:
    match workload:
        case "transact":
            return "transacted"
        case "send":
            return rng.choice([kind for kind in kinds if kind != "transacted"])
        case _:
            weights = (4, 4, 4, 4, 1, 1)[: len(kinds)]  # few let the broker forget
            return rng.choices(kinds, weights)[0]


_TASKS: Final[dict[str, Callable[[Client, Errand], Task]]] = {
    "send blocking": workloads.send_blocking,
    "send asynchronous": workloads.send_asynchronously,
    "send transacted": workloads.send_in_transactions,
    "receive auto": lambda client, errand: workloads.consume(client, errand, AckMode.AUTO),
    "receive client": lambda client, errand: workloads.consume(client, errand, AckMode.CLIENT),
    "receive individual": lambda client, errand: workloads.consume(client, errand, AckMode.INDIVIDUAL),
    "receive transacted": workloads.consume_in_transactions,
    "receive dups": lambda client, errand: workloads.consume(client, errand, AckMode.DUPS_OK),
    "receive pre": lambda client, errand: workloads.consume(client, errand, AckMode.PRE),
    "ask": requests.ask,
    "reply": requests.reply,
    "try": tries.send_in_tries,
    "forward": tries.forward,
    "lack": lacking.ask_for_what_is_lacking,
    "look": requests.look,
}


def task(client: Client, job: Job) -> Task:
    """What an application does."""
    return _TASKS[job.kind](client, job.errand)
