"""Connections before they are the link: who proves himself is heard, all others are told nothing and closed."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from corewire_server.core.effects import Log
from corewire_server.node.orders import ClosePeer, DialPeer, SendPeer
from corewire_server.node.peers import GREETING_MS, STRANGERS_MAX, Peers
from corewire_server.node.settings import PairSettings
from corewire_server.replication.hello import WRONG_PROOF
from corewire_server.replication.link import (
    Answer,
    Claim,
    Command,
    HeartBeat,
    Hello,
    LinkProtocolError,
    Role,
    Word,
    encode,
)

if TYPE_CHECKING:
    from corewire_server.node.orders import Order
    from corewire_server.replication.link import Frame


class End:
    """One node's connections, and what came of them."""

    def __init__(self, name: str, **settings: Any) -> None:
        self.out: list[Order] = []
        self.incarnation = name.encode() * 16
        made = PairSettings(configured_primary=True, client_address="", link_address=name, **settings)
        self.peers = Peers(made, self.incarnation, Random(name).randbytes, self.out)
        self.heard: list[Frame] = []

    def claim(self, role: Role = Role.WAITING) -> Claim:
        return Claim(role=role, incarnation=self.incarnation)

    def take(self, conn: int, data: bytes) -> None:
        self.heard += self.peers.read(conn, data, self.claim)

    def sent(self) -> bytes:
        """What is to be written, and forget it."""
        data = b"".join(order.data for order in self.out if isinstance(order, SendPeer))
        self.out.clear()
        return data


def connected(dialler: End, acceptor: End, *, loopback: bool = True) -> int:
    """The dialler's hello has reached the acceptor. Returns the number of the dial."""
    conn = dialler.peers.dial(0)
    assert dialler.out == [DialPeer(conn)]
    dialler.out.clear()
    acceptor.peers.accepted(0, 2, loopback=loopback)
    dialler.peers.connected(0, conn, loopback=loopback)
    dialler.take(conn, acceptor.sent())
    acceptor.take(2, dialler.sent())
    return conn


@pytest.mark.parametrize("password", ["", "secret"])
def test_hello_and_answer_are_proven_and_the_connection_becomes_the_link(password: str) -> None:
    a, b = End("a", cluster_password=password), End("b", cluster_password=password)
    conn = connected(a, b, loopback=not password)
    (hello,) = b.heard
    assert isinstance(hello, Hello)
    assert hello.claim == a.claim()
    b.peers.answer(2, Word.LINK, b.claim(), resume_from=7)
    a.take(conn, b.sent())
    (answer,) = a.heard
    assert isinstance(answer, Answer)
    assert (answer.word, answer.resume_from, answer.claim) == (Word.LINK, 7, b.claim())
    a.peers.link(conn)
    a.take(conn, encode(HeartBeat(1, 2)))
    assert a.heard[1:] == [HeartBeat(1, 2)]
    assert a.peers.next_timeout() is None


def test_other_answers_end_the_connection() -> None:
    a, b = End("a"), End("b")
    connected(a, b)
    b.peers.answer(2, Word.WAIT, b.claim())
    assert b.out[-1] == ClosePeer(2)
    assert not b.peers.has(2)


def test_wrong_password_is_told_nothing_but_that() -> None:
    a, b = End("a", cluster_password="one"), End("b", cluster_password="other")
    conn = connected(a, b)
    assert b.heard == []
    assert ClosePeer(2) in b.out
    assert Log("warning", f"a connection was refused: {WRONG_PROOF}") in b.out
    with pytest.raises(LinkProtocolError, match=WRONG_PROOF):
        a.take(conn, b.sent())
    assert a.heard == []


def test_answer_of_who_does_not_know_the_password_is_not_believed() -> None:
    a, b = End("a", cluster_password="one"), End("b", cluster_password="one")
    conn = connected(a, b)
    b.peers.answer(2, Word.GO, b.claim())
    data = bytearray(b.sent())
    data[-1] ^= 1
    with pytest.raises(LinkProtocolError):
        a.take(conn, bytes(data))


def test_connection_to_ourselves_is_no_answer() -> None:
    a = End("a")
    conn = a.peers.dial(0)
    a.out.clear()
    a.peers.accepted(0, 2, loopback=True)
    a.peers.connected(0, conn, loopback=True)
    a.take(conn, a.sent())
    a.take(2, a.sent())
    assert a.heard == []
    assert not a.peers.has(2)


def test_without_a_password_nobody_from_another_machine_is_heard() -> None:
    a = End("a")
    a.peers.accepted(0, 2, loopback=False)
    assert ClosePeer(2) in a.out
    conn = a.peers.dial(0)
    a.peers.connected(0, conn, loopback=False)
    assert not a.peers.has(conn)


def test_who_does_not_go_on_is_closed() -> None:
    a = End("a")
    a.peers.accepted(0, 2, loopback=True)
    conn = a.peers.dial(0)
    assert a.peers.next_timeout() == 200
    assert a.peers.expire(199) == []
    assert a.peers.expire(200) == [conn]
    conn = a.peers.dial(200)
    a.peers.connected(300, conn, loopback=True)
    assert a.peers.expire(1299) == []
    assert a.peers.expire(1300) == [conn]
    assert a.peers.expire(GREETING_MS) == [2]
    assert a.peers.next_timeout() is None


def test_hello_that_waits_for_our_disk_is_not_late() -> None:
    a, b = End("a"), End("b")
    connected(a, b)
    assert b.peers.next_timeout() is None
    assert b.peers.expire(1 << 40) == []


def test_operator_may_give_one_command() -> None:
    a, b = End("a"), End("b")
    a.claim = lambda role=Role.OPERATOR: Claim(role=role, incarnation=a.incarnation)  # type: ignore[method-assign]
    conn = connected(a, b)
    b.peers.answer(2, Word.HERE, b.claim())
    a.take(conn, b.sent())
    b.take(2, encode(Command("show", {})))
    assert b.heard[1:] == [Command("show", {})]


def test_frame_that_is_not_due_ends_the_connection() -> None:
    a, b = End("a"), End("b")
    connected(a, b)
    with pytest.raises(LinkProtocolError, match="our answer was due"):
        b.take(2, encode(HeartBeat(1, 2)))


def test_nothing_is_read_from_a_connection_once_it_is_closed() -> None:
    a, b = End("a"), End("b")
    conn = connected(a, b)
    b.peers.answer(2, Word.LINK, b.claim())
    a.take(conn, b.sent())
    a.peers.link(conn)
    for frame in a.peers.read(conn, encode(HeartBeat(1, 1)) + encode(HeartBeat(2, 2)), a.claim):
        assert frame == HeartBeat(1, 1)
        a.peers.close(conn)
    a.take(conn, encode(HeartBeat(3, 3)))
    assert len(a.heard) == 1


def test_strangers_are_limited_in_number() -> None:
    a = End("a")
    for number in range(STRANGERS_MAX + 1):
        a.peers.accepted(0, 2 * number + 2, loopback=True)
    assert [order for order in a.out if isinstance(order, ClosePeer)] == [ClosePeer(2 * STRANGERS_MAX + 2)]
