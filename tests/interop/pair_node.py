"""
A node of a pair as ``corewire run`` starts it, with what tests need and no product should have: ``python -m tests.interop.pair_node``.

``--held-back MS``: what goes to the backup lies here so long first, and dies with the process: a kill alone proves little,
because what was written to a socket still arrives. ``--gate disk``: answers do not wait for the backup. ``--digests``: print the
digests of effects and state at every hundredth step. SIGUSR1: from now on every sync of the disk fails.

All other words are those of ``corewire run``.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import signal
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.interop.pair_digests import EVERY

from corewire_server.cli.run import main
from corewire_server.core.inputs import BytesReceived, LinkOpened, Promoted
from corewire_server.node.settings import GateMode
from corewire_server.runtime import files, program
from corewire_server.runtime.pair_service import BrokerCores, PairService
from corewire_server.runtime.peer import PeerConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from corewire_server.config import BrokerConfig
    from corewire_server.core.broker import Broker, Restorer
    from corewire_server.core.effects import Effect
    from corewire_server.core.inputs import Input
    from corewire_server.node.cores import Cores
    from corewire_server.node.settings import PairSettings
    from corewire_server.records import Record
    from corewire_server.runtime.peer import Peers


class SlowConnection(PeerConnection):
    """Of the replication link; what a primary sends lies here for a while."""

    def __init__(self, number: int, peers: Peers, delay_s: float, slow: Callable[[], bool]) -> None:
        super().__init__(number, peers)
        self._delay_s = delay_s
        self._slow = slow
        self._held = 0

    def write(self, data: bytes) -> None:
        """Later, and in order."""
        self._after(super().write, data)

    def close(self) -> None:
        """Behind what is held."""
        self.open = False
        self._after(super().close)

    def _after(self, act: Callable[..., object], *args: object) -> None:
        if not self._held and not self._slow():
            act(*args)
            return

        def now() -> None:
            self._held -= 1
            if not self.transport.is_closing():
                act(*args)

        self._held += 1
        asyncio.get_running_loop().call_later(self._delay_s, now)


class Telling:
    """A core that prints its digests at every hundredth step."""

    def __init__(self, core: Broker) -> None:
        self._core = core
        self._epoch = 0  # of who numbered the steps: not known until a client is heard

    def step(self, now: int, item: Input) -> list[Effect]:
        """See `Broker.step`."""
        effects = self._core.step(now, item)
        if isinstance(item, Promoted):
            self._epoch = item.epoch
        elif isinstance(item, LinkOpened | BytesReceived):
            self._epoch = item.link >> 32
        digest = self._core.effects_digest
        steps = int.from_bytes(digest[:8])
        if steps % EVERY == 0 and self._epoch:
            print(f"DIGEST {self._epoch} {steps} {digest.hex()} {self._core.digest().hex()}", flush=True)
        return effects

    @property
    def node_id(self) -> str:
        """See `Broker.node_id`."""
        return self._core.node_id

    @property
    def effects_digest(self) -> bytes:
        """See `Broker.effects_digest`."""
        return self._core.effects_digest

    @property
    def pledged_bytes(self) -> int:
        """See `Broker.pledged_bytes`."""
        return self._core.pledged_bytes

    def next_timeout(self) -> int | None:
        """See `Broker.next_timeout`."""
        return self._core.next_timeout()

    def recover(self, records: Iterable[Record]) -> None:
        """See `Broker.recover`."""
        self._core.recover(records)

    def snapshot(self) -> Iterator[bytes]:
        """See `Broker.snapshot`."""
        return self._core.snapshot()

    def records(self) -> Iterator[Record]:
        """See `Broker.records`."""
        return self._core.records()


class TellingRestorer:
    """Makes such cores of snapshots."""

    def __init__(self, restorer: Restorer) -> None:
        self._restorer = restorer

    def feed(self, data: bytes) -> None:
        """See `Restorer.feed`."""
        self._restorer.feed(data)

    def finish(self) -> Telling:
        """See `Restorer.finish`."""
        return Telling(self._restorer.finish())


class TellingCores:
    """Makes such cores."""

    def __init__(self, config: BrokerConfig) -> None:
        self._cores = BrokerCores(config)

    def make(self, seed: bytes) -> Telling:
        """An empty one."""
        return Telling(self._cores.make(seed))

    def restorer(self, seed: bytes) -> TellingRestorer:
        """For a snapshot."""
        return TellingRestorer(self._cores.restorer(seed))


class WorseService(PairService):
    """A node as the command line wants it."""

    def __init__(self, config: BrokerConfig, wanted: argparse.Namespace) -> None:
        super().__init__(config)
        self._wanted = wanted

    def settings(self, client_address: str, link_address: str) -> PairSettings:
        """See `PairService.settings`."""
        return replace(super().settings(client_address, link_address), gate=self._wanted.gate)

    def cores(self) -> Cores:
        """See `PairService.cores`."""
        return TellingCores(self.config) if self._wanted.digests else super().cores()

    def connection(self, number: int, peers: Peers) -> PeerConnection:
        """See `PairService.connection`."""
        return SlowConnection(number, peers, self._wanted.held_back / 1000, self._holds_back)

    def _holds_back(self) -> bool:
        return self._wanted.held_back > 0 and self.status is not None and self.status.serving


def break_disk(*_: Any) -> None:
    """Every sync fails from now on."""

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    for module, name in ((files, "_sync"), (files, "_write_synced"), (os, "fsync")):
        setattr(module, name, fail)


def run(words: list[str]) -> int:
    """Until SIGTERM; returns the exit code."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--held-back", type=int, default=0)
    parser.add_argument("--gate", type=GateMode, default=GateMode.DISK_AND_BACKUP)
    parser.add_argument("--digests", action="store_true")
    wanted, others = parser.parse_known_args(words)
    signal.signal(signal.SIGUSR1, break_disk)
    # The command line knows no way to start another node than its own.
    setattr(program, "run", partial(program.run, make=partial(WorseService, wanted=wanted)))  # noqa: B010
    return main(others)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
