"""
One part of a crowd as a program of its own: ``python -m tests.interop.crowd_program URL WORLD NAME feed|work WORKERS``.

Answers each line with ``PROGRESS number``, ends at the line ``stop`` (who works also waits until who feeds has told it), and then
says ``RESULT number``. An exception of the application ends it.
"""

from __future__ import annotations

import sys
import threading

import anyio
from tests.interop.crowd_load import Crowd, feed, work
from tests.interop.worlds import World


def main(url: str, world: World, name: str, role: str, workers: int) -> None:
    """See the module."""
    crowd = Crowd(url, name, workers)

    def listen() -> None:
        while sys.stdin.readline().strip() != "stop":
            print(f"PROGRESS {crowd.progress}", flush=True)
        crowd.stopping = True

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    part = feed if role == "feed" else work
    if world.is_async:
        anyio.run(part, crowd, backend=world.value)
    else:
        world.own(part)(crowd)
    listener.join()
    print(f"RESULT {crowd.progress}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], World(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5]))
