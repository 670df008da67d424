"""What a client asks before anybody may use it: no question is waited for without end, however the broker goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.client_world import ONE, ClientWorld, Wire, resilient
from tests.engine.test_client_exactly_once import step_until

from corewire._states import ClientState
from corewire.client.config import ClientConfig, Endpoint
from corewire.effects import Dial
from corewire.errors import CallTimeout, ObjectClosed
from corewire.wire.framing import MAGIC, packet_type
from corewire.wire.registry import packet_name

if TYPE_CHECKING:
    from collections.abc import Callable

#: What exactly-once asks: a session, its fence, the address of the receipts, its guard, and whether it may send there.
QUESTIONS = (
    *("CREATESESSION_V2", "SESS_UNIQUE_ADD_METADATA", "SESS_BINDINGQUERY"),
    *("CREATE_ADDRESS", "CREATE_QUEUE_V2", "SESS_SEND"),
)
CALL_S = 5.0
FAILOVER_S = 12.0


def once(**fields: Any) -> ClientConfig:
    silence = {"connection_ttl_s": 1.0, "client_failure_check_period_s": 0.25}
    options: dict[str, Any] = {"endpoints": (ONE,), "exactly_once": True, "call_timeout_s": CALL_S, **silence, **fields}
    return ClientConfig(**options)


class Faulty(ClientWorld):
    """With a broker that has a fault, from when it was told on."""

    unread = ""  #: a kind of command that it never reads; all others it answers
    dies = False  #: and it is silent on that link from then on
    mute = False  #: it accepts links, and says nothing on them

    def _dial(self, link: int, endpoint: Endpoint) -> None:
        super()._dial(link, endpoint)
        if self.mute:
            self.wires[link].stalled = True

    def _to_broker(self, link: int, wire: Wire) -> bool:
        data = bytes(wire.to_broker)
        kept = data[: len(MAGIC)] if data.startswith(MAGIC) else b""
        at, met = len(kept), False
        while at < len(data):
            end = at + 4 + int.from_bytes(data[at : at + 4], "big")
            if packet_name(packet_type(data[at:end])) == self.unread:
                met = True
            else:
                kept += data[at:end]
            at = end
        wire.to_broker[:] = kept
        wire.stalled = wire.stalled or (met and self.dies)
        return super()._to_broker(link, wire) or met


def asked(question: str, config: ClientConfig) -> Faulty:
    """A world whose client has just asked this, and was not answered."""
    world = Faulty(config, pump=False)
    step_until(world, lambda: question in world.sent)
    assert not world.started.done
    return world


def gone(world: Faulty, question: str) -> None:
    """The link is cut, and nobody listens any more."""
    world.refusing.add("one")
    world.cut()


def mute(world: Faulty, question: str) -> None:
    """The link is cut, and whoever listens then says nothing."""
    world.mute = True
    world.cut()


def dying(world: Faulty, question: str) -> None:
    """Whoever is asked this dies of it, and is back at once."""
    world.unread, world.dies = question, True
    world.cut()


FAULTS = (gone, mute, dying)


def assert_ends_after(world: ClientWorld, seconds: float) -> None:
    """`connect` fails after so much time, and not before; then nothing is left to wait for."""
    world.advance(seconds - 0.1)
    assert not world.started.done
    world.advance(0.2)
    with pytest.raises(CallTimeout):
        world.started.result()
    assert world.engine.state is ClientState.FAILED
    assert world.engine.next_timeout() is None
    assert not any(wire.alive for wire in world.wires.values())


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_broker_that_goes_is_waited_for_as_long_as_for_an_answer(
    question: str, fault: Callable[[Faulty, str], None]
) -> None:
    world = asked(question, once())
    fault(world, question)
    assert_ends_after(world, CALL_S)


@pytest.mark.parametrize(("question", "times"), [(each, 1 if each in QUESTIONS[:2] else 2) for each in QUESTIONS])
def test_a_broker_that_never_answers_one_question_is_given_up(question: str, times: int) -> None:
    """What a session asks is asked again on another link; all that follows then has its time once, on however many links."""
    world = Faulty(once(), pump=False)
    world.unread = question
    world.pump()
    assert_ends_after(world, times * CALL_S)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_limit_for_outages_that_is_given_counts(question: str, fault: Callable[[Faulty, str], None]) -> None:
    world = asked(question, once(call_failover_timeout_s=FAILOVER_S))
    fault(world, question)
    assert_ends_after(world, FAILOVER_S)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_broker_that_is_back_in_time_is_asked_again(question: str) -> None:
    world = asked(question, once())
    gone(world, question)
    world.advance(CALL_S - 3.0)
    world.refusing.clear()
    world.advance(2.9)
    world.started.result()
    world.advance(3_600.0)
    assert world.engine.state is ClientState.UP, "what limited the beginning limits nothing any more"


@pytest.mark.parametrize("question", QUESTIONS)
def test_who_waits_for_a_first_broker_without_end_waits_for_this_one_too(question: str) -> None:
    world = asked(question, once(initial_connect_attempts=None))
    gone(world, question)
    world.advance(3_600.0)
    assert not world.started.done
    world.refusing.clear()
    world.advance(3.0)
    world.started.result()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("question", QUESTIONS)
def test_whoever_connects_may_leave_at_any_time(question: str, fault: Callable[[Faulty, str], None]) -> None:
    world = asked(question, once(initial_connect_attempts=None))
    fault(world, question)
    world.engine.abandon(world.now, world.started)
    closing = world.engine.close(world.now)
    world.advance(CALL_S)
    assert closing.done
    assert isinstance(world.started.error, ObjectClosed)
    assert world.engine.next_timeout() is None


@pytest.mark.parametrize("fault", [gone, mute])
@pytest.mark.parametrize("question", ["CREATESESSION_V2", "SESS_UNIQUE_ADD_METADATA", "SESS_ADD_METADATA2"])
def test_naming_the_client_is_bounded_as_well(question: str, fault: Callable[[Faulty, str], None]) -> None:
    config = resilient(client_id="me", call_timeout_s=CALL_S, call_failover_timeout_s=CALL_S)
    world = asked(question, config)
    fault(world, question)
    assert_ends_after(world, CALL_S)


@pytest.mark.parametrize(("ttl_s", "timeout_s"), [(60.0, 60.0), (None, CALL_S)])
def test_a_dial_has_a_deadline_even_without_a_time_to_live(ttl_s: float | None, timeout_s: float) -> None:
    world = ClientWorld(resilient(connection_ttl_s=ttl_s, call_timeout_s=CALL_S), pump=False)
    assert world.engine.poll_effects() == [Dial(1, ONE, timeout_s)]
