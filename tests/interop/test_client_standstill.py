"""Processes that stand still longer than the time to live (SIGSTOP): whoever wakes up first reads what came, then judges."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.interop import client_fault_lanes
from tests.interop.client_traffic import IMPATIENT, errors, finish, report, streams
from tests.interop.test_client_cuts import EXPLAINED
from tests.interop.worlds import World as Program

from corewire_server.demo.broker import BrokerProcess
from corewire_server.demo.cutting import await_progress
from corewire_server.demo.traffic import Traffic, World
from corewire_server.proxy import Proxy

if TYPE_CHECKING:
    from tests.interop.artemis import Artemis

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent.parent
STILL_S = 6.0  # three times the time to live
HANDLER_S = 7.0  # longer than a time to live of four, and one check of a real broker's
SLEPT_S = 3.0  # longer than that and one check
MESSAGES = 5
UNNOTICED: dict[str, Any] = {"broken": [], "errors": {}, "recreated": 0, "unexplained": []}


def test_a_broker_that_stood_still_gives_nobody_up(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "data") as broker, Proxy(broker.address) as proxy:
        url = f"tcp://127.0.0.1:{proxy.port}?{IMPATIENT}"
        traffics = [Traffic(world, url, streams(world, ids=False)) for world in World]
        for traffic in traffics:
            traffic.start()
        try:
            await_progress(traffics)
            freeze(STILL_S, broker.pid)
            await_progress(traffics)
        finally:
            finish(traffics)
    for traffic in traffics:
        report(traffic, "broker stopped")
        assert not [broken for ledger in traffic.ledgers for broken in ledger.broken]
        assert not errors(traffic)
        assert not traffic.recreated_sessions


def test_clients_that_stood_still_go_on(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "data") as broker:
        for said in stand_still(STILL_S, broker.address):
            assert said["reattached"]
            assert said == UNNOTICED | {"reattached": said["reattached"]}


def test_a_real_broker_gives_them_up_and_they_begin_anew(artemis: Artemis) -> None:
    for said in stand_still(STILL_S, ("127.0.0.1", artemis.port)):
        assert not said["unexplained"]
        assert set(said["errors"]) <= EXPLAINED


def test_when_the_whole_machine_slept_nobody_is_given_up(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "data") as broker:
        for said in stand_still(SLEPT_S, broker.address, broker.pid):
            assert said == UNNOTICED | {"reattached": said["reattached"]}


def test_when_the_whole_machine_slept_nothing_is_lost_at_a_real_broker(artemis: Artemis) -> None:
    for said in stand_still(SLEPT_S, ("127.0.0.1", artemis.port), artemis.pid):
        assert not said["unexplained"]
        assert set(said["errors"]) <= EXPLAINED


def test_a_handler_that_sleeps_loses_nothing_at_a_real_broker(artemis: Artemis) -> None:
    lane = client_fault_lanes.stands_still_with_a_message_in_hand

    def run(world: Program) -> Any:
        # Twice the time to live of the others: a machine that stands still would have its pings missed in threads, too.
        url = f"{artemis.url}?{IMPATIENT.replace('connectionTTL=2000', 'connectionTTL=4000')}"
        return world.run(lane, url, f"sleeps.{world.value}", MESSAGES, HANDLER_S)

    with ThreadPoolExecutor(len(Program)) as pool:
        for world, came in zip(Program, pool.map(run, Program), strict=True):
            print(f"\n{world.value}: {len(came)} handed out")
            assert list(dict.fromkeys(came)) == [str(number) for number in range(MESSAGES)]
            assert world is not Program.THREADS or len(came) == MESSAGES


def freeze(seconds: float, *pids: int) -> None:
    """Stop processes for so long."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)  # it is what is tested
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def stand_still(still_s: float, address: tuple[str, int], *others: int) -> list[Any]:
    """What clients of all worlds say that were stopped for a while, together with other processes."""
    with ExitStack() as stack, ThreadPoolExecutor(len(World)) as pool:
        programs = [stack.enter_context(program(address, world)) for world in World]
        for each in programs:
            assert each.stdout is not None
            assert each.stdout.readline() == "READY\n"
        freeze(still_s, *others, *(each.pid for each in programs))
        said = [json.loads(text) for text in pool.map(end, programs)]
    for world, each in zip(World, said, strict=True):
        print(f"\n{world.value}: {each}")
    return said


def program(address: tuple[str, int], world: World) -> subprocess.Popen[str]:
    url = f"tcp://{address[0]}:{address[1]}?{IMPATIENT}"
    command = [sys.executable, "-m", "tests.interop.client_program", url, world.value]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def end(program: subprocess.Popen[str]) -> str:
    return program.communicate("go on and end\n", timeout=60)[0]
