"""Strangers at both doors of both nodes of a pair: it goes on, in step, and neither grows nor complains without end."""

from __future__ import annotations

import random
import secrets
import socket
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.interop.pair import PRODUCT, Member, Pair

from corewire_server.node.peers import GREETING_MS
from corewire_server.replication.hello import cluster_key, make_hello
from corewire_server.replication.link import (
    NONCE_BYTES,
    PREAMBLE,
    Ack,
    Challenge,
    Claim,
    Command,
    Frame,
    HandOver,
    HeartBeat,
    Hello,
    Inputs,
    LinkReader,
    Report,
    Role,
    Told,
    encode,
)
from corewire_transports.blocking import connect

if TYPE_CHECKING:
    from collections.abc import Generator

pytestmark = [pytest.mark.interop, pytest.mark.slow]
GROWTH_KIB_MAX = 32 * 1024
LINES_MAX = 20  # of complaints, however many strangers come
PATIENCE_S = 60.0  # on a busy machine; a stranger is thrown out after five
IDLE = 60
FLOOD = 300


def resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def dialled(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


def spat_at(port: int, data: bytes) -> None:
    """Connect, say something, leave without waiting for more than the first words."""
    with dialled(port) as sock, suppress(OSError):
        sock.sendall(data)
        sock.settimeout(0.2)
        sock.recv(4096)


def challenged(sock: socket.socket, reader: LinkReader | None = None) -> Challenge:
    """What an acceptor says first."""
    reader = reader or LinkReader()
    while True:
        for frame in reader.feed(sock.recv(4096)):
            assert isinstance(frame, Challenge)
            return frame


def hello_to(challenge: Challenge, password: str = "", role: Role = Role.OPERATOR) -> Hello:
    claim = Claim(role=role, incarnation=secrets.token_bytes(16))
    return make_hello(cluster_key("", password), challenge, secrets.token_bytes(NONCE_BYTES), claim)


def closed(sock: socket.socket) -> bool:
    """Whether the other side ends it; what it says before does not count."""
    sock.settimeout(PATIENCE_S)
    with suppress(ConnectionError):
        while sock.recv(4096):
            pass
    return True


@contextmanager
def undisturbed(folder: Path) -> Generator[Pair]:
    """A pair under which nothing may happen, and a client that sends before and after."""
    with Pair(folder) as pair:
        with connect(pair.address + "?resilient=true") as client, client.session() as session:
            session.send("q", "before")
            grown = {member: resident_kib(member.pid) for member in pair.members}
            yield pair
            session.send("q", "after")
        pair.wait_in_step()
        assert pair.unasked() == 0
        for member in pair.members:
            assert "Traceback" not in member.log
            lines = [
                line for line in member.log.splitlines() if "link closed: a frame" not in line
            ]  # one for each client
            assert len(lines) < LINES_MAX, member.log
            assert resident_kib(member.pid) - grown[member] < GROWTH_KIB_MAX


def test_bytes_that_mean_nothing(tmp_path: Path) -> None:
    rng = random.Random(1)
    with undisturbed(tmp_path) as pair:
        words = [
            b"",
            b"GET / HTTP/1.1\r\n\r\n",
            PREAMBLE,
            PREAMBLE[:3],
            PREAMBLE + b"\xff" * 64,
            PREAMBLE + b"\x7f\xff\xff\xf0\x01",
            PREAMBLE + b"\x00\x00\x00\x00",
            *(rng.randbytes(rng.randrange(1, 2000)) for _ in range(10)),
        ]
        for member in pair.members:
            for word in words:
                spat_at(member.link_port, word)
                spat_at(member.port, word)


def test_idle_strangers_do_not_keep_the_operator_or_the_other_node_out(tmp_path: Path) -> None:
    with undisturbed(tmp_path) as pair, ExitStack() as stack:
        for member in pair.members:
            for _ in range(IDLE):
                stack.enter_context(dialled(member.link_port))
        for member in pair.members:
            assert member.order("show", GREETING_MS / 1000)["status"]["in_step"]


def test_backup_takes_over_and_comes_back_past_idle_strangers(tmp_path: Path) -> None:
    with Pair(tmp_path) as pair, ExitStack() as stack:
        old = pair.primary
        new = pair.other(old)
        for member in pair.members:
            for _ in range(IDLE):
                stack.enter_context(dialled(member.link_port))
        pair.kill(old)
        assert pair.wait_serving(new) < GREETING_MS / 1000, "it waits for no stranger to be thrown out"
        pair.start_again(old)
        pair.wait_in_step()


def test_flood_of_connections(tmp_path: Path) -> None:
    with undisturbed(tmp_path) as pair:
        for member in pair.members:
            for _ in range(FLOOD):
                dialled(member.link_port).close()
                dialled(member.port).close()


def test_wrong_and_replayed_proofs(tmp_path: Path) -> None:
    with undisturbed(tmp_path) as pair:
        for member in pair.members:
            with dialled(member.link_port) as sock:
                reader, frames = LinkReader(), list[Frame]()
                hello = hello_to(challenged(sock, reader))
                sock.sendall(PREAMBLE + encode(hello) + encode(Command("show", {})))
                reader.trust()
                while not any(isinstance(frame, Report) for frame in frames):
                    frames += reader.feed(sock.recv(65536))
            for word in (hello, None):
                with dialled(member.link_port) as sock:
                    challenge = challenged(sock)
                    sock.sendall(PREAMBLE + encode(word or hello_to(challenge, "guessed")))
                    sock.sendall(encode(Command("failover", {})))
                    assert closed(sock)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.WAITING, Role.JOINING, Role.BACKUP, Role.PRIMARY])
def test_frames_out_of_turn_behind_a_hello_that_is_proven(tmp_path: Path, role: Role) -> None:
    frames = (
        Told(1, 2),
        HandOver(5),
        HeartBeat(1, 1),
        Inputs(1, (b"x",)),
        Ack(1 << 40, 1 << 40, 1, 1, 0, 0, b""),
        Command("no such thing", {}),
    )
    with undisturbed(tmp_path) as pair:
        for member in pair.members:
            for frame in frames:
                with dialled(member.link_port) as sock:
                    sock.sendall(PREAMBLE + encode(hello_to(challenged(sock), role=role)))
                    with suppress(OSError):
                        sock.sendall(encode(frame))
                    assert closed(sock)


def test_a_third_node_waits_and_both_sides_say_so_once(tmp_path: Path) -> None:
    with undisturbed(tmp_path) as pair:
        primary = pair.primary
        third = Member(tmp_path / "third", "backup", PRODUCT)
        third.peer = f"tcp://127.0.0.1:{primary.port}?link={primary.link_port}"
        third.start()
        try:
            pair.wait("told", lambda: "does not take this node in" in third.log)
            pair.hold_still(1)  # it goes on knocking
            status = third.status()
            assert status is not None
            assert "a third node waits until one of them is gone" in status["waits_for"]
            assert third.log.count("does not take this node in") == 1
            assert primary.log.count("a third node waits") == 1
        finally:
            third.kill()
