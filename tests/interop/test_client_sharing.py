"""Many threads on one client and one session, on a link with small buffers that falls silent: no body is mixed up."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests.interop.client_traffic import IMPATIENT
from tests.transports.certificates import Authority
from tests.transports.doors import EncryptedDoor

from corewire.errors import RemoteProtocolError, Unblocked
from corewire.events import FailureDetected
from corewire_server import BrokerConfig, serve
from corewire_server.proxy import Proxy
from corewire_transports.threads import Client, Session, connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.interop.artemis import Artemis

    from corewire.events import ClientEvent

pytestmark = pytest.mark.slow
THREADS = 16
MESSAGES = 20  # more of them: tests/campaign
BODY_BYTES_MAX = 90_000
BUFFER_BYTES = 4_096
WINDOW_BYTES = 100_000  # so that what goes to the consumer never holds up what comes from it
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


@pytest.fixture
def doubles(request: pytest.FixtureRequest) -> bool:
    return "artemis" in request.node.name


def pattern(thread: int, number: int) -> bytes:
    size = 10 + (thread * 7919 + number * 104_729) % BODY_BYTES_MAX
    return (f"{thread}:{number}|".encode() * (size // 4 + 1))[:size] + f"#{thread}:{number}".encode()


def send_all(client: Client, shared: Session, queue: str, count: int, thread: int) -> list[int]:
    """Half of the threads share a session, the others have one of their own. Returns what was confirmed."""
    session = shared if thread % 2 else client.session()
    confirmed: list[int] = []
    for number in range(count):
        try:
            session.send(queue, pattern(thread, number))
        except Unblocked:  # the silence: it may have arrived, or not
            continue
        confirmed.append(number)
    return confirmed


def fall_silent(proxy: Proxy, seconds: float) -> None:
    """For longer than the time to live."""
    proxy.stall()
    proxy.wait_until(lambda _: False, seconds)
    proxy.resume()


def test_bodies_of_many_threads_stay_whole_and_in_order(address: tuple[str, int], *, doubles: bool) -> None:
    share(address, "shared", MESSAGES, SILENCE_S, doubles=doubles)


def test_encrypted_they_do_so_too(address: tuple[str, int], tmp_path: Path, *, doubles: bool) -> None:
    share(address, "encrypted", MESSAGES // 4, SILENCE_S, tmp_path, doubles=doubles)


def share(
    address: tuple[str, int],
    queue: str,
    count: int,
    silence_s: float,
    certificates: Path | None = None,
    *,
    doubles: bool,
) -> None:
    """So many messages of each thread; ``certificates``: a folder, where the link is to be encrypted. ``doubles``: the broker may
    store again what it was storing when the session was attached again (Q3; a real Artemis on a busy machine)."""
    came: dict[int, list[int]] = defaultdict(list)
    events: list[ClientEvent] = []
    options = f"{PINGS}&tcpSendBufferSize={BUFFER_BYTES}"
    with ExitStack() as stack:
        if certificates is not None:
            authority = Authority(certificates)
            address = "127.0.0.1", stack.enter_context(EncryptedDoor(address, authority.server())).port
            options += f"&sslEnabled=true&trustStorePath={authority.pem}"
        proxy = stack.enter_context(Proxy(address, buffer_bytes=BUFFER_BYTES))
        pool = stack.enter_context(ThreadPoolExecutor(THREADS + 1))
        client = stack.enter_context(connect(f"tcp://127.0.0.1:{proxy.port}?{options}", on_event=events.append))
        shared = stack.enter_context(client.session())
        sending = [pool.submit(send_all, client, shared, queue, count, thread) for thread in range(THREADS)]
        with client.session() as session, session.consumer(queue, window_bytes=WINDOW_BYTES) as consumer:
            while True:
                done = all(each.done() for each in sending)
                message = consumer.receive(timeout=0 if done else 1)  # at 0 the broker says that there is nothing
                if message is None:
                    if done and proxy.links_opened > 1:  # the silence was noticed
                        break
                    continue
                thread, number = map(int, message.data.rpartition(b"#")[2].split(b":"))
                assert message.data == pattern(thread, number)
                came[thread].append(number)
                if len(came) == THREADS and proxy.links_opened == 1 and not proxy.faults.stalled:
                    pool.submit(fall_silent, proxy, silence_s)
        recreated = client.stats.recreated_sessions
    failures = [event.error for event in events if isinstance(event, FailureDetected)]
    assert not [error for error in failures if isinstance(error, RemoteProtocolError)]
    for thread, each in enumerate(sending):
        numbers = came[thread]
        assert set(each.result()) <= set(numbers)
        if not recreated:
            assert list(dict.fromkeys(numbers) if doubles else numbers) == list(range(count))
        assert [n for at, n in enumerate(numbers) if n not in numbers[:at]] == sorted(set(numbers))
    print(f"\n{sum(map(len, came.values()))} came, {proxy.links_opened} links, {recreated} sessions made anew")
