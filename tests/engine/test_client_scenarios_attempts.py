"""
Failures of the reference's catalogue, by number: attempts and endpoints, silence, and what is told of it.

Where each number is tested is said in ``test_client_scenarios.py``.
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine import test_client_consumer as consuming
from tests.engine import test_client_failures as failures
from tests.engine import test_client_lifeline as lifeline
from tests.engine import test_client_openings as openings
from tests.engine import test_client_quirks as quirks
from tests.engine import test_client_reconnect as plans
from tests.engine import test_liveness as liveness
from tests.engine.client_world import TWO, ClientWorld, fragile, resilient

from corewire._states import ClientState
from corewire.client.config import ClientConfig, Endpoint
from corewire.client.message import Message
from corewire.errors import Disconnected, NotConnected, ObjectClosed
from corewire.events import (
    Disconnecting,
    DisconnectReason,
    FailedOver,
    FailoverFailed,
    FailureDetected,
    Reattached,
    Reconnecting,
)
from corewire.values import Queue
from corewire.wire import packets
from corewire.wire.framing import MAGIC, FrameReader, packet_type
from corewire.wire.registry import encode
from corewire_server.core.inputs import BytesReceived


@pytest.mark.parametrize("attempts", [0, 3])
def test_s088_s089_given_up_after_the_attempts(attempts: int) -> None:
    world = ClientWorld(resilient(reconnect_attempts=attempts, retry_interval_s=0.1))
    session = world.session()
    producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
    waiting = world.engine.receive(world.now, world.consumer(session))
    world.refusing.add("one")
    dialled = len(world.dials)
    world.cut()
    world.advance(5.0)
    assert len(world.dials) - dialled == attempts
    assert world.engine.state is ClientState.FAILED
    assert len(world.names(FailoverFailed)) == 1
    with pytest.raises(NotConnected):
        waiting.result()
    with pytest.raises(NotConnected):
        world.engine.query_queue(world.now, session, "q")
    with pytest.raises(NotConnected):
        world.engine.submit(world.now, producer, Message("x"))
    with pytest.raises(NotConnected):
        world.engine.create_session(world.now)


def test_s090_the_tenth_attempt_succeeds() -> None:
    world = ClientWorld(resilient(reconnect_attempts=10, retry_interval_s=1.0, retry_interval_s_max=1.0))
    world.session()
    world.refusing.add("one")
    dialled = len(world.dials)
    world.cut()
    while len(world.dials) - dialled < 9:
        world.advance(0.5)
    world.refusing.clear()
    world.advance(1.0)
    assert world.names(Reattached)
    assert len(world.dials) - dialled == 10


test_s091_the_pauses_grow = plans.test_every_refused_attempt_counts_and_the_pauses_grow_to_their_maximum
test_s092_closing_ends_the_outage = lifeline.test_close_during_an_outage_does_not_wait
test_s093_the_backup_is_tried_without_a_pause = plans.test_one_attempt_tries_all_slots_without_a_pause
test_s094_back_to_the_primary = lifeline.test_who_was_led_in_by_the_backup_goes_to_the_primary_when_the_backup_dies
test_s095_the_users_own_endpoint = plans.test_the_users_own_endpoint_of_the_backups_name_comes_first
test_s096_other_pairs_in_rounds = plans.test_when_the_attempts_are_used_up_the_other_pairs_are_tried_in_rounds


class Stranger(ClientWorld):
    """With brokers that say so often that they do not stand in for the one that was lost."""

    noes = 0

    def _step(self, host: str, item: Any) -> None:
        if self.noes and isinstance(item, BytesReceived) and self._is_asked(item.data):
            self.noes -= 1
            self.wires[item.link - (1 << 32)].to_client += encode(packets.CheckForFailoverReply(False), 1, 136)
        else:
            super()._step(host, item)

    @staticmethod
    def _is_asked(data: bytes) -> bool:
        frames = FrameReader().feed(data.removeprefix(MAGIC))
        return packets.CheckForFailover.TYPE in map(packet_type, frames)


@pytest.mark.parametrize("noes", [1, 3])
def test_s097_a_broker_that_says_it_is_not_the_one(noes: int) -> None:
    world = Stranger(resilient(reconnect_attempts=3, retry_interval_s=0.5, retry_interval_multiplier=1.0))
    session = world.session()
    began, dialled = world.now, len(world.dials)
    world.sent.clear()
    world.noes = noes
    world.cut()
    world.advance(0.0)
    assert world.sent == ["PING", "CHECK_FOR_FAILOVER"]  # and nothing is asked behind the answer
    assert not any(wire.alive for wire in world.wires.values())
    world.advance(5.0)
    attempts = min(noes + 1, 3)
    assert [at - began for at, _ in world.dials[dialled:]] == [0.5 * number for number in range(attempts)]
    if noes == 3:
        assert world.engine.state is ClientState.FAILED
        assert len(world.names(FailoverFailed)) == 1
    else:
        assert len(world.names(Reattached)) == 1
        world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))


def test_s098_the_pauses_of_the_first_connection_grow() -> None:
    world = ClientWorld(
        ClientConfig(endpoints=(TWO,), initial_connect_attempts=3, retry_interval_s=0.1, retry_interval_multiplier=10.0)
    )
    began = world.now
    world.advance(5.0)
    assert [at - began for at, _ in world.dials] == [0.0, pytest.approx(0.1), pytest.approx(1.1)]
    with pytest.raises(NotConnected):
        world.started.result()


test_s099_rounds_over_all_endpoints = plans.test_rounds_multiply_endpoints
test_s100_a_broker_that_starts_later = lifeline.test_a_broker_that_starts_later_is_found
test_s101_no_attempts_are_one = quirks.test_q22_no_first_attempt_is_one
test_s102_a_topology_that_does_not_come = lifeline.test_a_broker_that_tells_no_topology_is_given_up_in_time


def test_s102_closing_does_not_wait_for_the_topology() -> None:
    world = ClientWorld(resilient(call_timeout_s=5.0), pump=False)
    while "SUBSCRIBE_TOPOLOGY_V2" not in world.sent:
        world.perform()
        world.wire.deaf = True
    began = world.now
    world.advance(1.0)
    assert not world.started.done
    closing = world.engine.close(world.now)
    world.pump()
    assert closing.done
    with pytest.raises(ObjectClosed):
        world.started.result()
    assert world.now == began + 1.0
    assert world.engine.next_timeout() is None


test_s103_clients_do_not_know_of_each_other = quirks.test_q37_no_recovery_waits_for_another
test_s104_a_goodbye_is_one_failure = lifeline.test_a_goodbye_is_one_failure
test_s105_a_redirect_is_followed = openings.test_a_redirected_client_goes_where_it_is_told


def test_s105_a_session_that_was_asked_for_is_made_where_a_redirect_leads() -> None:
    world = ClientWorld(resilient(reconnect_attempts=1))
    world.add_broker("two")
    opening = world.engine.create_session(world.now)
    while world.perform():
        pass
    world.wire.to_broker.clear()  # the goodbye is all that the broker says to it
    openings.goodbye(world, DisconnectReason.REDIRECT, "two")
    world.advance(1.0)
    session = opening.result()
    assert [host for _, host in world.dials] == ["one", "two"]
    made = {host: list(broker.state.sessions) for host, broker in world.brokers.items()}
    assert made == {"one": [], "two": [world.engine.session_name(session)]}


@pytest.mark.parametrize("known", [False, True])
def test_s106_where_a_scale_down_goes_is_told_although_nobody_can_get_there(known: bool) -> None:
    world = ClientWorld(resilient(ha=True, reconnect_attempts=2, retry_interval_s=0.1))
    world.session()
    target = world.add_broker("two").node_id
    if known:
        lifeline.announce_backup(world, world.brokers["two"], TWO, Endpoint(host="three"))
    world.refusing |= {"one", "two"}
    dialled = len(world.dials)
    farewell = packets.DisconnectV3(world.engine.node_id, DisconnectReason.SCALE_DOWN.value, target)
    world.wire.to_client += encode(farewell, 0, 136)
    world.advance(5.0)
    attempt = ["two", "one"] if known else ["one"]
    assert [host for _, host in world.dials[dialled:]] == 2 * attempt
    assert world.names(Disconnecting) == [Disconnecting(DisconnectReason.SCALE_DOWN, target)]
    (failed,) = world.names(FailoverFailed)
    assert isinstance(failed, FailoverFailed)
    assert (failed.failed_over, failed.scale_down_target) == (False, target)
    assert isinstance(failed.error, Disconnected)
    assert world.engine.state is ClientState.FAILED


test_s107_pings_keep_a_link = lifeline.test_pings_keep_an_idle_connection
test_s108_silence_is_noticed = lifeline.test_silence_is_noticed_and_the_session_re_attached
test_s111_without_a_check_there_is_one_ping = liveness.test_client_without_failure_check_pings_once_and_waits_for_ever
test_s112_the_story_is_told_in_order = failures.test_the_story_is_told_in_order


def test_s113_the_end_is_told_in_order() -> None:
    world = ClientWorld(resilient(reconnect_attempts=2, retry_interval_s=0.1))
    session = world.session()
    world.events.clear()
    world.refusing.add("one")
    world.cut()
    world.advance(1.0)
    assert [type(event) for event in world.events] == [FailureDetected, Reconnecting, Reconnecting, FailoverFailed]
    failed = world.events[-1]
    assert isinstance(failed, FailoverFailed)
    assert not failed.failed_over
    with pytest.raises(NotConnected):
        world.engine.query_queue(world.now, session, "q")


@pytest.mark.parametrize(
    ("config", "kind", "code"),
    [
        (resilient(retry_interval_s=0.1), Reattached, "FAILOVER"),
        (fragile(retry_interval_s=0.1), FailedOver, "FAILOVER"),
        (resilient(reconnect_attempts=0), FailoverFailed, "DISCONNECT"),
    ],
    ids=["reattached", "recreated", "given up"],
)
def test_s114_what_became_of_it_has_a_code_and_the_first_error(
    config: ClientConfig, kind: type[Reattached | FailedOver | FailoverFailed], code: str
) -> None:
    world = ClientWorld(config)
    world.session()
    link, reset = world.link, ConnectionResetError("reset by peer")
    world.drop(link, tell_client=False)
    world.engine.link_down(world.now, link, reset)
    world.advance(1.0)
    (detected,) = world.names(FailureDetected)
    (event,) = world.names(kind)
    assert isinstance(detected, FailureDetected)
    assert isinstance(event, kind)
    assert event.code == code
    assert event.error is detected.error
    assert event.error.__cause__ is reset


test_s115_a_queue_is_deleted_under_a_consumer = consuming.test_a_queue_deleted_under_a_consumer_ends_it_and_nothing_else
