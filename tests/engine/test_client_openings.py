"""Making sessions: older brokers, brokers that are still starting, numbers that cannot be true, brokers that send one away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.client_world import ClientWorld, fragile, resilient

from corewire._states import ClientState
from corewire.client.message import Message
from corewire.errors import CallTimeout, IncompatibleVersions, NotConnected, SecurityError
from corewire.events import Disconnecting, DisconnectReason, FailedOver, FailoverFailed
from corewire.values import Queue
from corewire.wire import packets
from corewire.wire.registry import decode, encode
from corewire_server.core import Broker, CoreConfig
from corewire_server.core.inputs import BytesReceived

if TYPE_CHECKING:
    from collections.abc import Callable


class Between:
    """Stands between client and broker: answers CREATESESSION itself, as long as it likes."""

    def __init__(self, world: ClientWorld, refuse: Callable[[Any], int | None]) -> None:
        self.refuse = refuse
        self.asked: list[Any] = []
        self._world = world
        self._step = world._step
        world._step = self.step  # type: ignore[method-assign]

    def step(self, host: str, item: Any) -> None:
        if isinstance(item, BytesReceived):
            for frame in self.frames(item.data):
                if frame[4] in (30, 238) and (code := self.answer(frame)) is not None:
                    wire = self._world.wires[item.link - (1 << 32)]
                    wire.to_client += encode(packets.ExceptionResponse(code, "no"), 1, 136)
                else:
                    self._step(host, BytesReceived(item.link, frame))
        else:
            self._step(host, item)

    def frames(self, data: bytes) -> list[bytes]:
        found = []
        while data:
            size = 7 if data.startswith(b"ARTEMIS") else int.from_bytes(data[:4], "big") + 4
            found.append(data[:size])
            data = data[size:]
        return found

    def answer(self, frame: bytes) -> int | None:
        self.asked.append(decode(frame, 136))
        return self.refuse(self.asked[-1])


def test_older_versions_are_offered_in_turn() -> None:
    world = ClientWorld()
    between = Between(world, lambda packet: 108 if packet.version > 133 else None)
    session = world.session()
    assert [packet.version for packet in between.asked] == [136, 135, 134, 133]
    assert len({packet.session_channel_id for packet in between.asked}) == 4
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))


def test_of_all_versions_that_were_offered_only_the_taken_one_made_a_session_to_be_ended() -> None:
    world = ClientWorld(resilient(exactly_once=True))
    Between(world, lambda packet: 108 if packet.version > 134 else None)
    opening = world.engine.create_session(world.now)
    fences = world.sent.count("SESS_UNIQUE_ADD_METADATA")
    while world.sent.count("SESS_UNIQUE_ADD_METADATA") == fences:
        assert world.step()
    world.cut()
    world.advance(1.0)
    opening.result()
    assert len(world.brokers["one"].state.sessions) == 1


def test_a_broker_that_knows_none_of_ours_is_told_of() -> None:
    world = ClientWorld()
    between = Between(world, lambda _: 108)
    with pytest.raises(IncompatibleVersions):
        world.session()
    assert between.asked[-1].version == 129
    assert world.engine.state is ClientState.UP


def test_a_refused_user_is_told() -> None:
    world = ClientWorld(resilient(user="me", password="wrong"), pump=False)
    world.brokers["one"] = Broker(CoreConfig(node_seed=b"one", users={"me": "right"}))
    world.brokers["one"].recover([])
    world.pump()
    with pytest.raises(SecurityError):
        world.session()


def test_a_broker_that_is_still_starting_is_asked_again_until_it_is_up() -> None:
    world = ClientWorld(fragile(retry_interval_s=0.1))
    session = world.session()
    between = Between(world, lambda _: 112 if world.now < 1_001.0 else None)
    world.cut()
    world.advance(2.0)
    assert len(world.names(FailedOver)) == 1
    assert len(world.dials) == 2, "it took no further attempt"
    assert 90 <= len(between.asked) <= 110, "asked again every 10 ms"
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))


def test_refusals_leave_nothing_that_would_be_ended_before_it_is_asked_again() -> None:
    world = ClientWorld(resilient(exactly_once=True, retry_interval_s=0.1))
    world.session()
    world.restart()
    Between(world, lambda _: 112 if world.now < 1_001.0 else None)
    asked = world.sent.count("REATTACH_SESSION")
    world.advance(2.0)
    assert len(world.names(FailedOver)) == 1
    assert world.sent.count("REATTACH_SESSION") == asked + 1


def test_one_that_never_starts_takes_an_attempt_after_the_call_timeout() -> None:
    world = ClientWorld(fragile(retry_interval_s=0.1, reconnect_attempts=2, call_timeout_s=1.0))
    world.session()
    Between(world, lambda _: 112)
    world.cut()
    world.advance(5.0)
    assert len(world.names(FailoverFailed)) == 1
    assert len(world.dials) == 3


def test_a_session_that_is_asked_for_during_an_outage_waits_for_its_end() -> None:
    world = ClientWorld(resilient(retry_interval_s=1.0))
    world.refusing.add("one")
    world.cut()
    opening = world.engine.create_session(world.now)
    late = world.engine.create_session(world.now)
    world.advance(0.5)
    assert not opening.done
    world.engine.abandon(world.now, late)
    world.refusing.clear()
    world.advance(2.0)
    world.run(world.engine.send(world.now, opening.result(), Queue("q"), Message("x")))
    assert len(world.brokers["one"].state.sessions) == 1, "the abandoned one was closed again"


def test_an_unanswered_opening_blames_the_link() -> None:
    world = ClientWorld(resilient(call_timeout_s=2.0, retry_interval_s=0.1))
    world.wire.deaf = True
    opening = world.engine.create_session(world.now)
    world.advance(2.1)
    with pytest.raises(CallTimeout):
        opening.result()
    world.advance(1.0)
    world.session()


def test_a_number_that_cannot_be_true_makes_the_session_anew() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1))
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    world.engine._session(session).channel._first += 100  # as if the broker had forgotten what it confirmed
    world.cut()
    world.advance(1.0)
    [event] = world.names(FailedOver)
    assert isinstance(event, FailedOver)
    assert event.recreated_sessions == 1
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))


# -- brokers that send clients away -----------------------------------------------------------------------------------------------


def goodbye(world: ClientWorld, reason: DisconnectReason, host: str | None) -> None:
    factory = "org.apache.activemq.artemis.core.remoting.impl.netty.NettyConnectorFactory"
    target = None if host is None else packets.TransportConfiguration(host, factory, {"host": host, "port": 61616})
    world.wire.to_client += encode(packets.DisconnectV3("n", reason.value, "target", target), 0, 136)


def test_a_redirected_client_goes_where_it_is_told() -> None:
    world = ClientWorld(resilient(reconnect_attempts=1))
    session = world.session()
    world.add_broker("two")
    goodbye(world, DisconnectReason.REDIRECT, "two")
    world.advance(1.0)
    assert world.names(Disconnecting) == [Disconnecting(DisconnectReason.REDIRECT, "target")]
    assert [host for _, host in world.dials] == ["one", "two"]
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))


def test_a_client_that_was_thrown_out_does_not_come_back() -> None:
    world = ClientWorld()
    session = world.session()
    world.wire.to_client += encode(packets.DisconnectConsumerKill("n"), 1, 136)
    world.pump()
    world.cut()
    world.advance(10.0)
    assert world.engine.state is ClientState.FAILED
    with pytest.raises(NotConnected):
        world.engine.query_queue(world.now, session, "q")
