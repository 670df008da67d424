"""Processes that stand still longer than the time to live (SIGSTOP): whoever wakes up first reads what came, then judges."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.interop.client_traffic import IMPATIENT, errors, finish, report, streams

from corewire_server.demo.broker import BrokerProcess
from corewire_server.demo.cutting import await_progress
from corewire_server.demo.traffic import Traffic, World
from corewire_server.proxy import Proxy

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent.parent
STILL_S = 5.0  # more than twice the time to live


def test_a_broker_that_stood_still_gives_nobody_up(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "data") as broker, Proxy(broker.address) as proxy:
        url = f"tcp://127.0.0.1:{proxy.port}?{IMPATIENT}"
        traffics = [Traffic(world, url, streams(world, ids=False)) for world in World]
        for traffic in traffics:
            traffic.start()
        try:
            await_progress(traffics)
            os.kill(broker.pid, signal.SIGSTOP)
            time.sleep(STILL_S)  # it is what is tested
            os.kill(broker.pid, signal.SIGCONT)
            await_progress(traffics)
        finally:
            finish(traffics)
    for traffic in traffics:
        report(traffic, "broker stopped")
        assert not [broken for ledger in traffic.ledgers for broken in ledger.broken]
        assert not errors(traffic)
        assert not traffic.recreated_sessions


def test_clients_that_stood_still_go_on(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "data") as broker, ThreadPoolExecutor() as pool:
        url = f"tcp://{broker.address[0]}:{broker.address[1]}?{IMPATIENT}"
        for said in pool.map(partial(stand_still, url), World):
            assert said["reattached"]
            assert said == {"broken": [], "errors": {}, "recreated": 0, "reattached": said["reattached"]}


def stand_still(url: str, world: World) -> Any:
    """What a client says that was stopped for a while."""
    command = [sys.executable, "-m", "tests.interop.client_program", url, world.value]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "READY\n"
        program.send_signal(signal.SIGSTOP)
        time.sleep(STILL_S)  # it is what is tested
        program.send_signal(signal.SIGCONT)
        return json.loads(program.communicate("go on and end\n", timeout=60)[0])
