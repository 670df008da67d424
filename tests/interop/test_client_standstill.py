"""Processes that stand still longer than the time to live (SIGSTOP): whoever wakes up first reads what came, then judges."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
from tests.interop.client_traffic import IMPATIENT, errors, finish, report, streams

from corewire_server.demo.broker import BrokerProcess
from corewire_server.demo.cutting import Cutter
from corewire_server.demo.traffic import Traffic, World
from corewire_server.proxy import Proxy

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
STILL_S = 5.0  # more than twice the time to live


def test_a_broker_that_stood_still_gives_nobody_up(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "data") as broker, Proxy(broker.address) as proxy:
        url = f"tcp://127.0.0.1:{proxy.port}?{IMPATIENT}"
        traffics = [Traffic(world, url, streams(world, ids=False)) for world in World]
        for traffic in traffics:
            traffic.start()
        try:
            cutter = Cutter(proxy, traffics)
            cutter.await_progress()
            os.kill(broker.pid, signal.SIGSTOP)
            time.sleep(STILL_S)  # it is what is tested
            os.kill(broker.pid, signal.SIGCONT)
            cutter.await_progress()
        finally:
            finish(traffics)
    for traffic in traffics:
        report(traffic, "broker stopped")
        assert not [broken for ledger in traffic.ledgers for broken in ledger.broken]
        assert not errors(traffic)
        assert not traffic.recreated_sessions
