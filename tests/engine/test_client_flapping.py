"""Links that end again and again under a broker that does not answer: a call ends within both its time-outs together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.client_world import ONE, ClientWorld, fragile, packets, resilient

from corewire.client.config import ClientConfig
from corewire.client.message import Message
from corewire.errors import CallTimeout
from corewire.values import Queue, QueueConfiguration, Topic
from corewire.wire.framing import FrameReader, channel_id, packet_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire._operation import Operation
    from corewire.client._engine import ClientEngine
    from corewire.client._ids import SessionId

    Ask = Callable[[ClientEngine, float, SessionId], Operation[Any]]

CALL_S = FAILOVER_S = 5.0
TIMES = {"call_timeout_s": CALL_S, "call_failover_timeout_s": FAILOVER_S, "retry_interval_s": 0.1}
BOUND_S = CALL_S + FAILOVER_S
STEP_S = 0.5
MADE = packets.CreateSessionResponse.TYPE

AGAIN: dict[str, Ask] = {
    "query_queue": lambda engine, now, session: engine.query_queue(now, session, "q"),
    "query_address": lambda engine, now, session: engine.query_address(now, session, "q"),
    "create_queue": lambda engine, now, session: engine.create_queue(
        now, session, QueueConfiguration(name="n", address="n"), exist_ok=True
    ),
    "create_consumer": lambda engine, now, session: engine.create_consumer(now, session, "q", create=True),
    "create_subscription": lambda engine, now, session: engine.create_subscription(now, session, Topic("t")),
    "create_producer": lambda engine, now, session: engine.create_producer(now, session, Queue("new")),
    "send": lambda engine, now, session: engine.send(now, session, Queue("new"), Message("x")),
    "begin_large": lambda engine, now, session: engine.begin_large(now, session, Queue("new"), Message(None)),
    "create_session": lambda engine, now, session: engine.create_session(now),
}


class Silence:
    """Swallows answers of the broker, while it lasts: those in sessions, or those to whoever wants one."""

    def __init__(self, world: ClientWorld, *, openings: bool = False) -> None:
        self.lasts = True
        self._held: list[tuple[int, bytes]] = []
        self._openings = openings
        self._receive = world.engine.receive_data
        world.engine.receive_data = self.receive_data  # type: ignore[method-assign]

    def receive_data(self, now: float, link: int, data: bytes) -> None:
        frames = FrameReader().feed(data)
        swallowed = [frame for frame in frames if self.lasts and self._swallows(frame)]
        self._held += [(link, frame) for frame in swallowed]
        if heard := b"".join(frame for frame in frames if frame not in swallowed):
            self._receive(now, link, heard)

    def end(self, now: float) -> None:
        """The broker speaks, late; what it said on links that are gone is lost."""
        self.lasts = False
        for link, frame in self._held:
            self._receive(now, link, frame)

    def _swallows(self, frame: bytes) -> bool:
        return packet_type(frame) == MADE if self._openings else channel_id(frame) >= 10


def flap(world: ClientWorld, operation: Operation[Any], up_s: float, patience_s: float) -> float:
    """Links last so long until a call has ended. Returns how long that took; ``patience_s``: it did not."""
    began = world.now
    while world.now < began + patience_s:
        for _ in range(round(up_s / STEP_S)):
            world.advance(STEP_S)
            if operation.done:
                return world.now - began
        world.cut_all()
    return patience_s


@pytest.mark.parametrize("outage", [False, True], ids=["up", "outage"])
@pytest.mark.parametrize("up_s", [1.0, 4.0])
@pytest.mark.parametrize("what", AGAIN)
def test_what_is_asked_again_on_each_link_ends(what: str, up_s: float, outage: bool) -> None:
    world = ClientWorld(fragile(**TIMES))
    session = world.session()
    Silence(world, openings=what == "create_session")
    if outage:
        world.refusing.add("one")
        world.cut()
    operation = AGAIN[what](world.engine, world.now, session)
    if outage:
        world.advance(FAILOVER_S - 1)
        assert not operation.done
        world.refusing.clear()
    waited_s = flap(world, operation, up_s, 60.0)
    assert waited_s + outage * (FAILOVER_S - 1) <= BOUND_S
    with pytest.raises(CallTimeout):
        operation.result()


def test_a_question_that_is_asked_again_has_all_of_its_call_timeout_while_that_is_not_too_long() -> None:
    world = ClientWorld(fragile(**TIMES))
    session = world.session()
    silence = Silence(world)
    question = world.engine.query_queue(world.now, session, "q")
    world.advance(CALL_S - 0.5)
    world.cut()
    world.advance(CALL_S - 0.5)
    assert not question.done
    silence.lasts = False
    world.cut()
    assert not world.run(question).exists


def test_a_window_changes_nothing_for_the_broker_of_others() -> None:
    world = ClientWorld(resilient(**TIMES), foreign=True)
    session = world.session()
    Silence(world)
    question = world.engine.query_queue(world.now, session, "q")
    assert flap(world, question, 1.0, 60.0) <= BOUND_S


def test_exactly_once_asks_as_long_as_it_takes() -> None:
    world = ClientWorld(ClientConfig(endpoints=(ONE,), exactly_once=True, call_timeout_s=CALL_S, retry_interval_s=0.1))
    session = world.session()
    silence = Silence(world)
    question = world.engine.query_queue(world.now, session, "q")
    assert flap(world, question, 4.0, 60.0) == 60.0
    silence.lasts = False
    world.advance(1.0)
    assert not world.run(question).exists


def test_a_session_that_is_made_when_nobody_waits_any_more_is_closed() -> None:
    world = ClientWorld(fragile(**TIMES))
    silence = Silence(world, openings=True)
    opening = world.engine.create_session(world.now)
    flap(world, opening, 4.0, 60.0)
    assert opening.error is not None
    assert len(world.brokers["one"].state.sessions) == 1
    silence.end(world.now)
    world.pump()
    assert not world.brokers["one"].state.sessions
    assert not world.engine._context.sessions
    world.session()


def test_a_send_that_waits_for_credits_has_no_limit_however_often_its_destination_is_looked_up() -> None:
    world = ClientWorld(fragile(**TIMES, producer_window_bytes=1))
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    world.engine._context.sessions[session].outlets.granted = lambda *_args, **_options: None  # type: ignore[method-assign]
    waiting = world.engine.send(world.now, session, Queue("q"), Message("y"))
    assert flap(world, waiting, 4.0, 60.0) == 60.0
    Silence(world)
    waited_s = flap(world, waiting, 4.0, 60.0)
    assert BOUND_S - STEP_S <= waited_s <= BOUND_S + STEP_S  # one look-up is not answered
