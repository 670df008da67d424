"""The client's faults, whole: twelve outages with a real broker that is killed too, cuts at every byte, ten seconds without a broker."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import pytest
from tests.interop.artemis import Artemis
from tests.interop.test_client_bursts import BURST_BYTES_MAX, CHUNKED, RESILIENT, cut_bursts, submit_in_an_outage
from tests.interop.test_client_outages import BACK_AT_BEST_S, NOTICED_AT_BEST_S, NOTICED_S, WAYS, Bench, Outage
from tests.interop.worlds import World

from corewire.client._recovery import REATTACH_S
from corewire_server.demo.broker import BrokerProcess
from corewire_server.demo.cutting import kill_and_restart
from corewire_server.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.interop.ours import OurBroker

STRIDE = 8  # so many runs share the bytes of a burst
OUTAGE_S = 10.0
#: So much longer than at best one outage may take. A real Artemis that ends a session in the moment in which the client asks for it
#: leaves the question without an answer; asked again, behind the first time and behind twice that, it has ended it. The least
#: that a fault of the client's costs is more: a whole callTimeout, 30 s. What a busy machine takes now and then is less.
ASKED_AGAIN_S = REATTACH_S + 2 * REATTACH_S


@pytest.fixture(params=["ours", "artemis"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """A broker that may be killed."""
    if request.param == "ours":
        with BrokerProcess(tmp_path / "data") as broker, Proxy(broker.address) as proxy:
            yield Bench(proxy, lambda: kill_and_restart(broker, proxy), 0.0)
        return
    request.getfixturevalue("java")
    real = Artemis(tmp_path / "artemis")
    real.create()
    real.start()
    try:
        real.wait()
        with Proxy(("127.0.0.1", real.port)) as proxy:
            yield Bench(proxy, lambda: _kill_and_restart(real, proxy), 2 * NOTICED_S)
    finally:
        real.kill()


def _kill_and_restart(real: Artemis, proxy: Proxy) -> None:
    proxy.refuse()
    real.kill()
    real.start()
    real.wait()
    proxy.accept()


@pytest.fixture(params=["our_broker", "artemis"])
def port(request: pytest.FixtureRequest) -> int:
    broker: OurBroker | Artemis = request.getfixturevalue(request.param)
    return broker.port


@pytest.mark.parametrize("way", WAYS)
def test_twelve_outages(bench: Bench, way: str) -> None:
    bench.consume(WAYS[way])
    outages = [*Outage] * 3
    took_s = bench.live_through(outages)
    for outage in Outage:
        at_best_s = BACK_AT_BEST_S + (NOTICED_AT_BEST_S if outage is Outage.SILENCE else 0.0)
        times = [time_s for time_s, each in zip(took_s, outages, strict=True) if each is outage]
        assert median(times) < at_best_s, (outage, times)
        assert max(times) < at_best_s + ASKED_AGAIN_S, (outage, times)


@pytest.mark.parametrize("way", WAYS)
def test_the_twelfth_silence_is_noticed_as_fast_as_the_first(bench: Bench, way: str) -> None:
    bench.consume(WAYS[way])
    took_s = bench.live_through([Outage.SILENCE] * 12)
    for half in (took_s[:6], took_s[6:]):
        assert median(half) < NOTICED_AT_BEST_S + BACK_AT_BEST_S, took_s
    assert max(took_s) < NOTICED_AT_BEST_S + BACK_AT_BEST_S + ASKED_AGAIN_S, took_s


@pytest.mark.parametrize("first", range(1, STRIDE + 1))
def test_bursts_are_cut_behind_every_byte(port: int, first: int) -> None:
    offsets = range(first, BURST_BYTES_MAX, STRIDE)
    with ThreadPoolExecutor(len(World)) as pool:
        list(pool.map(partial(cut_bursts, ("127.0.0.1", port), RESILIENT, offsets), World))


@pytest.fixture(scope="module")
def slow(java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Artemis]:
    """A broker whose journal is written so late that a session is made anew before what the last one sent is stored."""
    broker = Artemis(tmp_path_factory.mktemp("slow") / "broker", "slow")
    broker.create()
    with broker.running():
        yield broker


@pytest.mark.parametrize("first", range(1, STRIDE + 1))
def test_bursts_of_which_the_broker_stores_the_end_late_are_in_order(slow: Artemis, first: int) -> None:
    cut = partial(cut_bursts, ("127.0.0.1", slow.port), CHUNKED, range(first, BURST_BYTES_MAX, STRIDE))
    with ThreadPoolExecutor(len(World)) as pool:
        assert not any(pool.map(cut, World))


@pytest.mark.parametrize("first", range(1, STRIDE + 1))
def test_bursts_with_one_in_pieces_are_cut_behind_every_byte(artemis: Artemis, first: int) -> None:
    cut = partial(cut_bursts, ("127.0.0.1", artemis.port), CHUNKED, range(first, BURST_BYTES_MAX, STRIDE))
    with ThreadPoolExecutor(len(World)) as pool:
        assert not any(pool.map(cut, World))


@pytest.mark.parametrize("world", World, ids=lambda world: world.value)
def test_long_outage_of_those_who_submit(port: int, world: World) -> None:
    submit_in_an_outage(("127.0.0.1", port), OUTAGE_S, world)
