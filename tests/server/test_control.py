"""The operator's client: what it asks, whom it believes, and what it says when it cannot."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.interop.ports import free_port
from tests.server.link_node import LinkNode, status

from corewire.errors import (
    CallTimeout,
    ClusterSecurityError,
    ConfigError,
    ConnectionLost,
    Disconnected,
    IllegalState,
    NotConnected,
    RemoteProtocolError,
)
from corewire_server.replication.hello import refusal
from corewire_server.replication.link import (
    PREAMBLE,
    Answer,
    Challenge,
    Claim,
    Command,
    Hello,
    Role,
    Told,
    Word,
    encode,
)
from corewire_server.runtime import control
from corewire_server.runtime.control import Operator, ask

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOW = Command("show", {})
QUICK = Operator(timeout_s=30)


@contextmanager
def says(data: bytes, *, stays: bool = False) -> Iterator[int]:
    """A server that says the same to everybody, whatever it hears, then closes, or (``stays``) waits to be closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.sendall(data)
                sock.settimeout(30)
                if not stays:
                    sock.shutdown(socket.SHUT_WR)
                try:
                    while sock.recv(4096):
                        pass
                except OSError:
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(30)


def test_node_answers_whoever_knows_the_password() -> None:
    with LinkNode(status("primary", 4), "cluster", "secret") as node:
        content = ask("127.0.0.1", node.port, SHOW, Operator("cluster", "secret", 30))
        assert content["status"]["epoch"] == 4
        assert node.commands == [SHOW]


def test_node_that_does_not_know_whoever_asks_says_so_and_nothing_else() -> None:
    with LinkNode(status("primary", 4), "cluster", "secret") as node:
        with pytest.raises(ClusterSecurityError, match="refused"):
            ask("127.0.0.1", node.port, SHOW, Operator("cluster", "guess", 30))
        assert node.commands == []


def test_without_password_on_both_sides_the_same_machine_will_do() -> None:
    with LinkNode(status("backup", 2)) as node:
        assert ask("127.0.0.1", node.port, SHOW, QUICK)["status"]["role"] == "backup"


def test_without_password_nothing_is_said_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "is_loopback", lambda _sock: False)
    with LinkNode(status("backup", 2)) as node, pytest.raises(ConfigError, match="same machine"):
        ask("127.0.0.1", node.port, SHOW, QUICK)


def test_node_that_does_not_do_what_is_asked_says_why() -> None:
    with LinkNode(status("backup", 2)) as node, pytest.raises(IllegalState, match="does not serve"):
        ask("127.0.0.1", node.port, Command("switch", {}), QUICK)


def test_nobody_there() -> None:
    with pytest.raises(NotConnected, match="refused"):
        ask("127.0.0.1", free_port(), SHOW, QUICK)


def test_somebody_who_says_nothing_is_not_waited_for() -> None:
    with says(b"", stays=True) as port, pytest.raises(CallTimeout):
        ask("127.0.0.1", port, SHOW, Operator(timeout_s=0.05))


@pytest.mark.parametrize("data", [b"HTTP/1.1 400 Bad Request", PREAMBLE + bytes(16), PREAMBLE + encode(Told(1, 2))])
def test_port_of_something_else_is_named_as_such(data: bytes) -> None:
    with says(data) as port, pytest.raises(RemoteProtocolError, match="no replication link"):
        ask("127.0.0.1", port, SHOW, QUICK)


def test_frames_out_of_turn_are_not_taken() -> None:
    with (
        says(PREAMBLE + encode(Hello(bytes(32), Claim(role=Role.BACKUP)))) as port,
        pytest.raises(RemoteProtocolError, match="Challenge"),
    ):
        ask("127.0.0.1", port, SHOW, QUICK)


def test_false_node_is_not_believed() -> None:
    answer = Answer(Word.HERE, Claim(role=Role.PRIMARY))
    with (
        says(PREAMBLE + encode(Challenge(bytes(32))) + encode(answer)) as port,
        pytest.raises(ClusterSecurityError, match="does not know"),
    ):
        ask("127.0.0.1", port, SHOW, QUICK)


def test_what_a_stranger_says_cannot_command_the_terminal() -> None:
    told = encode(refusal("gone")).replace(b"gone", b"\x1b[2J")
    with (
        says(PREAMBLE + encode(Challenge(bytes(32))) + told) as port,
        pytest.raises(RemoteProtocolError) as caught,
    ):
        ask("127.0.0.1", port, SHOW, QUICK)
    assert str(caught.value).splitlines()[0].isprintable()


def test_node_that_hangs_up_is_a_lost_connection() -> None:
    with says(PREAMBLE) as port, pytest.raises(Disconnected) as caught:
        ask("127.0.0.1", port, SHOW, QUICK)
    assert isinstance(caught.value, ConnectionLost)


def test_password_is_not_shown() -> None:
    assert "secret" not in repr(Operator("cluster", "secret"))
