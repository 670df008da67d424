"""Across the cut, byte by byte: bursts of our client in all worlds, at our broker and a real Artemis; and those who wait in an outage."""

from __future__ import annotations

import gc
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from queue import Queue
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests.interop import client_fault_lanes
from tests.interop.client_fault_lanes import BODY_BYTES, BURST
from tests.interop.worlds import World

from corewire_server import BrokerConfig, serve
from corewire_server.proxy import Cut, Direction, Ending, Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.interop.artemis import Artemis

    from corewire_transports.anyio import Client

pytestmark = pytest.mark.slow
CUTS = 12  # every byte: tests/campaign
BURST_BYTES_MAX = 2_600
RESILIENT = "resilient=true&retryInterval=10"
CHUNKED = "exactlyOnce=true&retryInterval=10&minLargeMessageSize=400"  # the longest goes in pieces
RESEND_BYTES_MAX = 1_048_576
MESSAGE_BYTES = (
    2 * BODY_BYTES + 1_200
)  # of one that waits for room: text is UTF-16; and what is known of it, in Python objects
ACTORS = 8
OUTAGE_S = 1.0
PATIENCE_S = 30.0
_names = count()


@pytest.fixture(scope="module", params=["ours", "artemis"])
def address(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    """Our broker, in the tests' process, and a real one."""
    if request.param == "ours":
        with serve(BrokerConfig.for_tests()) as node:
            yield "127.0.0.1", urlsplit(node.url).port or 0
    else:
        artemis: Artemis = request.getfixturevalue("artemis")
        yield "127.0.0.1", artemis.port


class TestBurst:
    """Four sends, and the link cut behind some byte of them."""

    offsets = range(1, BURST_BYTES_MAX, BURST_BYTES_MAX // CUTS)

    def test_it_arrives_whole(self, address: tuple[str, int], request: pytest.FixtureRequest) -> None:
        with ThreadPoolExecutor(len(World)) as pool:
            doubled = list(pool.map(partial(cut_bursts, address, RESILIENT, self.offsets), World))
        if "ours" in request.node.name:
            assert not any(doubled)

    def test_it_arrives_once_where_one_of_it_is_in_pieces(self, artemis: Artemis) -> None:
        # In order too, unless one thread of the broker stands still: that is for the campaign to ask.
        cut = partial(cut_bursts, ("127.0.0.1", artemis.port), CHUNKED, self.offsets, ordered=False)
        with ThreadPoolExecutor(len(World)) as pool:
            assert not any(pool.map(cut, World))


def cut_bursts(
    address: tuple[str, int], options: str, offsets: Sequence[int], world: World, *, ordered: bool = True
) -> int:
    """Nothing is lost, and what comes first is in order, unless that is not to be asked; copies come in whatever order.

    Returns how many were doubled, all of a burst that was cut.
    """
    name = f"bursts.{world.value}.{next(_names)}"
    whole = [f"{offset}:{body}" for offset in offsets for body in ("before", *BURST)]
    with Proxy(address) as proxy:
        cut_in: list[int] = []

        def arm(offset: int) -> None:
            cut_in.append(proxy.cuts)
            proxy.faults.plan = Cut(Direction.TO_TARGET, offset, proxy.rng.choice([Ending.FIN, Ending.RESET]))

        url = f"tcp://127.0.0.1:{proxy.port}?{options}"
        came, stats = world.run(client_fault_lanes.bursts_arrive_whole, url, name, offsets, arm)
        assert proxy.cuts > len(offsets) // 2, "the last ones lie behind the burst"
        # A piece that a broker not ours may have is not written again: all is sent anew, in another session.
        assert options == CHUNKED or stats.recreated_sessions == 0
    if ordered:
        assert list(dict.fromkeys(came)) == whole
    else:
        assert set(came) == set(whole)
    doubled = len(came) - len(whole)
    assert doubled <= proxy.cuts * len(BURST)
    print(
        f"\n{world.value}: {len(offsets)} bursts, {proxy.cuts} cuts, {doubled} doubled,"
        f" {stats.recreated_sessions} sessions made anew"
    )
    return doubled


class TestOutage:
    """Those who submit while nobody is there wait as soon as the limit is reached."""

    @pytest.mark.parametrize("world", World, ids=lambda world: world.value)
    def test_memory_has_a_limit_and_order_is_kept(
        self, address: tuple[str, int], world: World, request: pytest.FixtureRequest
    ) -> None:
        doubled = submit_in_an_outage(address, OUTAGE_S, world)
        if "ours" in request.node.name:
            assert not doubled


def submit_in_an_outage(address: tuple[str, int], outage_s: float, world: World) -> int:
    """Each actor's messages come in the order of its calls, none is lost; returns how many were doubled.

    All that the process has grown by is measured, so that nothing else may go on in it.
    """
    name = f"outage.{world.value}.{next(_names)}"
    actors = 1 if world is World.BLOCKING else ACTORS  # there, one thread drives the client
    each = 2 * RESEND_BYTES_MAX // BODY_BYTES // actors
    sent = [0] * actors
    gone: Queue[Client] = Queue()
    with Proxy(address) as proxy, ThreadPoolExecutor(1) as pool:

        def take_away(client: Client) -> None:
            proxy.refuse()
            proxy.cut_all()
            gc.collect()
            tracemalloc.start()
            gone.put(client)

        url = f"tcp://127.0.0.1:{proxy.port}?{RESILIENT}&maxResendSize={RESEND_BYTES_MAX}&producerWindowSize=-1"
        lane = pool.submit(world.run, client_fault_lanes.wait_for_room, url, name, each, sent, take_away)
        client = gone.get(timeout=PATIENCE_S)
        try:
            proxy.wait_until(lambda _: False, outage_s)
            gc.collect()
            grown_bytes, before = tracemalloc.get_traced_memory()[0], sum(sent)
        finally:
            tracemalloc.stop()
        assert 0 < before < actors * each, "they wait"
        assert client._engine.resend_bytes <= RESEND_BYTES_MAX
        assert grown_bytes <= RESEND_BYTES_MAX + actors * MESSAGE_BYTES, "one waits for each"
        proxy.accept()
        came: list[str] = lane.result()
    for actor in range(actors):
        numbers = [int(number) for owner, number in (text.split(":") for text in came) if int(owner) == actor]
        assert list(dict.fromkeys(numbers)) == list(range(each))
    doubled = len(came) - actors * each
    print(f"\n{world.value}: {before} sent before the return, {grown_bytes} bytes more, {doubled} doubled")
    return doubled
