"""Links cut under our client in all worlds: with our broker nobody notices; with a real Artemis nothing is lost, the rest is explained."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests.interop.client_traffic import IMPATIENT, NO_WINDOW, cut, errors, forgive

from corewire.errors import ConnectionTimedOut, RemoteDisconnect
from corewire_server import BrokerConfig, serve
from corewire_server.demo.traffic import World
from corewire_server.proxy import Ending

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.interop.artemis import Artemis

    from corewire_server.demo.traffic import Traffic

pytestmark = pytest.mark.slow
CUTS = 25  # the whole hundred: tests/campaign
#: What may be raised where sessions are made anew: by a send, by an acknowledgement or a commit of lost work, by a commit
#: that was under way (`client/_recovery.py` says when that is; each time the ledger asks for the reason).
EXPLAINED = {"Unblocked", "TransactionRolledBack", "TransactionOutcomeUnknown"}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Our broker inside the tests' process, with a journal."""
    with serve(BrokerConfig.for_tests(tmp_path_factory.mktemp("ours") / "data")) as node:
        url = urlsplit(node.url)
        assert url.hostname is not None
        assert url.port is not None
        yield url.hostname, url.port


def judge(traffic: Traffic, *, in_order: bool = True) -> None:
    """Nothing lost, what came twice was under way at a cut, and errors have a reason."""
    forgive(traffic, in_order=in_order)
    assert not [broken for ledger in traffic.ledgers for broken in ledger.broken]
    assert set(errors(traffic)) <= EXPLAINED


@pytest.mark.parametrize("world", World, ids=lambda world: world.value)
def test_with_our_broker_nobody_notices(world: World, ours: tuple[str, int]) -> None:
    traffic = cut(ours, world, CUTS, ids=False)
    assert not [broken for ledger in traffic.ledgers for broken in ledger.broken]
    assert not errors(traffic)
    assert not traffic.recreated_sessions
    assert not any(ledger.redelivered for ledger in traffic.ledgers)
    assert len(traffic.reattachments) > CUTS // 2, "some cuts hit a link that was just being made"


@pytest.mark.parametrize("world", World, ids=lambda world: world.value)
def test_with_a_real_broker_nothing_is_lost(world: World, artemis: Artemis) -> None:
    judge(cut(("127.0.0.1", artemis.port), world, CUTS, ids=False))


def test_with_duplicate_ids_a_real_broker_doubles_no_send(artemis: Artemis) -> None:
    judge(cut(("127.0.0.1", artemis.port), World.THREADS, CUTS, ids=True))


@pytest.mark.parametrize("world", [World.ASYNCIO, World.BLOCKING], ids=lambda world: world.value)
def test_without_a_window_sessions_are_made_anew(world: World, ours: tuple[str, int]) -> None:
    traffic = cut(ours, world, 10, ids=True, options=NO_WINDOW)
    assert not any(ledger.doubled for ledger in traffic.ledgers)
    judge(traffic, in_order=False)
    assert traffic.recreated_sessions


def test_a_link_that_only_falls_silent_is_given_up(ours: tuple[str, int]) -> None:
    silence = partial(cut, ours, cuts=2, ids=False, options=IMPATIENT, ending=Ending.STALL)
    with ThreadPoolExecutor() as pool:
        for traffic in pool.map(silence, World):
            assert not [broken for ledger in traffic.ledgers for broken in ledger.broken]
            assert not errors(traffic)
            # A stall may hit a link that is just being made, and a machine that stands still is silent for as long.
            why = {type(each.error) for each in traffic.reattachments}
            # A producer that waits for a consumer with a stalled link makes no call: it falls silent itself.
            if traffic.world is World.BLOCKING:
                why.discard(RemoteDisconnect)
            assert why == {ConnectionTimedOut}
