"""Sizes that lie (cases.md 15) over real sockets: five hundred clients to our broker at once, and a broker to our client."""

from __future__ import annotations

import json
import os
import re
import select
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests.interop.client_lies_lanes import BACK, GONE, OPTIONS
from tests.interop.lying_broker import ANSWERS, LyingBroker, lies_of
from tests.interop.worlds import World
from tests.server import lies

from corewire.wire import packets, registry
from corewire.wire.framing import MAGIC
from corewire_server import BrokerConfig, serve
from corewire_transports.threads import connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.interop.lying_broker import Lie
    from tests.interop.ours import OurBroker

    from corewire_transports.threads import Session

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent.parent
STRICT = ("-W", "error")

LINKS = 500
ROUNDS = 2
TURNS = 20  # it accepts, reads and answers in fewer
DEARER_MAX = 3.0  # times the CPU of clients that say the same and mean it
PEAK_BYTES_MAX = 64 << 20
LEFT_BYTES_MAX = 2 << 20  # codecs are made when they are needed first
WAYS = (GONE, BACK)
SHARE = 24  # each world gets one of so many: 23
SETTLED_S = 20.0  # on a busy machine
LINE = re.compile(
    r"127\.0\.0\.1:\d+( \(user eve\))?: link closed: ([A-Z]\w+|a frame) at offset \d+: RemoteProtocolError: "
)


def resident_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_s(pid: int) -> float:
    """Of another process, by its clock (clock_getcpuclockid)."""
    return time.clock_gettime(~pid << 3 | 2)


def liars() -> list[bytes]:
    """What each of the links sends."""
    rng = Random(LINKS)
    early = [frame for channel, packet in lies.BEFORE_LOGIN for frame in lies.spoilt(channel, packet)]
    late = [frame for packet in lies.IN_SESSION for frame in lies.spoilt(10, packet)]
    said = _said(rng.sample(early, LINKS // 2), rng.sample(late, LINKS // 2))
    return [MAGIC + (0x7FFF_FFF0).to_bytes(4, "big") + bytes(60_000), *said[1:]]


def honest() -> list[bytes]:
    """The same, and true."""
    early = [registry.encode(packet, channel, lies.VERSION) for channel, packet in lies.BEFORE_LOGIN]
    return _said(early, [registry.encode(packet, 10, lies.VERSION) for packet in lies.IN_SESSION])


def _said(early: list[bytes], late: list[bytes]) -> list[bytes]:
    """On one link something before its login, on the next one something in its session, in turns."""
    said: list[bytes] = []
    for before, within in islice(zip(cycle(early), cycle(late), strict=False), LINKS // 2):
        name = chr(0x100 + len(said))
        login = registry.encode(packets.CreateSessionV2(name, 10, lies.VERSION, "eve"), 1, lies.VERSION)
        said += (MAGIC + before, MAGIC + login + within)
    return said


@contextmanager
def said_to(port: int, words: list[bytes]) -> Iterator[None]:
    """Many clients at once say this, and stay until they were answered, or closed, and the block ends."""
    sockets = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in words]
    try:
        for sock, data in zip(sockets, words, strict=True):
            sock.sendall(data)
        until_quiet(sockets)
        yield
    finally:
        for sock in sockets:
            sock.close()


def settle(session: Session) -> None:
    """However busy the machine is, the broker has read by then what was said to it before."""
    for _ in range(TURNS):
        session.query_queue("honest")


def cost_s(broker: OurBroker, session: Session, words: list[bytes]) -> float:
    """Seconds of the broker's CPU."""
    before = cpu_s(broker.pid)
    with said_to(broker.port, words):
        settle(session)
        return cpu_s(broker.pid) - before


def until_quiet(sockets: list[socket.socket]) -> None:
    """Read until the broker has closed them or has said nothing for a second."""
    left = list(sockets)
    while ready := select.select(left, [], [], 1.0)[0] if left else []:
        for sock in ready:
            try:
                if sock.recv(65536):
                    continue
            except ConnectionError:
                pass
            left.remove(sock)


def test_five_hundred_liars_cost_little_and_are_named(our_broker: OurBroker) -> None:
    """How little others notice of each is counted in tests/server, and measured in tests/campaign."""
    with connect(our_broker.url) as client, client.session() as session:
        session.create_queue("honest")
        memory = resident_bytes(our_broker.pid)
        with said_to(our_broker.port, liars()):
            settle(session)
            growth = resident_bytes(our_broker.pid) - memory
        closed = [line for line in our_broker.log.splitlines() if "link closed" in line]
        costs = [(cost_s(our_broker, session, liars()), cost_s(our_broker, session, honest())) for _ in range(ROUNDS)]
    lies_s, truth_s = min(lie for lie, _ in costs), max(truth for _, truth in costs)
    print(
        f"\n{LINKS} liars: {growth >> 20} MiB, {lies_s:.2f} s of CPU (honest ones {truth_s:.2f} s), {len(closed)} closed"
    )
    assert growth < 64 << 20
    assert lies_s < DEARER_MAX * truth_s, costs
    assert 100 < len(closed) <= LINKS
    assert all(LINE.search(line) or "IncompatibleVersions" in line for line in closed), closed


class LiedTo:
    """A program of one world that is lied to."""

    def __init__(self, world: World, folder: Path, settled_s: float) -> None:
        """``folder`` takes what it complains of. ``settled_s``: so long it waits until nothing is left of a talk."""
        self._complaints = folder / f"{world.value}.log"
        with self._complaints.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, *STRICT, "-m", "tests.interop.lied_to_program", world.value, str(settled_s)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )
        self.errors: Counter[str] = Counter()
        self.most = 0  #: bytes more than before, in any talk
        self.left = 0  #: and behind it
        self._talks = self._first = 0

    def hears(self, url: str, name: str) -> None:
        """One talk. What is said there is ``name``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(url + "\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline() or json.dumps(self._complaints.read_text()))
        assert isinstance(said, dict), f"{name}: {said}"
        self.errors.update(said["errors"])
        assert max(said["surplus"]) <= 0, f"{name}: descriptors, threads, tasks: {said['surplus']} more than before"
        self._talks += 1
        if self._talks <= len(WAYS):  # it was told the truth, and imported what it needs
            self._first = said["bytes"]
            return
        self.most = max(self.most, said["most"] - self._first)
        self.left = max(self.left, said["bytes"] - self._first)
        assert self.most < PEAK_BYTES_MAX, name
        assert self.left < LEFT_BYTES_MAX, name

    def end(self) -> None:
        """It has nothing to complain of."""
        self._process.communicate(timeout=120)
        assert self._process.returncode == 0
        assert self._complaints.read_text() == ""

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


def lie_to_all(port: int, folder: Path, shares: Mapping[World, Sequence[tuple[Lie, str]]], settled_s: float) -> None:
    """To programs of all worlds at once, each its lies, told in place of the broker at ``port``."""
    programs = {world: LiedTo(world, folder, settled_s) for world in World}

    def lie_to(world: World) -> None:
        program = programs[world]
        for lie, way in [*((None, way) for way in WAYS), *shares[world]]:
            with LyingBroker(port, lie) as liar:
                what = "the truth" if lie is None else f"{lie.packet.NAME} {lie.name}"
                program.hears(f"tcp://127.0.0.1:{liar.port}?{OPTIONS}&{way}", f"{world.value}: {what}, {way}")
        program.end()
        print(
            f"\n{world.value}: {len(shares[world])} lies, at most {program.most} bytes more, {program.left} left,"
            f" {dict(program.errors)}"
        )

    try:
        with ThreadPoolExecutor(len(World)) as pool:
            list(pool.map(lie_to, World))
    finally:
        for program in programs.values():
            program.kill()


def test_a_broker_that_lies_gets_an_error_of_ours_and_leaves_nothing(tmp_path: Path) -> None:
    """A share of them, each in one world and in one way; all, in all: tests/campaign."""
    told = [(lie, way) for packet in ANSWERS for lie in lies_of(packet) for way in WAYS]
    Random(SHARE).shuffle(told)
    shares = {world: told[number::SHARE] for number, world in enumerate(World)}
    with serve(BrokerConfig.for_tests()) as node:
        lie_to_all(urlsplit(node.url).port or 0, tmp_path, shares, SETTLED_S)
