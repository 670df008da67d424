"""Two cases in which other pairs lose messages: a backup that is not current, and the wrong node started first."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

import pytest
from tests.interop.pair import PATIENCE_S, Pair
from tests.interop.pair_kills import DIGESTS, PROGRAM, join_again, joined
from tests.interop.pair_tough_load import ToughLoad
from tests.interop.pair_watch import Watch

from corewire_server.proxy import Cut, Direction, Ending
from corewire_server.replication.link import LinkReader, SnapshotEnd
from corewire_transports.blocking import connect

if TYPE_CHECKING:
    from pathlib import Path

    from tests.interop.pair import Member

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("java")]
STUBBORN_S = 5.0  # how long a node that must not serve is watched
MORE = 500
BODY_BYTES = 500
CRAWL_BYTES_PER_S = 1000  # no backup catches up so fast, whatever else has the processor


def silence(pair: Pair, primary: Member) -> None:
    """Let the link fall silent until the primary goes on alone."""
    for proxy in pair.link:
        proxy.stall()
    pair.wait_alone(primary)


def heal(pair: Pair, bytes_per_s: float = 0.0) -> None:
    """Let the link work again, so fast (0: as ever); what was stalled is cut, so that nobody waits for old dials."""
    for proxy in pair.link:
        proxy.slow(bytes_per_s=bytes_per_s)
        proxy.resume()
        proxy.cut_all(Ending.RESET)


def tell(pair: Pair, load: ToughLoad, *slowest_s: float) -> None:
    """What the run came to. ``slowest_s``: how long a blocking send took in each join."""
    pauses = " ".join(f"{1000 * seconds:.0f}" for seconds in slowest_s)
    print(f"\nlongest blocking send during each join: {pauses} ms, out of step: {pair.unasked()}")
    print(f"confirmed {load.confirmed}, calls of ours that raised {load.raised}")


def stays_out(pair: Pair, member: Member) -> dict[str, object]:
    """A node that must not serve does not, nor says that it could, for a while from when it first answers; returns what it says."""
    said: list[dict[str, object]] = []

    def ask() -> bool:
        if (status := member.status()) is not None:
            assert not status["serving"], status
            assert not status["in_step"], status
            said.append(status)
        return bool(said)

    pair.wait(f"{member.role} answering", ask)
    until = time.monotonic() + STUBBORN_S
    while time.monotonic() < until:
        pair.hold_still(0.05)
        ask()
    return said[-1]


def test_backup_that_was_dropped_never_serves_until_the_data_is_back(tmp_path: Path) -> None:
    with Pair(tmp_path, parted=True) as pair, Watch(pair), ToughLoad(pair.address) as load:
        load.await_progress()
        primary = pair.primary
        backup = pair.other(primary)
        silence(pair, primary)
        load.await_progress()  # confirmed by the primary alone
        pair.kill(primary)
        stays_out(pair, backup)
        pair.start_again(primary)
        pair.wait_serving(primary)
        load.mark()
        heal(pair)
        slowest = joined(pair, load)
        assert pair.primary is primary
        broken = load.finish()
        tell(pair, load, slowest)
    assert not broken


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "in step again"])
def test_healed_link_counts_only_when_the_backup_has_caught_up(tmp_path: Path, waits: bool) -> None:
    with Pair(tmp_path, parted=True) as pair, Watch(pair), ToughLoad(pair.address) as load:
        load.await_progress()
        primary = pair.primary
        backup = pair.other(primary)
        silence(pair, primary)
        load.await_progress()
        load.mark()
        heal(pair, 0.0 if waits else CRAWL_BYTES_PER_S)
        slowest = [joined(pair, load)] if waits else []
        pair.kill(primary)
        if waits:
            pair.wait_serving(backup)
            load.await_progress()
            slowest.append(join_again(pair, load, primary))
        else:
            stays_out(pair, backup)
            pair.start_again(primary)
            pair.wait_serving(primary)
            load.mark()
            heal(pair)
            slowest.append(joined(pair, load))
        assert pair.primary is (backup if waits else primary)
        broken = load.finish()
        tell(pair, load, *slowest)
    assert not broken


def send(url: str, numbers: range) -> None:
    with connect(url) as client, client.session() as session:
        for number in numbers:
            session.send("case.12", str(number).ljust(BODY_BYTES))


def receive(url: str) -> list[int]:
    """All that is there, in order."""
    with connect(url) as client, client.session() as session, session.consumer("case.12") as consumer:
        return [int(message.text or "-1") for message in consumer.drain()]


def one_stream(pair: Pair) -> ToughLoad:
    """Somebody who sends and takes, each by each, so that no join is without load."""
    return ToughLoad(pair.address, worlds=(), java=False, blocking=1)


def test_old_primary_started_alone_waits_for_the_one_that_served_last(tmp_path: Path) -> None:
    with Pair(tmp_path) as pair, Watch(pair), one_stream(pair) as load:
        first, second = pair.members
        url = f"{pair.address}?resilient=true"
        send(url, range(MORE))
        pair.kill(first)
        pair.wait_serving(second)
        send(url, range(MORE, 2 * MORE))
        pair.stop(second)
        pair.start_again(first)
        said = stays_out(pair, first)
        print(f"\nit waits for: {said['waits_for']}")
        assert "epoch 2" in str(said["waits_for"])
        assert f"127.0.0.1:{second.link_port}" in str(said["waits_for"])
        pair.start_again(second)
        pair.wait_serving(second)
        load.mark()
        slowest = joined(pair, load)
        assert pair.primary is second
        assert receive(url) == list(range(2 * MORE))
        broken = load.finish()
        tell(pair, load, slowest)
    assert not broken


class FirstSynchronisation:
    """The tap of the proxy before a primary: how much it says until a backup has everything. ``unheard``: from then on it hears
    nothing of the backup."""

    def __init__(self, pair: Pair) -> None:
        self.unheard = False
        self.said = 0  #: bytes, on all links
        self.whole = 0  #: bytes, up to the end of the snapshot; 0: it has not come yet
        self._proxy = pair.link[0]
        self._proxy.tap = self
        self._cuts = 0
        self._readers: dict[int, LinkReader] = {}

    def begin(self) -> None:
        """A backup starts that has nothing."""
        self.said = self.whole = 0
        self._cuts = self._proxy.cuts
        self._readers.clear()

    def is_cut(self) -> bool:
        """Whether that was cut short."""
        return self._proxy.cuts > self._cuts

    def opened(self, link: int) -> None:
        """See `Tap`."""
        self._readers[link] = LinkReader()
        self._readers[link].trust()

    def closed(self, link: int, why: str) -> None:
        """See `Tap`."""

    def passed(self, link: int, direction: Direction, data: bytes) -> None:
        """See `Tap`."""
        if direction is Direction.TO_CLIENT and link in self._readers:
            self.said += len(data)
            if any(isinstance(frame, SnapshotEnd) for frame in self._readers[link].feed(data)):
                self.whole = self.said
                if self.unheard:
                    self._proxy.swallow(Direction.TO_TARGET)


def join_anew(pair: Pair, backup: Member, tap: FirstSynchronisation, plan: Cut | None = None) -> None:
    """A backup ends, and starts with an empty disk. ``plan``: what happens to its link then."""
    pair.stop(backup)
    shutil.rmtree(backup.folder / backup.role)
    pair.wait_alone(pair.other(backup))
    tap.begin()
    pair.link[0].faults.plan = plan
    pair.start_again(backup)


def keeps_what_is_not_whole(member: Member) -> bool:
    """Whether its disk says that its join is not over."""
    status = member.status()
    return status is not None and status["standing"] == "joining"


def test_backup_killed_in_its_first_synchronisation_never_serves(tmp_path: Path) -> None:
    with Pair(tmp_path, *DIGESTS, program=PROGRAM, parted=True) as pair, Watch(pair), one_stream(pair) as load:
        first, second = pair.members
        proxy = pair.link[0]
        url = f"{pair.address}?resilient=true"
        send(url, range(MORE))
        tap = FirstSynchronisation(pair)
        load.await_progress()
        load.mark()
        join_anew(pair, second, tap)
        slowest = [joined(pair, load)]
        whole = tap.whole
        assert whole > MORE * BODY_BYTES
        # Until it is silent the backup gets so much of all that; at last it gets everything, keeps it, and is not heard.
        for part in (0.05, 0.25, 0.5, 0.75, 1.0):
            tap.unheard = part == 1.0
            plan = None if tap.unheard else Cut(Direction.TO_CLIENT, round(part * whole), Ending.STALL)
            join_anew(pair, second, tap, plan)
            pair.wait("there", (lambda: keeps_what_is_not_whole(second)) if tap.unheard else tap.is_cut)
            status = second.status(PATIENCE_S)
            assert status is not None
            assert (status["serving"], status["in_step"]) == (False, False)
            pair.kill(second)
            pair.kill(first)
            proxy.swallow()
            tap.unheard = False
            pair.start_again(second)
            status = stays_out(pair, second)
            print(f"\n{part} of {whole} bytes: {status['standing']}: {status['waits_for']}")
            pair.start_again(first)
            pair.wait_serving(first)
            load.mark()
            slowest.append(joined(pair, load))
        assert receive(url) == list(range(MORE))
        assert not any(member.ended_by_itself for member in pair.members)
        broken = load.finish()
        tell(pair, load, *slowest)
    assert not broken
