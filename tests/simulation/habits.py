"""
Habits of clients and brokers that ours do not have, put on for the length of a test: what was found with others in real runs is
brought about with them.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from corewire._channel import Channel, int32
from corewire.client._recovery import Sessions
from corewire_server.core import delivery
from corewire_server.core.consumers import Consumer
from corewire_server.node.pair import PairNode
from corewire_server.simulator import simulation
from corewire_server.simulator.strays import Strays

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from corewire_server.core.state import State
    from corewire_server.node.orders import Order

    Resume = Callable[[Channel, int], int]


def _at_clients(patch: pytest.MonkeyPatch, replay: Callable[[Resume, Channel, int], int]) -> None:
    """Have clients, and no brokers, replay so. ``replay`` is given how it was done, the channel, and what the broker has."""
    resume, carry_on = Channel.resume, Sessions._continue
    inside: list[bool] = []

    def resume_so(self: Channel, peer_received: int) -> int:
        return replay(resume, self, peer_received) if inside else resume(self, peer_received)

    def inside_client(self: Sessions, *args: Any) -> int:
        inside.append(True)
        try:
            return carry_on(self, *args)
        finally:
            inside.pop()

    patch.setattr(Channel, "resume", resume_so)
    patch.setattr(Sessions, "_continue", inside_client)


def writes_before_the_replay(patch: pytest.MonkeyPatch) -> None:
    """
    A thread of the client that was held up between keeping a send and writing it wakes on the next connection, in front of the
    replay, which writes it again.
    """

    def replay(resume: Resume, channel: Channel, peer_received: int) -> int:
        missing = channel._frames[int32(peer_received + 1 - channel.first_unconfirmed) :]
        numbers = Strays()
        numbers.note(0, b"".join(missing[: len(missing) - channel.waiting]))
        if numbers.frame is not None:
            assert channel.link is not None
            channel.link.writer(numbers.frame)
        return resume(channel, peer_received)

    _at_clients(patch, replay)


def takes_the_price_late(patch: pytest.MonkeyPatch) -> None:
    """A broker takes what a message costs off a consumer's credits when it has left, behind the credits that came meanwhile."""
    hand_out, add = delivery._hand_out, Consumer.add_credits
    due: dict[tuple[str, int], int] = {}  # session and consumer -> of what was handed out last

    def hand_out_first(state: State, consumer: Consumer, budget: int) -> int:
        before = consumer.credits
        used = hand_out(state, consumer, budget)
        due[consumer.session.name, consumer.id] = before - consumer.credits
        return used

    def add_first(self: Consumer, tokens: int) -> None:
        price = due.pop((self.session.name, self.id), 0)
        self.credits += price
        add(self, tokens)
        self.credits -= price

    patch.setattr(delivery, "_hand_out", hand_out_first)
    patch.setattr(Consumer, "add_credits", add_first)


def far_ends_unseen(patch: pytest.MonkeyPatch) -> None:
    """
    Of every other dial between nodes without a password a runtime does not find out that it stayed on this machine, for the
    connection was reset before it looked, and takes it for one to another machine.
    """
    accepted, connected = PairNode.peer_accepted, PairNode.peer_connected
    dials = count()

    def accepted_here(self: PairNode, now: int, conn: int, loopback: bool) -> list[Order]:
        return accepted(self, now, conn, loopback=True)

    def connected_somewhere(self: PairNode, now: int, conn: int, loopback: bool) -> list[Order]:
        return connected(self, now, conn, loopback=next(dials) % 2 > 0)

    patch.setattr(simulation, "CLUSTER_PASSWORD", "")
    patch.setattr(PairNode, "peer_accepted", accepted_here)
    patch.setattr(PairNode, "peer_connected", connected_somewhere)
