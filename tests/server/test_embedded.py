"""A broker inside a program: real sockets, a core as small as an echo."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from tests.server.fakes import EchoCore, echo_core

from corewire.errors import ConfigError
from corewire_server.config import AcceptorConfig, BrokerConfig
from corewire_server.core.inputs import BytesReceived, LinkClosed, LinkOpened
from corewire_server.runtime.embedded import Serving
from corewire_server.runtime.service import NodeFailed, NodeState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from corewire_server.runtime.embedded import Node

pytestmark = pytest.mark.interop
TALKS = 1_000


def dial(node: Node) -> socket.socket:
    host, _, port = node.url.removeprefix("tcp://").rpartition(":")
    sock = socket.create_connection((host, int(port)), timeout=30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def ask(sock: socket.socket, question: bytes) -> bytes:
    sock.sendall(question)
    return sock.recv(65536)


def drain(sock: socket.socket) -> bytes:
    """Read until the other side ends it, in whatever way."""
    read = b""
    with contextlib.suppress(ConnectionResetError):
        while data := sock.recv(1 << 20):
            read += data
    return read


def test_bytes_go_in_and_answers_come_out() -> None:
    with Serving(BrokerConfig.for_tests(), echo_core) as node, dial(node) as sock:
        states = [node.state]
        assert ask(sock, b"hello") == b"hello"
        assert ask(sock, b"keep it") == b"kept it"
    states.append(node.state)
    assert states == [NodeState.ACTIVE, NodeState.STOPPED]


@pytest.fixture
def _nervous() -> Iterator[None]:
    """Threads are switched all the time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_nervous")
def test_brokers_of_one_program_do_not_share_what_they_read() -> None:
    """Each has a thread of its own."""
    answers: dict[bytes, set[bytes]] = {}

    def talk(node: Node, letter: bytes) -> None:
        with dial(node) as sock:
            for _ in range(TALKS):
                answers.setdefault(letter, set()).add(ask(sock, letter))

    with Serving(BrokerConfig.for_tests(), echo_core) as one, Serving(BrokerConfig.for_tests(), echo_core) as other:
        talking = [
            threading.Thread(target=talk, args=(node, letter))
            for node, letters in ((one, b"ab"), (other, b"cd"))
            for letter in (letters[:1], letters[1:])
        ]
        for thread in talking:
            thread.start()
        for thread in talking:
            thread.join()
    assert answers == {letter: {letter} for letter in (b"a", b"b", b"c", b"d")}


def test_orderly_stop_says_goodbye_and_ends_links() -> None:
    with Serving(BrokerConfig.for_tests(), echo_core) as node:
        sock = dial(node)
        assert ask(sock, b"hello") == b"hello"
    assert sock.recv(100) == b"bye"
    assert sock.recv(100) == b""
    sock.close()
    node.stop()  # once more is harmless


def test_links_are_numbered_in_the_epoch_and_each_input_is_in_order() -> None:
    core = EchoCore()
    with Serving(BrokerConfig.for_tests(), lambda *_: core) as node:
        with dial(node) as sock:
            ask(sock, b"one")
        with dial(node) as sock:
            ask(sock, b"quit now")
            assert sock.recv(100) == b""
    first, second = 1 << 32 | 1, 1 << 32 | 2
    kinds = [(type(item), getattr(item, "link", None)) for _, item in core.inputs]
    assert kinds[:3] == [(LinkOpened, first), (BytesReceived, first), (LinkClosed, first)]
    assert (LinkClosed, second) not in kinds  # it was the core that closed it
    times = [now for now, _ in core.inputs]
    assert times == sorted(times)


def test_timer_is_kept() -> None:
    core = EchoCore()
    with Serving(BrokerConfig.for_tests(), lambda *_: core) as node, dial(node) as sock:
        core.timeout = 0  # long ago
        heard = ask(sock, b"x")
        while b"tick" not in heard:
            heard += sock.recv(100)
        assert heard == b"xtick"


def test_client_that_does_not_read_is_not_read_either_and_given_up_in_the_end(caplog: pytest.LogCaptureFixture) -> None:
    with Serving(BrokerConfig.for_tests(), echo_core) as node, dial(node) as sock, dial(node) as other:
        with caplog.at_level(logging.WARNING, "corewire.broker"):
            sock.sendall(b"flood 80000000")
            assert ask(other, b"hello") == b"hello"
            drain(sock)
        assert "not read by the client" in caplog.text


def test_mistake_in_the_core_stops_the_node_at_once(caplog: pytest.LogCaptureFixture) -> None:
    node = Serving(BrokerConfig.for_tests(), echo_core).__enter__()
    with dial(node) as sock:
        sock.sendall(b"boom")
        drain(sock)
    with pytest.raises(NodeFailed, match="AssertionError: boom"):
        node.stop()
    assert "the node stops" in caplog.text


def test_what_was_answered_is_there_after_a_restart(tmp_path: Path) -> None:
    cores = [EchoCore(), EchoCore()]
    node_ids: list[bytes] = []

    def core(config: BrokerConfig, seed: bytes) -> EchoCore:
        node_ids.append(seed)
        return cores[len(node_ids) - 1]

    for epoch in (1, 2):
        with Serving(BrokerConfig.for_tests(tmp_path), core) as node, dial(node) as sock:
            assert node.epoch == epoch
            assert ask(sock, b"keep %d" % epoch) == b"kept %d" % epoch
    assert [record.body for record in cores[1].kept] == [b"1"]
    assert node_ids[0] == node_ids[1]
    assert {entry.name for entry in (tmp_path / "journal").iterdir()} == {"journal-0000000001", "spare-2"}


def test_folder_is_locked_while_a_node_lives(tmp_path: Path) -> None:
    config = BrokerConfig.for_tests(tmp_path)
    with Serving(config, echo_core), pytest.raises(NodeFailed, match=f"in use by process {os.getpid()}"):
        Serving(config, echo_core).__enter__()
    with Serving(config, echo_core) as node:
        assert node.epoch == 2


def test_damage_is_named_and_nothing_is_served(tmp_path: Path) -> None:
    config = BrokerConfig.for_tests(tmp_path)
    with Serving(config, echo_core) as node, dial(node) as sock:
        ask(sock, b"keep it")
    segment = tmp_path / "journal" / "journal-0000000001"
    data = bytearray(segment.read_bytes())
    data[data.index(b"it", 100)] ^= 1
    segment.write_bytes(data)
    with pytest.raises(NodeFailed, match=r"journal-0000000001 at byte \d+: batch 2 is damaged"):
        Serving(config, echo_core).__enter__()


def test_address_in_use_is_a_configuration_error_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with (
            pytest.raises(ConfigError, match=url),
            Serving(BrokerConfig(acceptors=(AcceptorConfig(url=url),)), echo_core),
        ):
            pass


def test_nothing_is_left_behind() -> None:
    before = threading.active_count()
    with Serving(BrokerConfig.for_tests(), echo_core):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


@pytest.mark.anyio
async def test_async_with_does_not_stop_the_loop_of_the_application() -> None:
    async with Serving(BrokerConfig.for_tests(), echo_core) as node:
        with dial(node) as sock:
            assert ask(sock, b"hello") == b"hello"
