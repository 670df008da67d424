"""Copies of sends, as other clients write them: only of those that brokers can know by their numbers."""

from __future__ import annotations

from corewire.wire import hot
from corewire.wire.framing import MAGIC
from corewire_server.simulator.strays import Strays


def send(number: int) -> bytes:
    return hot.send_frame(12, b"message", requires_response=number > 0, correlation_id=number, sender_id=7)


def test_the_last_send_with_a_number_is_remembered() -> None:
    strays = Strays()
    strays.note(3, MAGIC + send(4) + send(5))
    assert strays.link == 3
    assert strays.frame == send(5)


def test_a_send_that_asks_for_no_answer_is_none_that_is_written_again() -> None:
    """Its copy would be a part of the next transaction, as the receipt of a try was (seed 11791 of tries)."""
    strays = Strays()
    strays.note(3, send(4) + send(0))
    assert strays.frame == send(4)
