"""One node of a pair fails, or the link between the two, in every other way than by a kill of the primary: no application notices."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest
from tests.interop.pair import Pair
from tests.interop.pair_digests import compare
from tests.interop.pair_kills import DIGESTS, PROGRAM, join_again, joined
from tests.interop.pair_load import Load
from tests.interop.pair_watch import Watch

from corewire_server.proxy import Ending

if TYPE_CHECKING:
    from pathlib import Path

    from tests.interop.pair import Member

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("java")]
SUSPENDED_S = 6.0  # more than a primary waits for a silent backup
STALLED_S = 3.0  # less
THROTTLED_S = 20.0
THROTTLE_BYTES_PER_S = 50_000


def judge(pair: Pair, load: Load, folder: Path, fell_out: int | None) -> None:
    """``fell_out``: how often the backup must have lost its place; None: as it comes."""
    verdict = load.finish()
    unasked = pair.unasked()
    digests = compare(folder)
    print(f"{verdict}\nout of step: {unasked}\n{digests}")
    assert not verdict.faults
    assert not digests.differing
    assert fell_out is None or unasked == fell_out


def tell_join(slowest_s: float) -> None:
    """How long a blocking send took meanwhile."""
    print(f"longest blocking send during the join {1000 * slowest_s:.0f} ms")


def suspend(pair: Pair, load: Load, member: Member) -> int:
    """
    Stop a node for a while, as a machine that sleeps, and the way back. Who served serves: silence promotes nobody.

    Returns how often the backup lost its place meanwhile.
    """
    primary, before = pair.primary, pair.unasked()
    load.mark()
    member.send(signal.SIGSTOP)
    time.sleep(SUSPENDED_S)
    member.send(signal.SIGCONT)
    took = pair.wait_in_step()
    load.await_progress()
    assert pair.primary is primary
    slowest = load.slowest_send()
    longest = max(since.silence_to - since.silence_from for since in load.since().values())
    lost = pair.unasked() - before
    how = f"in step {took:.1f} s later, longest silence {longest:.1f} s, blocking send {slowest:.1f} s, out of step: {lost}"
    print(f"\n{member.role} slept {SUSPENDED_S:.0f} s: {how}")
    return lost


def test_backup_killed(tmp_path: Path) -> None:
    with Pair(tmp_path, *DIGESTS, program=PROGRAM) as pair, Watch(pair), Load(pair.address) as load:
        load.await_progress()
        for _ in range(3):
            load.hold()
            load.mark()
            backup = pair.other(pair.primary)
            at = pair.kill(backup)
            load.go()
            load.await_progress()
            silences = [since.silence_to - at for since in load.since().values() if since.silence_from < at]
            print(f"\nlongest silence behind the kill {max(silences, default=0):.2f} s")
            tell_join(join_again(pair, load, backup))
        judge(pair, load, tmp_path, 3)


def test_either_node_suspended(tmp_path: Path) -> None:
    with Pair(tmp_path, *DIGESTS, program=PROGRAM) as pair, Watch(pair), Load(pair.address) as load:
        load.await_progress()
        dropped = suspend(pair, load, pair.other(pair.primary))
        assert dropped >= 1, "a backup that hangs for longer than 4 s is not waited for, and joins again"
        dropped += suspend(pair, load, pair.primary)
        judge(pair, load, tmp_path, dropped)


def test_link_between_the_nodes_spoilt(tmp_path: Path) -> None:
    """Cut it, let it fall silent for a while, throttle it, let it fall silent for too long."""
    with Pair(tmp_path, *DIGESTS, program=PROGRAM, parted=True) as pair, Watch(pair), Load(pair.address) as load:
        load.await_progress()
        for _ in range(3):
            assert sum(proxy.cut_all(Ending.RESET) for proxy in pair.link) > 0
            load.await_progress()
            pair.wait_in_step()
        assert pair.unasked() == 0, "a link that breaks is resumed"
        for proxy in pair.link:
            proxy.stall()
        time.sleep(STALLED_S)
        for proxy in pair.link:
            proxy.resume()
        load.await_progress()
        pair.wait_in_step()
        assert pair.unasked() == 0, "3 s are no reason to go on alone"
        for proxy in pair.link:
            proxy.slow(bytes_per_s=THROTTLE_BYTES_PER_S)
        load.let_run(THROTTLED_S)
        for proxy in pair.link:
            proxy.slow()
        load.await_progress()
        pair.wait_in_step()
        throttled = pair.unasked()
        print(f"\nout of step while throttled to {THROTTLE_BYTES_PER_S} bytes/s: {throttled}")
        primary = pair.primary
        for proxy in pair.link:
            proxy.stall()
        took = pair.wait_alone(primary)
        load.await_progress()
        assert pair.primary is primary, "silence promotes nobody"
        print(f"alone {took:.1f} s after the link fell silent")
        load.mark()
        for proxy in pair.link:
            proxy.resume()
            proxy.cut_all(Ending.RESET)
        tell_join(joined(pair, load))
        judge(pair, load, tmp_path, throttled + 1)


def test_failing_disk_on_either_node(tmp_path: Path) -> None:
    with Pair(tmp_path, *DIGESTS, program=PROGRAM) as pair, Watch(pair), Load(pair.address) as load:
        load.await_progress()
        for which in ("backup", "primary"):
            load.hold()
            primary = pair.primary
            member = primary if which == "primary" else pair.other(primary)
            member.send(signal.SIGUSR1)
            assert pair.collect(member) == 1, "a node whose disk fails ends at once"
            load.go()
            load.await_progress()
            assert pair.primary is pair.other(member)
            tell_join(join_again(pair, load, member))
        judge(pair, load, tmp_path, None)
