"""Peers that lie, whole (cases.md 15): every lie of a broker, in every world and way, and the time that lies of clients cost others."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from statistics import median
from typing import TYPE_CHECKING

import pytest
from tests.interop.lying_broker import ANSWERS, lies_of
from tests.interop.test_lying_peers import WAYS, liars, lie_to_all
from tests.interop.worlds import World

from corewire_transports.threads import connect

if TYPE_CHECKING:
    from pathlib import Path

    from tests.interop.ours import OurBroker

    from corewire_transports.threads import Session

SETTLED_S = 10.0
ROUNDS = 5
SLOWER_MAX = 3.0  # times the p99 of a broker that nobody lies to


@pytest.mark.parametrize("broker", ["our_broker", "artemis"])
def test_all_lies_leave_nothing(request: pytest.FixtureRequest, broker: str, tmp_path: Path) -> None:
    told = [(lie, way) for packet in ANSWERS for lie in lies_of(packet) for way in WAYS]
    lie_to_all(request.getfixturevalue(broker).port, tmp_path, dict.fromkeys(World, told), SETTLED_S)


def test_others_hardly_notice_five_hundred_liars(our_broker: OurBroker) -> None:
    """All are connected, and one lies right before each send, which waits for what that costs; as many sends before have nobody."""
    with connect(our_broker.url) as client, client.session() as session:
        session.create_queue("honest")
        rounds = [slower(our_broker.port, session) for _ in range(ROUNDS)]
    print("\np99 of an honest client, times that of an idle broker:", *(f"{times:.2f}" for times in rounds))
    assert median(rounds) < SLOWER_MAX


def slower(port: int, session: Session) -> float:
    """By how many times."""
    with ExitStack() as stack:
        words = liars()
        links = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30)) for _ in words]
        idle = [send_s(session) for _ in words]
        meanwhile: list[float] = []
        for link, word in zip(links, words, strict=True):
            link.sendall(word)
            meanwhile.append(send_s(session))
    return p99(meanwhile) / p99(idle)


def send_s(session: Session) -> float:
    """Seconds of a durable send."""
    began = time.perf_counter()
    session.send("honest", b"x")
    return time.perf_counter() - began


def p99(values: list[float]) -> float:
    return sorted(values)[len(values) * 99 // 100]
