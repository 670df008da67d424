"""
Waiting for the storage of a broker that is not ours (docs/design/exactly-once.md).

The history: such a broker ends a session while its executor is still at the last sends, and they lie in the journal's buffer
when the session that is made anew has passed the fence. What is sent again is answered then, although it is in no queue,
and what is behind it overtakes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.client_world import ONE, ClientWorld

from corewire.client._receipts import RECEIPTS
from corewire.client.config import ClientConfig
from corewire.client.message import Message
from corewire.values import Queue
from corewire.wire import packets
from corewire.wire.message import CoreMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire._operation import Operation
    from corewire.client._ids import SessionId

BODIES = ("a", "b", "c")


class Burst:
    """Sends that were written and not answered, and the link that was cut behind them."""

    def __init__(self, *, foreign: bool = True) -> None:
        options: dict[str, Any] = {"endpoints": (ONE,), "exactly_once": True}
        self.world = ClientWorld(ClientConfig(**options), foreign=foreign)
        self.session: SessionId = self.world.session()
        engine = self.world.engine
        self.producer = self.world.run(engine.create_producer(self.world.now, self.session, Queue("q")))
        self.world.frames.clear()
        self.world.sent.clear()
        self.receipts: list[Operation[None]] = []

    def cut(self) -> None:
        """Before the broker has read any of it."""
        world = self.world
        self.receipts += [world.engine.submit(world.now, self.producer, Message(body)).result() for body in BODIES]
        while world.perform():
            pass
        world.cut()

    def move_until(self, reached: Callable[[], bool]) -> None:
        """Deliver frame by frame, and let time pass where nothing moves."""
        for _ in range(1_000):
            if reached():
                return
            if not self.world.step():
                self.world.now = max(self.world.now, self.world.engine.next_timeout() or 0.0)
                self.world.engine.handle_timeout(self.world.now)
        raise AssertionError("that never comes")

    @property
    def waited_for(self) -> list[object]:
        """The ids of the receipts that were written."""
        messages = [CoreMessage(packet.message) for packet in self.world.written(packets.SessionSend)]
        return [message.properties["_AMQ_DUPL_ID"] for message in messages if message.address == RECEIPTS]

    def check_arrived(self) -> None:
        """Once, and in order."""
        self.world.advance(5.0)
        for receipt in self.receipts:
            receipt.result()
        assert self.world.receive_all(self.world.consumer(self.session)) == [*BODIES] * (
            len(self.receipts) // len(BODIES)
        )


def test_nothing_is_sent_again_before_what_the_broker_had_begun_is_stored() -> None:
    burst = Burst()
    burst.cut()
    world = burst.world
    burst.move_until(lambda: bool(burst.waited_for))
    fence = world.sent.index("SESS_UNIQUE_ADD_METADATA")
    written = world.sent[fence:].copy()
    world.wire.deaf = True  # so long does the journal take
    world.pump()
    assert world.sent[fence:] == written
    assert written.count("SESS_SEND") == 1
    world.wire.deaf = False
    burst.check_arrived()
    assert len(burst.waited_for) == 1


def test_where_the_answer_is_lost_another_receipt_is_sent() -> None:
    """The id of the first may be known, and a message with an id that is known is not written to the journal."""
    burst = Burst()
    burst.cut()
    burst.move_until(lambda: bool(burst.waited_for))
    burst.world.wire.client_reads = 0
    burst.check_arrived()
    assert len(set(burst.waited_for)) == 2


def test_a_session_that_is_lost_a_second_time_waits_a_second_time() -> None:
    burst = Burst()
    burst.cut()
    burst.world.advance(1.0)
    burst.cut()
    burst.check_arrived()
    assert len(set(burst.waited_for)) == 2


def test_whoever_has_all_answers_waits_for_nothing() -> None:
    burst = Burst()
    world = burst.world
    world.run(world.engine.send(world.now, burst.session, Queue("q"), Message("before")))
    world.cut()
    world.advance(1.0)
    world.run(world.engine.send(world.now, burst.session, Queue("q"), Message("behind")))
    assert world.receive_all(world.consumer(burst.session)) == ["before", "behind"]
    assert not burst.waited_for


def test_a_broker_of_ours_stores_all_of_a_session_before_its_end() -> None:
    burst = Burst(foreign=False)
    burst.world.refusing.add("one")
    burst.cut()
    burst.world.advance(100.0)  # longer than it keeps a session whose link was lost
    burst.world.refusing.clear()
    burst.check_arrived()
    assert burst.world.sent.count("CREATESESSION_V2") == 1
    assert not burst.waited_for


@pytest.mark.parametrize("code", [105, 210])
def test_a_broker_that_refuses_the_receipt_is_not_asked_for_more(code: int) -> None:
    burst = Burst()
    burst.cut()
    burst.move_until(lambda: bool(burst.waited_for))
    world = burst.world
    session = world.engine._context.sessions[burst.session]
    (number,) = session.answers.sends
    refused = packets.ExceptionResponse(code, "AMQ229000", number)
    session.answered(world.now, refused, number)  # before the broker's own answer
    burst.check_arrived()
    assert len(burst.waited_for) == 1
