"""The client's cases with their full counts, in every world, with our broker and a real one. ``COREWIRE_ROUNDS``: of what runs in invented
time or on one broker in the tests' process."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.interop import client_deadline_lanes
from tests.interop.test_client_deadlines import Stage, at_a_real_one, at_ours
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
