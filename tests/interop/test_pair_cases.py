"""Two cases in which other pairs lose messages: a backup that is not current, and the wrong node started first."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.interop.pair import Pair
from tests.interop.pair_kills import DIGESTS, PROGRAM
from tests.interop.pair_tough_load import ToughLoad
from tests.interop.pair_watch import Watch

from corewire_server.proxy import Ending
from corewire_transports.blocking import connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.interop.pair import Member

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("java")]
STUBBORN_S = 5.0  # how long a node that must not serve is watched
MORE = 500


def silence(pair: Pair, primary: Member) -> None:
    """Let the link fall silent until the primary goes on alone."""
    for proxy in pair.link:
        proxy.stall()
    pair.wait_alone(primary)


def heal(pair: Pair) -> None:
    """Let the link work again; what was stalled is cut, so that nobody waits for old dials."""
    for proxy in pair.link:
        proxy.resume()
        proxy.cut_all(Ending.RESET)


def stays_out(pair: Pair, member: Member) -> dict[str, object]:
    """A node that must not serve does not, for a while from when it first answers; returns what it says."""
    said: list[dict[str, object]] = []

    def ask() -> bool:
        if (status := member.status()) is not None:
            assert not status["serving"], status
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
        heal(pair)
        pair.wait_in_step()
        assert pair.primary is primary
        load.await_progress()
        broken = load.finish()
    print(f"\nconfirmed {load.confirmed}, calls of ours that raised {load.raised}")
    assert not broken


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "in step again"])
def test_healed_link_counts_only_when_the_backup_has_caught_up(tmp_path: Path, waits: bool) -> None:
    with Pair(tmp_path, parted=True) as pair, Watch(pair), ToughLoad(pair.address) as load:
        load.await_progress()
        primary = pair.primary
        backup = pair.other(primary)
        silence(pair, primary)
        load.await_progress()
        heal(pair)
        if waits:
            pair.wait_in_step()
        pair.kill(primary)
        if waits:
            pair.wait_serving(backup)
            load.await_progress()
        else:
            stays_out(pair, backup)
        pair.start_again(primary)
        pair.wait_in_step()
        assert pair.primary is (backup if waits else primary)
        load.await_progress()
        broken = load.finish()
    assert not broken


def send(url: str, numbers: range) -> None:
    with connect(url) as client, client.session() as session:
        for number in numbers:
            session.send("case.12", str(number))


def receive(url: str) -> list[int]:
    """All that is there, in order."""
    with connect(url) as client, client.session() as session, session.consumer("case.12") as consumer:
        return [int(message.text or "-1") for message in consumer.drain()]


def test_old_primary_started_alone_waits_for_the_one_that_served_last(tmp_path: Path) -> None:
    with Pair(tmp_path) as pair, Watch(pair):
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
        pair.wait_in_step()
        assert pair.primary is second
        assert receive(url) == list(range(2 * MORE))


def _at_once(pair: Pair) -> bool:
    return True


def _joining(pair: Pair) -> bool:
    status = pair.members[1].status()
    return status is not None and status["role"] == "joining"


def _half(pair: Pair) -> bool:
    status = pair.members[1].status()
    return status is not None and status["role"] == "joining" and status["standing"] == "joining"


def _reached(pair: Pair, moment: Callable[[Pair], bool]) -> bool:
    return moment(pair) or pair.in_step()


MOMENTS: tuple[tuple[Callable[[Pair], bool], float], ...] = (
    *((_at_once, 0.1), (_joining, 0.0), (_joining, 0.05)),
    *((_half, 0.0), (_half, 0.2)),
)


def test_backup_killed_while_it_joins_never_serves(tmp_path: Path) -> None:
    with Pair(tmp_path, *DIGESTS, program=PROGRAM) as pair, Watch(pair):
        first, second = pair.members
        url = f"{pair.address}?resilient=true"
        send(url, range(MORE))
        for moment, delay_s in MOMENTS:
            pair.stop(second)
            pair.start_again(second)
            pair.wait("there", partial(_reached, pair, moment))
            pair.hold_still(delay_s)
            joined = pair.in_step()
            pair.kill(second)
            pair.kill(first)
            pair.start_again(second)
            status = stays_out(pair, second)
            print(f"\n{moment.__name__} + {delay_s} s, in step {joined}: {status['standing']}: {status['waits_for']}")
            pair.start_again(first)
            pair.wait_in_step()
        assert receive(url) == list(range(MORE))
        assert not any(member.ended_by_itself for member in pair.members)
