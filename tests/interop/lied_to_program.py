"""Our client as a program that is lied to: ``python -m tests.interop.lied_to_program WORLD SECONDS``.

Each line that comes is a URL to talk to. After each talk it prints, as JSON, the errors, what it holds more than before the first
(descriptors, threads, tasks), and the bytes that Python holds, now and at most since the last talk.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import sys
import threading
import tracemalloc
from functools import partial

import trio
from tests.interop import client_lies_lanes, worlds
from tests.interop.worlds import World

HOUR_S = 3600.0


def tasks(world: World) -> int:
    """Those that live in the loop that asks."""
    match world:
        case World.ASYNCIO:
            return len(asyncio.all_tasks())
        case World.TRIO:
            return trio.lowlevel.current_statistics().tasks_living
        case _:
            return 0


def held(world: World) -> list[int]:
    """What is open."""
    return [len(os.listdir("/proc/self/fd")), threading.active_count(), tasks(world)]


def next_url() -> str:
    """From standard input; empty at its end."""
    return sys.stdin.readline().strip()


def report(errors: list[str], surplus: list[int]) -> None:
    """A line about one talk."""
    gc.collect()
    now, most = tracemalloc.get_traced_memory()
    print(json.dumps({"errors": errors, "surplus": surplus, "bytes": now, "most": most}), flush=True)
    tracemalloc.reset_peak()


def main(world: World, settled_s: float) -> None:
    """Until no line comes."""
    worlds.LANE_S = HOUR_S  # it has many talks, each of which has its own time
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # slow callbacks are those of a busy machine
    tracemalloc.start()
    name = f"lies.{world.value}"
    world.run(client_lies_lanes.is_lied_to, name, next_url, partial(held, world), report, settled_s)


if __name__ == "__main__":
    main(World(sys.argv[1]), float(sys.argv[2]))
