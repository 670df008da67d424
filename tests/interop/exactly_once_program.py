"""
One load in one world as a program of its own: ``python -m tests.interop.exactly_once_program URL WORLD NAME``.

Answers each line with ``PROGRESS number``, ends at the line ``stop``, and then says ``RESULT number``: how many numbers there are. An
exception of the application ends it.
"""

from __future__ import annotations

import sys
import threading

import anyio
from tests.interop.exactly_once_load import Load, run
from tests.interop.worlds import World

from corewire import AckMode

#: Each world settles what it received in another way.
MODES = {
    World.ASYNCIO: AckMode.AUTO,
    World.TRIO: AckMode.CLIENT,
    World.THREADS: AckMode.INDIVIDUAL,
    World.BLOCKING: AckMode.DUPS_OK,
}


def main(url: str, world: World, name: str) -> None:
    """See the module."""
    load = Load(url, name, MODES[world])

    def listen() -> None:
        while sys.stdin.readline().strip() != "stop":
            print(f"PROGRESS {load.progress}", flush=True)
        load.stopping = True

    threading.Thread(target=listen, daemon=True).start()
    if world.is_async:
        anyio.run(run, load, backend=world.value)
    else:
        world.own(run)(load)
    print(f"RESULT {load.sent}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], World(sys.argv[2]), sys.argv[3])
