"""Questions whether a session is still there that a broker leaves without an answer: how long they are waited for, and what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.engine import test_client_recovery as recovery
from tests.engine.client_world import ONE, ClientWorld, fragile, packets, replace, resilient

from corewire._connection import Connection, ConnectionConfig, Role
from corewire._states import ClientState
from corewire.client._calls import Command
from corewire.client._control import CONTROL_CHANNEL, Ask, Control
from corewire.client.config import ClientConfig
from corewire.client.message import Message
from corewire.errors import CallTimeout
from corewire.events import FailedOver, FailoverFailed, FailureDetected, Reattached, Reconnecting
from corewire.values import Queue
from corewire.wire.framing import MAGIC, FrameReader, packet_type
from corewire.wire.registry import decode, encode
from corewire_server.core.inputs import BytesReceived

if TYPE_CHECKING:
    import random

    from corewire.client._control import ControlScript
    from corewire.client._ids import SessionId

QUICK: dict[str, Any] = {"retry_interval_s": 0.1}
STEP_S = 0.05


class Mute(ClientWorld):
    """A broker that drops so many of these questions, and takes its time for others."""

    def __init__(self, config: ClientConfig, *, foreign: bool = True, seed: int = 1) -> None:
        self.drops = 0
        self.slow_s = 0.0  #: an answer takes so long, ...
        self.slow_name: str | None = None  #: ... that about this session; None: about any
        self.dropped = 0
        self.starved = False  #: it answers pings, and nothing else
        self.stalls = False  #: once asked, nothing comes from it, not even to pings
        self.asked_at: list[float] = []
        self._held: list[tuple[float, int, str, Any]] = []
        super().__init__(config, foreign=foreign, seed=seed)

    def _step(self, host: str, item: Any) -> None:
        frames = FrameReader().feed(item.data.removeprefix(MAGIC)) if isinstance(item, BytesReceived) else []
        if self.starved:
            frames = [each for each in frames if packet_type(each) == packets.Ping.TYPE]
            item = replace(item, data=b"".join(frames)) if isinstance(item, BytesReceived) else item
        question = next((each for each in frames if packet_type(each) == packets.ReattachSession.TYPE), None)
        if question is None:
            super()._step(host, item)
            return
        packet = decode(question, 136)
        assert isinstance(packet, packets.ReattachSession)
        self.asked_at.append(self.now)
        self.wires[item.link - (1 << 32)].deaf = self.stalls
        if self.drops:
            self.drops -= 1
            self.dropped += 1
        elif self.slow_s and self.slow_name in (None, packet.name):
            self._held.append((self.now + self.slow_s, item.link - (1 << 32), host, replace(item, data=question)))
        else:
            super()._step(host, replace(item, data=question))
        if rest := b"".join(each for each in frames if each is not question):
            super()._step(host, replace(item, data=rest))

    def let_pass(self, seconds: float) -> None:
        """Time, in which slow answers come, if the link is still there."""
        for _ in range(round(seconds / STEP_S)):
            self.advance(STEP_S)
            due = [each for each in self._held if each[0] <= self.now]
            self._held = [each for each in self._held if each[0] > self.now]
            for _due_at, link, host, item in due:
                if self.wires[link].alive:
                    super()._step(host, item)

    @property
    def pauses(self) -> list[float]:
        """From each question to the next one."""
        return [after - before for before, after in zip(self.asked_at, self.asked_at[1:], strict=False)]

    def lose(self, *, drops: int = 0) -> None:
        """The link is cut, and so many questions will be dropped."""
        self.asked_at.clear()
        self.drops = drops
        self.cut()

    def send(self, session: SessionId, body: str) -> None:
        self.run(self.engine.send(self.now, session, Queue("q"), Message(body)))


def test_it_is_asked_again_on_a_new_link_after_two_seconds_then_four() -> None:
    world = Mute(resilient(**QUICK))
    session = world.session()
    world.lose(drops=2)
    world.advance(20.0)
    assert world.pauses == [pytest.approx(2.1), pytest.approx(4.1)]
    assert len(world.dials) == 4
    assert world.engine.state is ClientState.UP
    world.send(session, "x")


def test_it_is_waited_for_twice_as_long_each_time_up_to_the_call_timeout() -> None:
    world = Mute(resilient(call_timeout_s=10.0, **QUICK))
    world.session()
    world.lose(drops=5)
    world.advance(60.0)
    assert world.pauses == [pytest.approx(pause) for pause in (2.1, 4.1, 8.1, 10.1, 10.1)]
    assert world.engine.state is ClientState.UP


def test_a_shorter_call_timeout_is_the_limit() -> None:
    world = Mute(resilient(call_timeout_s=0.5, **QUICK))
    world.session()
    world.lose(drops=3)
    world.advance(5.0)
    assert world.pauses == [pytest.approx(0.6)] * 3


def test_once_answered_the_next_outage_begins_with_two_seconds_again() -> None:
    world = Mute(resilient(**QUICK))
    world.session()
    for _ in range(3):
        world.lose(drops=2)
        world.advance(20.0)
        assert world.pauses == [pytest.approx(2.1), pytest.approx(4.1)]


@pytest.mark.parametrize(
    ("config", "foreign"),
    [
        pytest.param(resilient(**QUICK), False, id="ours"),
        pytest.param(fragile(**QUICK), True, id="no window"),
        pytest.param(ClientConfig(endpoints=(ONE,), exactly_once=True, **QUICK), True, id="exactly once"),
    ],
)
def test_who_always_answers_in_the_end_has_all_of_the_call_timeout(config: ClientConfig, *, foreign: bool) -> None:
    world = Mute(config, foreign=foreign)
    world.session()
    world.lose(drops=1)
    world.advance(50.0)
    assert world.pauses[0] == pytest.approx(30.1)
    assert world.engine.state is ClientState.UP


def test_a_broker_that_is_only_slow_is_waited_for_in_the_end() -> None:
    world = Mute(resilient(**QUICK))
    sessions = [world.session() for _ in range(3)]
    world.slow_s = 5.0
    world.lose()
    world.let_pass(2.1 + 4.1 + 3 * 5.0 + 1.0)
    assert [event.replayed_packets for event in world.names(Reattached) if isinstance(event, Reattached)] == [0]
    assert world.pauses == [pytest.approx(pause, abs=2 * STEP_S) for pause in (2.1, 4.1, 5.0, 5.0)]
    world.slow_s = 0.0
    for session in sessions:
        world.send(session, "x")


def test_one_slow_session_behind_a_fast_one_is_waited_for_in_the_end() -> None:
    world = Mute(resilient(**QUICK))
    world.session()
    world.slow_s, world.slow_name = 5.0, world.engine.session_name(world.session())
    world.lose()
    world.let_pass(2.1 + 4.1 + 5.0 + 1.0)
    assert len(world.names(Reattached)) == 1


@pytest.mark.parametrize("attempts", [1, 2])
def test_the_last_attempt_waits_as_long_as_any_call(attempts: int) -> None:
    world = Mute(resilient(reconnect_attempts=attempts, **QUICK))
    world.session()
    world.slow_s = 25.0
    world.lose()
    world.let_pass(30.0)
    assert not world.names(FailoverFailed)
    assert len(world.names(Reattached)) == 1


def test_an_unanswered_question_takes_an_attempt() -> None:
    world = Mute(resilient(reconnect_attempts=3, **QUICK))
    world.session()
    world.lose(drops=3)
    world.advance(2.1 + 4.1 + 29.5)
    assert not world.names(FailoverFailed)
    world.advance(1.0)
    assert len(world.names(FailoverFailed)) == 1
    assert len(world.asked_at) == 3


def test_an_outage_with_unanswered_questions_is_one_outage() -> None:
    world = Mute(resilient(**QUICK))
    world.session()
    world.lose(drops=2)
    world.advance(20.0)
    assert len(world.names(FailureDetected)) == len(world.names(Reattached)) == 1
    assert [event.attempt for event in world.events if isinstance(event, Reconnecting)] == [1, 2, 3]
    (event,) = world.names(Reattached)
    assert isinstance(event, Reattached)
    assert event.outage_s == pytest.approx(2.1 + 4.1)
    counters = world.engine.counters
    assert (counters.reconnects, counters.reattached_sessions, counters.recreated_sessions) == (1, 1, 0)


def test_what_was_on_its_way_comes_once_and_in_order() -> None:
    world = Mute(resilient(**QUICK))
    sender, receiver = world.session(), world.session()
    consumer = world.consumer(receiver)
    world.send(sender, "0")
    world.wire.deaf = True  # the broker has executed what nobody confirmed
    executed = world.engine.send(world.now, sender, Queue("q"), Message("1"))
    world.pump()
    lost = world.engine.send(world.now, sender, Queue("q"), Message("2"))
    world.lose(drops=2)
    world.advance(20.0)
    for sent in (executed, lost):
        world.run(sent)
    assert world.receive_all(consumer) == ["0", "1", "2"]


class MuteHistory(recovery.History):
    """With a broker that drops up to two of the questions behind a cut."""

    world: Mute

    def make_world(self) -> Mute:
        return Mute(self.config, foreign=self.foreign, seed=self.seed)

    def arm(self, rng: random.Random) -> None:
        super().arm(rng)
        self.world.drops = rng.randrange(3)


@recovery.SEEDS
def test_whatever_is_cut_besides_what_was_confirmed_is_there(seed: int) -> None:
    history = MuteHistory(resilient(**QUICK), seed, foreign=True)
    assert history.run().engine.counters.reconnects
    assert history.world.dropped
    recovery.judge(history)


def test_a_late_answer_has_no_effect() -> None:
    world = Mute(resilient(**QUICK))
    session = world.session()
    world.lose(drops=2)
    world.advance(0.1)
    first = world.link
    world.advance(3.0)
    assert world.link != first
    answer = encode(packets.ReattachSessionResponse(-1, reattached=True), CONTROL_CHANNEL, 136)
    world.engine.receive_data(world.now, first, answer)
    world.pump()
    assert world.engine.state is ClientState.RECOVERING
    assert not world.names(Reattached)
    world.advance(10.0)
    world.send(session, "x")
    assert len(world.names(Reattached)) == 1


def test_a_session_that_is_gone_by_then_is_made_anew() -> None:
    world = Mute(resilient(connection_ttl_s=1.0, client_failure_check_period_s=0.5, **QUICK))
    session = world.session()
    consumer = world.consumer(session)
    world.lose(drops=1)
    world.advance(5.0)
    assert world.pauses == [pytest.approx(2.1)]
    assert [event.recreated_sessions for event in world.names(FailedOver) if isinstance(event, FailedOver)] == [1]
    world.send(session, "x")
    assert world.receive_all(consumer) == ["x"]


def test_a_broker_that_stands_still_is_not_asked_again_while_it_does() -> None:
    """Awake again it would find all those questions at once."""
    world = Mute(resilient(**QUICK))
    session = world.session()
    world.stalls = True
    world.lose(drops=1)
    world.advance(10.0)
    assert len(world.dials) == 2
    world.stalls = world.wire.deaf = False
    world.advance(0.9)
    assert len(world.dials) == 2, "it has only just taken the question"
    world.advance(0.3)
    assert len(world.dials) == 3
    world.send(session, "x")


def test_a_broker_that_answers_pings_only_is_not_asked_again_while_it_does() -> None:
    """All of its threads are taken: another question would take one more."""
    world = Mute(resilient(connection_ttl_s=5.0, client_failure_check_period_s=1.0, **QUICK))
    world.session()
    world.lose(drops=1)
    while not world.asked_at:
        world.turn()
    world.starved = True
    world.advance(29.9)
    assert len(world.dials) == 2
    world.starved = False
    world.advance(0.3)
    assert len(world.dials) == 3
    assert world.engine.state is ClientState.UP


def test_a_question_that_is_soon_answered_asks_nothing_else() -> None:
    world = Mute(resilient(**QUICK))
    world.session()
    world.slow_s = 0.5
    world.lose()
    world.sent.clear()
    world.let_pass(3.0)
    assert world.sent.count("SUBSCRIBE_TOPOLOGY_V2") == len(world.names(Reattached)) == 1


def test_a_broker_that_stands_still_for_longer_is_left_at_the_call_timeout() -> None:
    world = Mute(resilient(**QUICK))
    world.session()
    world.stalls = True
    world.lose(drops=1)
    world.advance(29.9)
    assert len(world.dials) == 2
    world.stalls = False
    world.advance(0.3)
    assert len(world.dials) == 3
    assert world.engine.state is ClientState.UP


def test_a_question_of_less_patience_ends_first() -> None:
    connection = Connection(Role.CLIENT, ConnectionConfig())
    connection.start(0.0)
    control = Control(connection, 30.0, "here")

    def script(patience_s: float | None) -> ControlScript[None]:
        question = Command(packets.ReattachSession("s", -1), packets.ReattachSessionResponse)
        yield Ask(question, patience_s=patience_s)

    patient, impatient = control.run(0.0, script(None)), control.run(0.0, script(2.0))
    control.heard(0.5)
    assert control.next_timeout() == 1.0, "this was no answer to what is to be asked then"
    control.handle_timeout(1.0)
    assert control.next_timeout() == 30.0
    control.heard(2.0)
    assert control.next_timeout() == 3.0
    control.heard(2.5)
    assert control.next_timeout() == 3.0, "it is of the first sign of life that time is counted"
    control.handle_timeout(3.0)
    assert isinstance(impatient.error, CallTimeout)
    assert control.outcomes == [impatient]
    assert control.next_timeout() == 30.0
    control.answer(4.0, CONTROL_CHANNEL, packets.ReattachSessionResponse(-1, reattached=True))
    assert control.outcomes == [impatient, patient]
    assert patient.error is None


def test_patience_does_not_outlast_the_call_timeout() -> None:
    connection = Connection(Role.CLIENT, ConnectionConfig())
    connection.start(0.0)
    control = Control(connection, 30.0, "here")

    def script() -> ControlScript[None]:
        yield Ask(Command(packets.ReattachSession("s", -1), packets.ReattachSessionResponse), patience_s=8.0)

    control.run(0.0, script())
    control.handle_timeout(4.0)
    control.heard(28.0)
    assert control.next_timeout() == 30.0
