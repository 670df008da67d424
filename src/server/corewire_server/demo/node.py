"""
A node of the demo's pair: ``python -m corewire_server.demo.node``.

It is what ``corewire run --primary`` or ``--backup`` starts, but for one thing: clients are told the address of the proxy in front
of it. Else they would go past the proxy as soon as they have learned where the nodes are.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from corewire_server.config import AcceptorConfig, BrokerConfig, PairConfig
from corewire_server.runtime import program
from corewire_server.runtime.pair_service import PairService

if TYPE_CHECKING:
    from corewire_server.node.settings import PairSettings


class AnnouncedElsewhere(PairService):
    """A node that clients reach at ``announced``, ``host:port``."""

    def __init__(self, config: BrokerConfig, announced: str) -> None:
        super().__init__(config)
        self._announced = announced

    def settings(self, client_address: str, link_address: str) -> PairSettings:
        """See `PairService.settings`."""
        return replace(super().settings(client_address, link_address), client_address=self._announced)


def main(argv: list[str]) -> int:
    """Run until SIGTERM. Returns the exit code."""
    began = time.perf_counter()
    parser = argparse.ArgumentParser()
    roles = parser.add_mutually_exclusive_group(required=True)
    roles.add_argument("--primary", action="store_true")
    roles.add_argument("--backup", action="store_true")
    parser.add_argument("--announced", required=True)
    parser.add_argument("--link", type=int, required=True)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--data", type=Path, required=True)
    wanted = parser.parse_args(argv)
    config = BrokerConfig(
        data=wanted.data,
        acceptors=(AcceptorConfig(url="tcp://127.0.0.1:0"),),
        ha_policy=PairConfig(primary=wanted.primary, peer=wanted.peer, link_port=wanted.link),
    )
    make = partial(AnnouncedElsewhere, announced=wanted.announced)
    return program.run(config, say=partial(print, flush=True), began=began, make=make)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
