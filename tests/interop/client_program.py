"""Our client's traffic as a program of its own, to be stopped: ``python -m tests.interop.client_program URL WORLD``.

Says READY when messages have come, ends when a line is read, and prints what the ledgers say as JSON.
"""

from __future__ import annotations

import json
import sys

from tests.interop.client_traffic import errors, finish, forgive, streams

from corewire_server.demo.cutting import await_progress
from corewire_server.demo.traffic import Traffic, World


def main(url: str, world: World) -> None:
    """Run until a line comes."""
    traffic = Traffic(world, url, streams(world, ids=False))
    traffic.start()
    await_progress([traffic])
    print("READY", flush=True)
    sys.stdin.readline()
    try:
        await_progress([traffic])
    finally:
        finish([traffic])
    said = {"broken": broken(traffic), "errors": errors(traffic), "recreated": traffic.recreated_sessions}
    forgive(traffic, in_order=False)
    print(json.dumps(said | {"reattached": len(traffic.reattachments), "unexplained": broken(traffic)}))


def broken(traffic: Traffic) -> list[str]:
    """What the ledgers say."""
    return [line for ledger in traffic.ledgers for line in ledger.broken]


if __name__ == "__main__":
    main(sys.argv[1], World(sys.argv[2]))
