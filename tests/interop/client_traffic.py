"""Our clients' traffic through a proxy that spoils it, and what the ledgers say in the end."""

from __future__ import annotations

import time
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

from corewire_server.demo.cutting import Cutter, await_progress, kill_and_restart
from corewire_server.demo.ledger import Ledger, Way
from corewire_server.demo.traffic import Traffic, World
from corewire_server.proxy import Ending, Proxy

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from corewire_server.demo.broker import BrokerProcess

WINDOW = "resilient=true&blockOnAcknowledge=true"
NO_WINDOW = "confirmationWindowSize=-1&reconnectAttempts=-1&ha=true&retryInterval=100&blockOnAcknowledge=true"
IMPATIENT = f"{WINDOW}&connectionTTL=2000&clientFailureCheckPeriod=500"
DRAIN_S = 60.0  # on a busy machine
_names = count()


def streams(world: World, *, ids: bool) -> list[Ledger]:
    """One stream of each way, on queues of their own."""
    return [Ledger(f"{world.value}.{way.name.lower()}.{next(_names)}", way, ids) for way in Way]


def cut(
    address: tuple[str, int],
    world: World,
    cuts: int,
    *,
    ids: bool,
    options: str = WINDOW,
    ending: Ending | None = None,
) -> Traffic:
    """Let traffic of a world run through so many cuts. Raises StandsStill."""
    with Proxy(address, seed=cuts) as proxy:
        traffic = Traffic(world, f"tcp://127.0.0.1:{proxy.port}?{options}", streams(world, ids=ids))
        traffic.start()
        try:
            cutter = Cutter(proxy, [traffic])
            await_progress([traffic])
            for _ in range(cuts):
                cutter.cut(ending)
        finally:
            finish([traffic])
        assert proxy.cuts >= cuts
    report(traffic, f"{cuts} {'cuts' if ending is None else ending.value}")
    return traffic


def kill(broker: BrokerProcess, rounds: int, *, with_ids: Container[World]) -> list[Traffic]:
    """Let traffic of all worlds run while the broker is killed and started again. Raises StandsStill."""
    with broker, Proxy(broker.address) as proxy:
        url = f"tcp://127.0.0.1:{proxy.port}?{WINDOW}"
        traffics = [Traffic(world, url, streams(world, ids=world in with_ids)) for world in World]
        for traffic in traffics:
            traffic.start()
        try:
            for _ in range(rounds):
                await_progress(traffics)
                kill_and_restart(broker, proxy)
            await_progress(traffics)
        finally:
            finish(traffics)
    for traffic in traffics:
        report(traffic, f"{rounds} kills")
    return traffics


def finish(traffics: Sequence[Traffic]) -> None:
    """Stop the producers and wait until everything is here."""
    for traffic in traffics:
        traffic.stop()
    deadline = time.monotonic() + DRAIN_S
    for traffic in traffics:
        traffic.join(deadline)


def forgive(traffic: Traffic, *, in_order: bool = True) -> None:
    """Strike out what a broker not ours may do, and what a command under way at a cut explains. Not ``in_order``: what the old
    session held comes late, because a new one may be served before the broker has given the old one up."""
    for ledger in traffic.ledgers:
        ledger.doubled[:] = [number for number in ledger.doubled if number not in ledger.at_cut]
        if not in_order:
            ledger.disorder[:] = [pair for pair in ledger.disorder if pair[0] not in ledger.at_cut]


def errors(traffic: Traffic) -> Counter[str]:
    """What was raised to whom, by name."""
    return sum((ledger.errors for ledger in traffic.ledgers), Counter[str]())


def report(traffic: Traffic, what: str) -> None:
    """One line with the counts, for whoever runs the tests with -s."""
    ledgers = traffic.ledgers
    counts = {
        "sent": sum(ledger.begun for ledger in ledgers),
        "confirmed": sum(len(ledger.confirmed) for ledger in ledgers),
        "delivered": sum(len(ledger.came) for ledger in ledgers),
        "lost": sum(len(ledger.lost) for ledger in ledgers),
        "doubled": sum(len(ledger.doubled) for ledger in ledgers),
        "out of order": sum(len(ledger.disorder) for ledger in ledgers),
        "redelivered": sum(len(ledger.redelivered) for ledger in ledgers),
        "sent again": sum(len(ledger.sent_again) for ledger in ledgers),
        "re-attachments": len(traffic.reattachments),
        "sessions made anew": traffic.recreated_sessions,
        **errors(traffic),
    }
    print(f"\n{traffic.world.value}, {what}: {', '.join(f'{name} {number}' for name, number in counts.items())}")
