"""Both nodes of a pair end, one after the other, in good order or killed, and start again in either order: who has everything
serves, never two do, and clients go on without being started again."""

from __future__ import annotations

import signal
from itertools import product
from typing import TYPE_CHECKING

import pytest
from tests.interop.pair import PATIENCE_S, Pair
from tests.interop.pair_kills import joined
from tests.interop.pair_tough_load import ToughLoad
from tests.interop.pair_watch import Watch

if TYPE_CHECKING:
    from pathlib import Path

    from tests.interop.pair import Member

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("java")]
# Whether both are killed, the primary ends first, the newest starts first.
ORDERS = list(product((False, True), (False, True), (False, True)))
ALONE_S = 3.0  # a node whose record does not say "alone" must not serve by itself, however long it waits


def end_both(pair: Pair, first: Member, *, killed: bool) -> Member:
    """End one and then the other; returns who went on alone in between."""
    last = pair.other(first)
    end = pair.kill if killed else pair.stop
    end(first)
    pair.wait_alone(last)
    end(last)
    return last


def test_who_went_on_alone_serves_again_in_every_order(tmp_path: Path) -> None:
    """End both nodes of one pair under load and start them again, once in each order; nothing may be broken."""
    with Pair(tmp_path) as pair, Watch(pair), ToughLoad(pair.address) as load:
        load.await_progress()
        for killed, primary_first, newest_first in ORDERS:
            serving = pair.primary
            last = end_both(pair, serving if primary_first else pair.other(serving), killed=killed)
            other = pair.other(last)
            if newest_first:
                pair.start_again(last)
                pair.wait_serving(last)
                load.mark()
                pair.start_again(other)
            else:
                pair.start_again(other)
                status = wait_for_words(pair, other)
                assert not status["serving"], "its data may not be the newest"
                assert status["waits_for"]
                pair.start_again(last)
                pair.wait_serving(last)
                load.mark()
            slowest = joined(pair, load)
            assert pair.primary is last
            how = f"{'killed' if killed else 'stopped'}, primary first: {primary_first}, newest first: {newest_first}"
            print(f"\n{how}: longest blocking send during the join {1000 * slowest:.0f} ms")
        broken = load.finish()
        tell(pair, load)
    assert not broken


def tell(pair: Pair, load: ToughLoad) -> None:
    """What the run came to."""
    print(f"out of step: {pair.unasked()}, confirmed {load.confirmed}, calls of ours that raised {load.raised}")


def wait_for_words(pair: Pair, member: Member) -> dict[str, object]:
    """What a node that waits says, when it has asked its peer for long enough."""
    pair.wait("waiting", lambda: (status := member.status()) and status["role"] == "waiting")
    pair.hold_still(ALONE_S)
    status = member.status(PATIENCE_S)
    assert status is not None
    return status


def test_both_killed_at_once_need_each_other(tmp_path: Path) -> None:
    """Each has the place on its disk and cannot know whether the other went on: only both together serve again."""
    with Pair(tmp_path) as pair, Watch(pair), ToughLoad(pair.address) as load:
        load.await_progress()
        for first in (0, 1):
            for member in pair.members:
                member.send(signal.SIGSTOP)  # so that neither sees the other go
            for member in pair.members:
                member.kill()
            early, late = pair.members[first], pair.members[1 - first]
            pair.start_again(early)
            status = wait_for_words(pair, early)
            assert not status["serving"]
            assert status["waits_for"]
            pair.start_again(late)
            pair.wait(
                "one serving", lambda: any((status := each.status()) and status["serving"] for each in pair.members)
            )
            load.mark()
            print(f"\nlongest blocking send during the join {1000 * joined(pair, load):.0f} ms")
        broken = load.finish()
        tell(pair, load)
    assert not broken
