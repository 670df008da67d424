"""The client's cases with their full counts, in every world, with our broker and a real one. ``COREWIRE_ROUNDS``: of what runs in invented
time or on one broker in the tests' process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.interop import client_deadline_lanes, exactly_once_kills
from tests.interop.exactly_once_kills import Program
from tests.interop.test_client_deadlines import Stage, at_a_real_one, at_ours
from tests.interop.test_client_sharing import share
from tests.interop.test_client_standstill import STILL_S, freeze
from tests.interop.worlds import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.interop.artemis import Artemis
    from tests.interop.ours import OurBroker

ROOT = Path(__file__).parent.parent.parent
CASES = [
    "tests/engine/test_client_cases.py",
    "tests/transports/worlds/test_cases.py",
    "tests/transports/worlds/test_failures.py",
    "tests/transports/worlds/test_resources.py",
]
QUESTIONS, DELAY_S, LEFT_AFTER_S, SETTLED_S = 300, 0.15, 0.4, 2.0
ARRIVALS = 3_000
SHARED, SILENCE_S = 1_000, 4.0
EXACT = "exactlyOnce=true&connectionTTL=2000&clientFailureCheckPeriod=500&initialConnectAttempts=-1"


def test_cases_of_the_client_with_full_counts() -> None:
    environment = {"COREWIRE_ROUNDS": "300", **os.environ}
    command = [sys.executable, "-X", "dev", "-W", "error", "-m", "pytest", "-q", *CASES]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    print(done.stdout[-2000:])
    assert done.returncode == 0, done.stdout[-5000:]


def test_questions_that_are_left_leave_nothing(artemis: Artemis) -> None:
    brokers: list[Callable[[], AbstractContextManager[Stage]]] = [at_ours, partial(at_a_real_one, artemis)]

    def ask(broker: Callable[[], AbstractContextManager[Stage]], world: World) -> None:
        lane = client_deadline_lanes.the_next_question_gets_its_own_answer
        with broker() as stage:
            stage.proxy.slow(delay_s=DELAY_S)
            name = f"questions.{world.value}"
            world.run(lane, stage.url, name, QUESTIONS, 1, LEFT_AFTER_S, stage.opened, SETTLED_S)

    with ThreadPoolExecutor(len(brokers) * len(World)) as pool:
        for asked in [pool.submit(ask, *both) for both in product(brokers, World)]:
            asked.result()


@pytest.mark.parametrize("world", World, ids=lambda world: world.value)
def test_what_comes_at_the_deadline_comes_once(world: World, our_broker: OurBroker, artemis: Artemis) -> None:
    lane = client_deadline_lanes.a_message_that_comes_at_the_deadline_is_not_lost
    with ThreadPoolExecutor() as pool:
        receiving = [
            pool.submit(world.run, lane, broker.url, f"deadlines.{world.value}", ARRIVALS, 1)
            for broker in (our_broker, artemis)
        ]
        for received in receiving:
            received.result()


def test_under_exactly_once_clients_that_stood_still_lose_and_double_nothing(
    our_broker: OurBroker, artemis: Artemis
) -> None:
    """Applications that handle no exception, at both brokers at once; one may give them up. A Java client judges."""
    programs = {
        Program(
            f"still.{world.value}", "exactly_once_program", f"{url}?{EXACT}", world.value, f"still.{world.value}"
        ): url
        for url in (our_broker.url, artemis.url)
        for world in World
    }
    try:
        exactly_once_kills.await_progress([*programs])
        freeze(STILL_S, *(program.pid for program in programs))
        exactly_once_kills.await_progress([*programs])
        counts: dict[str, dict[str, int]] = defaultdict(dict)
        for program, url in programs.items():
            count = program.stop()
            counts[url] |= {f"{program.name}.kept": count, f"{program.name}.passed-on": count}
    finally:
        for program in programs:
            program.close()
    judged = [each for url, wanted in counts.items() for each in exactly_once_kills.judge(url, wanted)]
    print("", *judged, sep="\n")
    assert len(judged) == 2 * len(programs)
    assert all(each.right for each in judged)


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
@pytest.mark.parametrize("broker", ["our_broker", "artemis"])
def test_sixteen_threads_send_a_thousand_bodies_each(
    request: pytest.FixtureRequest, broker: str, encrypted: bool, tmp_path: Path
) -> None:
    port: int = request.getfixturevalue(broker).port
    folder = tmp_path if encrypted else None
    share(("127.0.0.1", port), f"shared.{encrypted}", SHARED, SILENCE_S, folder, doubles=broker == "artemis")
