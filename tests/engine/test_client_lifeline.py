"""The client's life: the first connection, silence, time-outs, goodbyes, failover to a backup, the end."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from tests.engine.client_world import ONE, TWO, ClientWorld, fragile, resilient

from corewire._states import ClientState
from corewire.client._reconnect import Balancer
from corewire.client.config import ClientConfig, Endpoint, LoadBalancing
from corewire.client.message import Message
from corewire.errors import (
    CallTimeout,
    ConnectionTimedOut,
    Disconnected,
    NotConnected,
    ObjectClosed,
    TransactionOutcomeUnknown,
)
from corewire.events import (
    Connected,
    Disconnecting,
    FailedOver,
    FailoverFailed,
    FailureDetected,
    Reattached,
    TopologyChanged,
)
from corewire.values import Queue
from corewire.wire import packets
from corewire.wire.registry import encode
from corewire_server.core.inputs import Stopping

if TYPE_CHECKING:
    from corewire_server.core import Broker


def announce_backup(world: ClientWorld, broker: Broker, primary: Endpoint, backup: Endpoint) -> None:
    """The broker tells of its pair."""

    def connector(endpoint: Endpoint) -> packets.TransportConfiguration:
        factory = "org.apache.activemq.artemis.core.remoting.impl.netty.NettyConnectorFactory"
        return packets.TransportConfiguration(
            endpoint.host, factory, {"host": endpoint.host, "port": str(endpoint.port)}
        )

    packet = packets.ClusterTopologyV4(
        False, broker.node_id, 1 << 60, connector(primary), connector(backup), last=False
    )
    world.wire.to_client += encode(packet, 0, 136)
    world.pump()


# -- the first connection ------------------------------------------------------------------------------------------------


def test_connected_tells_who_is_there() -> None:
    world = ClientWorld()
    [event] = world.names(Connected)
    assert event == Connected(ONE, world.brokers["one"].node_id, 136)
    assert world.engine.state is ClientState.UP
    assert world.engine.node_id == world.brokers["one"].node_id
    assert [member.node_id for member in world.engine.topology.members] == [world.engine.node_id]


def test_nobody_there_is_told_after_the_configured_attempts() -> None:
    world = ClientWorld(ClientConfig(endpoints=(TWO,), initial_connect_attempts=3, retry_interval_s=1.0))
    world.advance(5.0)
    with pytest.raises(NotConnected):
        world.started.result()
    assert [at - 1_000 for at, _ in world.dials] == [0.0, 1.0, 2.0]
    assert world.engine.state is ClientState.FAILED
    assert world.engine.next_timeout() is None


def test_a_broker_that_starts_later_is_found() -> None:
    world = ClientWorld(ClientConfig(endpoints=(TWO,), initial_connect_attempts=None))
    world.advance(60.0)
    world.add_broker("two")
    world.advance(3.0)
    world.started.result()


def test_a_broker_that_tells_no_topology_is_given_up_in_time() -> None:
    world = ClientWorld(resilient(call_timeout_s=5.0), pump=False)
    while not world.wires:
        world.perform()
    world.wire.stalled = True
    world.advance(4.9)
    assert not world.started.done
    world.advance(0.2)
    with pytest.raises(CallTimeout):
        world.started.result()


def test_closing_while_dialling_ends_at_once() -> None:
    world = ClientWorld(ClientConfig(endpoints=(TWO,), initial_connect_attempts=None))
    closing = world.engine.close(world.now)
    assert closing.done
    with pytest.raises(ObjectClosed):
        world.started.result()
    assert world.engine.next_timeout() is None


def test_closing_what_found_nobody_is_no_second_end() -> None:
    world = ClientWorld(ClientConfig(endpoints=(TWO,)))
    assert isinstance(world.started.error, NotConnected)
    assert world.engine.close(world.now).done
    world.engine.handle_timeout(world.now + 1.0)
    assert world.engine.state is ClientState.FAILED


# -- silence and time-outs -------------------------------------------------------------------------------------------------


def test_pings_keep_an_idle_connection() -> None:
    world = ClientWorld(resilient(connection_ttl_s=2.0, client_failure_check_period_s=0.5))
    world.session()
    world.advance(3_600.0)
    assert not world.names(FailureDetected)


def test_silence_is_noticed_and_the_session_re_attached() -> None:
    world = ClientWorld(resilient(connection_ttl_s=3.0, client_failure_check_period_s=1.0, retry_interval_s=0.1))
    session = world.session()
    for _ in range(12):
        world.wire.deaf = True
        began = world.now
        world.advance(4.5)
        [*_, failure] = world.names(FailureDetected)
        assert isinstance(failure, FailureDetected)
        assert isinstance(failure.error, ConnectionTimedOut)
        assert world.now - began <= 3.0 + 2 * 1.0
        world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    assert len(world.names(Reattached)) == 12
    assert world.run(world.engine.query_queue(world.now, session, "q")).message_count == 12


def test_standing_still_longer_than_the_ttl_is_not_failing() -> None:
    world = ClientWorld(resilient(connection_ttl_s=2.0, client_failure_check_period_s=0.5))
    session = world.session()
    world.wire.deaf = True
    asked = world.engine.query_queue(world.now, session, "q")
    world.pump()
    world.now += 60.0  # suspended; the broker's bytes wait in the buffers
    world.engine.handle_timeout(world.now)
    world.wire.deaf = False
    assert not world.run(asked).exists
    assert not world.names(FailureDetected)


def test_a_call_without_an_answer_ends_in_time_and_blames_the_link() -> None:
    world = ClientWorld(resilient(call_timeout_s=2.0, retry_interval_s=0.1))
    session = world.session()
    world.wire.stalled = True
    asked = world.engine.query_queue(world.now, session, "q")
    world.advance(1.9)
    assert not asked.done
    world.advance(0.2)
    with pytest.raises(CallTimeout):
        asked.result()
    world.advance(1.0)
    assert len(world.names(Reattached)) == 1
    assert world.run(world.engine.query_queue(world.now, session, "other")).configuration.name == "other"


def test_what_is_opened_after_its_caller_was_told_that_it_took_too_long_is_closed_again() -> None:
    world = ClientWorld(resilient(call_timeout_s=2.0, retry_interval_s=0.1))
    session = world.session()
    world.wire.stalled = True
    opening = world.engine.create_consumer(world.now, session, "q", create=True)
    world.advance(2.1)
    with pytest.raises(CallTimeout):
        opening.result()
    world.advance(1.0)
    assert len(world.names(Reattached)) == 1
    assert not any(one.consumers for one in world.brokers["one"].state.sessions.values())


def test_closing_does_not_fail_where_the_broker_is_silent() -> None:
    world = ClientWorld(resilient(call_timeout_s=2.0))
    session = world.session()
    consumer = world.consumer(world.session())
    world.wire.stalled = True
    closings = [world.engine.close_consumer(world.now, consumer), world.engine.close_session(world.now, session)]
    world.advance(2.1)
    for closing in closings:
        closing.result()


def test_a_commit_without_an_answer_is_of_unknown_outcome() -> None:
    world = ClientWorld(resilient(call_timeout_s=2.0))
    session = world.session(transacted=True)
    world.wire.stalled = True
    commit = world.engine.commit(world.now, session)
    world.advance(2.1)
    with pytest.raises(TransactionOutcomeUnknown):
        commit.result()


def test_a_calls_time_runs_on_during_the_outage() -> None:
    world = ClientWorld(resilient(call_timeout_s=2.0, retry_interval_s=0.5))
    session = world.session()
    world.wire.stalled = True
    asked = world.engine.query_queue(world.now, session, "q")
    world.perform()
    world.refusing.add("one")
    world.cut()
    world.advance(1.9)
    assert not asked.done
    world.advance(0.2)
    with pytest.raises(CallTimeout):
        asked.result()
    world.refusing.clear()
    world.advance(1.0)
    assert world.run(world.engine.query_queue(world.now, session, "other")).configuration.name == "other"


def test_hours_pass_in_no_time() -> None:
    world = ClientWorld(resilient(retry_interval_s=2.0, connection_ttl_s=None))
    world.session()
    world.refusing.add("one")
    world.cut()
    world.advance(7_200.0)
    assert world.engine.state is ClientState.RECOVERING
    assert len(world.dials) == 1 + 3_601


# -- goodbyes and failover ---------------------------------------------------------------------------------------------------


def test_a_goodbye_is_one_failure() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1))
    session = world.session()
    world.refusing.add("one")
    world._step("one", Stopping())
    world.pump()
    assert len(world.names(Disconnecting)) == 1
    world.restart()
    world.refusing.clear()
    world.advance(1.0)
    [failure] = world.names(FailureDetected)
    assert isinstance(failure, FailureDetected)
    assert isinstance(failure.error, Disconnected)
    assert len(world.names(FailedOver)) == 1
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))


def test_the_backup_takes_over_the_very_sessions() -> None:
    world = ClientWorld(resilient(ha=True, retry_interval_s=5.0))
    session = world.session()
    announce_backup(world, world.brokers["one"], ONE, TWO)
    assert len(world.names(TopologyChanged)) == 2
    world.brokers["two"] = world.brokers["one"]  # fed the same inputs, it is the same
    world.refusing.add("one")
    began = world.now
    world.cut()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    assert world.now == began, "tried at once, without a pause"
    [event] = world.names(Reattached)
    assert isinstance(event, Reattached)
    assert event.endpoint.host == "two"
    assert world.engine.endpoint == event.endpoint


def test_who_was_led_in_by_the_backup_goes_to_the_primary_when_the_backup_dies() -> None:
    world = ClientWorld(resilient(ha=True, retry_interval_s=5.0))
    session = world.session()
    announce_backup(world, world.brokers["one"], TWO, ONE)
    world.brokers["two"] = world.brokers["one"]
    world.refusing.add("one")
    began = world.now
    world.cut()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    assert world.now == began, "tried at once, without a pause"
    [event] = world.names(Reattached)
    assert isinstance(event, Reattached)
    assert event.endpoint.host == "two"


def test_a_backup_without_the_sessions_gets_them_anew() -> None:
    world = ClientWorld(resilient(ha=True))
    session = world.session()
    announce_backup(world, world.brokers["one"], ONE, TWO)
    world.add_broker("two", seed=b"one")
    world.refusing.add("one")
    world.cut()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    [event] = world.names(FailedOver)
    assert isinstance(event, FailedOver)
    assert event.recreated_sessions == 1


def test_the_other_endpoints_are_tried_when_the_attempts_are_used_up() -> None:
    world = ClientWorld(
        resilient(
            endpoints=(ONE, TWO),
            load_balancing=LoadBalancing.FIRST_ELEMENT,
            use_topology_for_load_balancing=False,
            reconnect_attempts=1,
            failover_attempts=2,
        )
    )
    session = world.session()
    world.add_broker("two")
    world.engine._lifeline._balancer = Balancer(LoadBalancing.ROUND_ROBIN, random.Random(1))
    world.refusing.add("one")
    world.cut()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    [event] = world.names(FailedOver)
    assert isinstance(event, FailedOver)
    assert event.endpoint == TWO


def test_without_ha_a_learnt_backup_is_not_used() -> None:
    world = ClientWorld(resilient(reconnect_attempts=1))
    world.session()
    announce_backup(world, world.brokers["one"], ONE, TWO)
    world.brokers["two"] = world.brokers["one"]
    world.refusing.add("one")
    world.cut()
    world.pump()
    assert {host for _, host in world.dials} == {"one"}
    assert len(world.names(FailoverFailed)) == 1


def test_a_broker_that_restarted_under_another_id_is_known_by_its_new_one() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1))
    world.session()
    world.brokers.pop("one")
    world.wire.alive = False
    world.add_broker("one", seed=b"another")
    world.engine.link_down(world.now, 1, None)
    world.advance(1.0)
    assert world.engine.node_id == world.brokers["one"].node_id
    assert len(world.engine.topology.members) == 1


def test_a_new_link_that_is_lost_while_recovering_takes_one_attempt_and_nothing_else() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1))
    session = world.session()
    for size in range(1, 400, 7):
        sent = world.engine.send(world.now, session, Queue("q"), Message(str(size)))
        world.cut()
        world.perform()
        world.wire.client_reads = size
        world.advance(1.0)
        sent.result()
    consumer = world.consumer(session)
    assert world.receive_all(consumer) == [str(size) for size in range(1, 400, 7)]
    assert not world.names(FailedOver)


# -- the end -----------------------------------------------------------------------------------------------------------------


def test_close_closes_sessions_at_the_broker() -> None:
    world = ClientWorld()
    for _ in range(3):
        world.session()
    world.run(world.engine.close(world.now))
    assert not world.brokers["one"].state.sessions
    assert world.engine.state is ClientState.CLOSED
    with pytest.raises(ObjectClosed):
        world.engine.create_session(world.now)


@pytest.mark.parametrize("config", [resilient(), fragile()])
def test_close_during_an_outage_does_not_wait(config: ClientConfig) -> None:
    world = ClientWorld(config)
    world.session()
    world.refusing.add("one")
    world.cut()
    world.advance(1.0)
    closing = world.engine.close(world.now)
    assert closing.done
    world.advance(60.0)
    assert world.engine.next_timeout() is None


def test_calls_that_wait_when_the_program_closes_are_told_so() -> None:
    world = ClientWorld(resilient(retry_interval_s=1.0))
    session = world.session()
    world.refusing.add("one")
    world.cut()
    world.advance(5.0)
    waiting = [
        world.engine.send(world.now, session, Queue("q"), Message("x")),
        world.engine.query_queue(world.now, session, "q"),
        world.engine.create_session(world.now),
    ]
    world.run(world.engine.close(world.now))
    for call in waiting:
        with pytest.raises(ObjectClosed):
            call.result()
    assert world.engine.next_timeout() is None


@pytest.mark.parametrize("outage_s", [0.0, 5.0], ids=["short", "longer than a call waits"])
def test_what_is_closed_during_an_outage_is_closed_at_the_broker_afterwards(outage_s: float) -> None:
    world = ClientWorld(resilient(retry_interval_s=1.0, call_failover_timeout_s=2.0))
    kept, closed = world.session(), world.session()
    consumer = world.consumer(kept, create=True)
    world.refusing.add("one")
    world.cut()
    assert world.engine.close_consumer(world.now, consumer).done
    assert world.engine.close_session(world.now, closed).done
    world.advance(outage_s)
    world.refusing.clear()
    world.advance(2.0)
    (session,) = world.brokers["one"].state.sessions.values()
    assert not session.consumers
    world.run(world.engine.query_queue(world.now, kept, "q"))
    world.run(world.engine.close(world.now))


def test_input_for_an_old_link_is_harmless() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1))
    world.session()
    world.cut()
    world.advance(1.0)
    world.engine.link_down(world.now, 1, None)
    world.engine.receive_data(world.now, 1, b"\x00" * 100)
    world.engine.link_up(world.now, 1)
    world.pump()
    assert world.engine.state is ClientState.UP


def test_a_broker_that_breaks_the_rules_loses_the_link_and_nothing_else() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1))
    session = world.session()
    for garbage in (b"\x7f" * 64, bytes.fromhex("0000000955000000000000000a"), encode(packets.SessionStart(), 10, 136)):
        world.wire.to_client += garbage
        world.advance(1.0)
        world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    assert world.engine.state is ClientState.UP
