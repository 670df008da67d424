"""Many threads on one client and one session, on a link that is slow and falls silent: no body is mixed up."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests.interop.client_traffic import IMPATIENT

from corewire.errors import Unblocked
from corewire_server import BrokerConfig, serve
from corewire_server.proxy import Proxy
from corewire_transports.threads import Client, Session, connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.interop.artemis import Artemis

pytestmark = pytest.mark.slow
THREADS = 16
MESSAGES = 20
BODY_BYTES_MAX = 90_000
PINGS = IMPATIENT.replace("clientFailureCheckPeriod=500", "clientFailureCheckPeriod=20")
SILENCE_S = 3.0


@pytest.fixture(scope="module", params=["ours", "artemis"])
def address(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    """Our broker, in the tests' process, and a real one."""
    if request.param == "ours":
        with serve(BrokerConfig.for_tests()) as node:
            yield "127.0.0.1", urlsplit(node.url).port or 0
    else:
        artemis: Artemis = request.getfixturevalue("artemis")
        yield "127.0.0.1", artemis.port


def pattern(thread: int, number: int) -> bytes:
    size = 10 + (thread * 7919 + number * 104_729) % BODY_BYTES_MAX
    return (f"{thread}:{number}|".encode() * (size // 4 + 1))[:size] + f"#{thread}:{number}".encode()


def send_all(client: Client, shared: Session, thread: int) -> list[int]:
    """Half of the threads share a session, the others have one of their own. Returns what was confirmed."""
    session = shared if thread % 2 else client.session()
    confirmed = []
    for number in range(MESSAGES):
        try:
            session.send("shared", pattern(thread, number))
        except Unblocked:  # the silence: it may have arrived, or not
            continue
        confirmed.append(number)
    return confirmed


def fall_silent(proxy: Proxy) -> None:
    """For longer than the time to live."""
    proxy.stall()
    proxy.wait_until(lambda _: False, SILENCE_S)
    proxy.resume()


def test_bodies_of_many_threads_stay_whole_and_in_order(address: tuple[str, int]) -> None:
    came: dict[int, list[int]] = defaultdict(list)
    with Proxy(address) as proxy, ThreadPoolExecutor(THREADS + 1) as pool:
        proxy.slow(bytes_per_s=20_000_000)
        with connect(f"tcp://127.0.0.1:{proxy.port}?{PINGS}") as client, client.session() as shared:
            sending = [pool.submit(send_all, client, shared, thread) for thread in range(THREADS)]
            with client.session() as session, session.consumer("shared") as consumer:
                while True:
                    done = all(each.done() for each in sending)
                    message = consumer.receive(timeout=0 if done else 1)  # at 0 the broker says that there is nothing
                    if message is None:
                        if done:
                            break
                        continue
                    thread, number = map(int, message.data.rpartition(b"#")[2].split(b":"))
                    assert message.data == pattern(thread, number)
                    came[thread].append(number)
                    if len(came) == THREADS and proxy.links_opened == 1 and not proxy.faults.stalled:
                        pool.submit(fall_silent, proxy)
            recreated = client.stats.recreated_sessions
    assert proxy.links_opened > 1, "the silence was noticed"
    for thread, each in enumerate(sending):
        numbers = came[thread]
        assert set(each.result()) <= set(numbers)
        if not recreated:
            assert numbers == list(range(MESSAGES))
        assert [n for at, n in enumerate(numbers) if n not in numbers[:at]] == sorted(set(numbers))
