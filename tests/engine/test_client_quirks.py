"""
The known faults of Artemis' client and what ours does in their place, one test each, by the number that ``docs/design/differences.md`` names.

Where another file tests the same behaviour, its test is run here under the number.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.engine import test_channel as channel
from tests.engine import test_client_announcements as announcements
from tests.engine import test_client_consumer as consuming
from tests.engine import test_client_failures as failures
from tests.engine import test_client_large_receive as large_receive
from tests.engine import test_client_large_send as large_send
from tests.engine import test_client_lifeline as lifeline
from tests.engine import test_client_message as messages
from tests.engine import test_client_old_brokers as old_brokers
from tests.engine import test_client_openings as openings
from tests.engine import test_client_outlets as outlets
from tests.engine import test_client_reconnect as plans
from tests.engine import test_client_recovery as recovery
from tests.engine import test_client_topology as topologies
from tests.engine import test_foreign_channel as foreign
from tests.engine.client_world import ClientWorld, fragile, resilient
from tests.engine.xa_world import XaWorld, code_of

from corewire.client.config import ClientConfig
from corewire.client.message import Message
from corewire.errors import XaCode
from corewire.events import FailureDetected, Reattached
from corewire.values import AckMode, Queue, QueueConfiguration, RoutingType
from corewire.wire import packets

TESTS = Path(__file__).parents[1]
DIFFERENCES = TESTS.parent / "docs" / "design" / "differences.md"
NUMBERS = range(1, 40)
#: Of the broker alone: what it does instead is tested there.
THE_BROKERS = {30: "server/test_connecting.py::test_what_the_old_link_brings_behind_a_reattachment_is_not_executed"}


def test_q01_what_recreates_a_session_is_counted_by_both() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1))
    session = world.session()
    for queue in ("a", "b", "c"):
        world.consumer(session, queue)
    world.restart()
    world.advance(1.0)
    assert world.engine.counters.recreated_sessions == 1
    sent = [world.engine.send(world.now, session, Queue("q"), Message(str(number))) for number in range(3)]
    while world.perform():
        pass
    world.cut()
    world.advance(1.0)
    assert world.names(Reattached)
    assert all(each.done and each.error is None for each in sent)
    assert world.receive_all(world.consumer(world.session())) == ["0", "1", "2"]


test_q02_a_refused_command_is_not_run_again = foreign.test_refused_command_is_taken_out_of_the_count
test_q03_who_may_run_commands_twice_is_trusted_once = (
    recovery.test_a_session_that_wrote_again_is_not_trusted_with_a_second_reattachment
)
test_q04_a_confirmation_that_comes_late_is_ignored = channel.test_confirmation_that_does_not_advance_is_ignored


def test_q05_what_is_kept_has_a_limit() -> None:
    world = ClientWorld(resilient(resend_bytes_max=5_000, producer_window_bytes=None, retry_interval_s=0.1))
    session = world.session()
    world.refusing.add("one")
    world.cut()
    sent = [world.engine.send(world.now, session, Queue("q"), Message("x" * 1_000)) for _ in range(20)]
    assert world.engine.resend_bytes <= 5_000
    world.refusing.clear()
    world.advance(2.0)
    assert all(each.done and each.error is None for each in sent)


test_q06_chunks_that_are_written_again_are_not_trusted = (
    large_send.test_a_chunk_is_never_written_twice_to_a_broker_that_is_not_ours
)
test_q07_what_was_sent_does_not_change = messages.test_what_was_given_may_be_changed_afterwards


def recreated(config: ClientConfig | None = None) -> ClientWorld:
    """A client whose session, with a producer, was made anew; ``sent`` holds what it wrote since."""
    world = ClientWorld(config or fragile(retry_interval_s=0.1))
    session = world.session()
    world.run(world.engine.create_producer(world.now, session, Queue("q")))
    world.sent.clear()
    world.cut()
    world.advance(1.0)
    return world


@pytest.mark.parametrize(
    "options",
    [{"transacted": True}, {"ack_mode": AckMode.PRE}, {"ack_mode": AckMode.CLIENT}],
    ids=["transacted", "pre-acknowledged", "client"],
)
def test_q08_a_session_is_recreated_with_the_client_id_and_all_it_was_made_with(options: dict[str, Any]) -> None:
    config = fragile(
        retry_interval_s=0.1,
        client_id="mine",
        user="me",
        password="secret",
        large_message_bytes_min=5_000,
    )
    world = ClientWorld(config)
    world.session(**options)
    world.cut()
    world.advance(1.0)
    _, first, _, second = world.written(packets.CreateSessionV2)  # the client has one of its own, that bears its id
    assert (first.client_id, first.username, first.password) == ("mine", "me", "secret")
    assert first.min_large_message_size == 5_000
    assert first.auto_commit_sends is not options.get("transacted", False)
    assert first.auto_commit_acks is False
    assert first.pre_acknowledge is (options.get("ack_mode") is AckMode.PRE)
    # Artemis keeps both; here nothing late can be taken for something of the new one.
    assert first.name != second.name
    assert first.session_channel_id != second.session_channel_id
    assert second == replace(first, name=second.name, session_channel_id=second.session_channel_id)


test_q09_a_recreated_consumer_has_its_whole_window = consuming.test_a_recreated_consumer_has_its_whole_window_again


def test_q10_producers_are_named_again() -> None:
    assert recreated().sent.count("CREATE_PRODUCER") == 1


def test_q11_queues_without_consumers_are_not_recreated() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1))
    session = world.session()
    for name in ("with", "without"):
        queue = QueueConfiguration(name=name, routing_type=RoutingType.ANYCAST, durable=False, temporary=True)
        world.run(world.engine.create_queue(world.now, session, queue))
    world.consumer(session, "with", create=False)
    world.restart()
    world.advance(1.0)
    assert world.run(world.engine.query_queue(world.now, session, "with")).exists
    assert not world.run(world.engine.query_queue(world.now, session, "without")).exists


@pytest.mark.parametrize("executed", [True, False])
def test_q12_a_start_whose_session_was_lost_is_told_and_can_be_rolled_back(
    monkeypatch: pytest.MonkeyPatch, executed: bool
) -> None:
    world = XaWorld(monkeypatch, fragile(retry_interval_s=0.1))
    started = world.ask("start")
    world.fail(executed=executed)
    assert code_of(world, started) is XaCode.XAER_RMFAIL
    assert world.since(["START"] * executed) == ["START", "END"], "the branch exists, and the session is in none"
    world.do("rollback")


def test_q13_a_rollback_leaves_no_work_behind() -> None:
    world = ClientWorld(fragile(retry_interval_s=0.1))
    session = world.session(transacted=True)
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    world.run(world.engine.rollback(world.now, session))
    world.cut()
    world.advance(1.0)
    world.run(world.engine.commit(world.now, session))


test_q14_without_ha_a_learnt_backup_is_not_used = lifeline.test_without_ha_a_learnt_backup_is_not_used
test_q15_a_scale_down_target_is_dialled = topologies.test_a_goodbye_may_say_where_to_go
test_q16_a_goodbye_need_not_say_where_to_go = lifeline.test_a_goodbye_is_one_failure
test_q17_who_was_thrown_out_does_not_come_back = openings.test_a_client_that_was_thrown_out_does_not_come_back
test_q18_a_broker_that_never_starts_takes_an_attempt = (
    openings.test_one_that_never_starts_takes_an_attempt_after_the_call_timeout
)
test_q19_an_outage_is_waited_for_as_long_as_configured = (
    outlets.test_in_an_outage_nobody_waits_for_room_longer_than_for_a_broker
)


def test_q20_both_names_of_the_time_to_live_are_taken() -> None:
    for key in ("connectionTTL", "connectionTtl"):
        assert ClientConfig.from_url(f"tcp://one:1?{key}=5000").connection_ttl_s == 5.0


test_q21_silence_is_judged_by_the_time_to_live = lifeline.test_silence_is_noticed_and_the_session_re_attached


@pytest.mark.parametrize("rounds", [0, 1])
def test_q22_no_first_attempt_is_one(rounds: int) -> None:
    assert ClientConfig().initial_connect_attempts == 1
    plans.test_the_first_connection_is_tried_once_per_endpoint(rounds)


test_q23_a_commit_without_an_answer_is_of_unknown_outcome = (
    lifeline.test_a_commit_without_an_answer_is_of_unknown_outcome
)


def test_q24_a_window_of_zero_confirms_each_command() -> None:
    assert ClientConfig.from_url("tcp://one:1?confirmationWindowSize=0").confirmation_window_bytes == 0
    world = ClientWorld(resilient(confirmation_window_bytes=0, retry_interval_s=0.1))
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("known")))
    world.sent.clear()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    assert world.sent.count("PACKETS_CONFIRMED") == 2, "of its credits and of its answer"


test_q25_all_connectors_of_a_node_are_known = (
    announcements.test_all_connectors_of_all_nodes_are_known_and_dialled_as_the_client_dials
)


def test_q26_keys_of_a_group_apply() -> None:
    assert ClientConfig.from_url("udp://231.7.7.7:9876?reconnectAttempts=3").reconnect_attempts == 3


test_q27_different_endpoints_are_tried_with_pauses = plans.test_rounds_multiply_endpoints


@pytest.mark.parametrize("version", [129, 130, 131, 136])
def test_q28_a_new_link_speaks_the_version_of_the_old(version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    old_brokers.settle_for(version, monkeypatch)
    world = ClientWorld(resilient(retry_interval_s=0.1))
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    world.cut()
    world.perform()
    world.wire.deaf = True
    world.pump()
    assert world.sent[-1] == "CHECK_FOR_FAILOVER", "the topology was not even asked for"
    assert world.engine.version == version
    world.wire.deaf = False
    world.pump()
    assert world.names(Reattached), "no opening of a session named the version"
    world.consumer(session)
    assert world.written(packets.SessionCreateConsumer)[-1].priority == (0 if version >= 130 else None)


test_q29_nothing_is_written_between_keeping_and_writing_again = (
    channel.test_resume_writes_what_the_peer_lacks_and_then_what_waited
)


def test_q31_a_success_is_not_followed_by_a_pause() -> None:
    world = ClientWorld(resilient(reconnect_attempts=0, failover_attempts=3, retry_interval_s=5.0), seed=1)
    began = world.now
    world.cut()
    world.pump()
    assert world.now == began
    assert world.engine.counters.reconnects == 1
    assert world.session()


test_q32_a_new_epoch_counts_from_zero = channel.test_reset_begins_a_new_epoch_on_the_new_link
test_q33_a_stream_whose_session_is_lost_says_so = large_send.test_a_stream_whose_session_is_made_anew_ends
test_q34_a_new_link_that_dies_takes_one_attempt = (
    lifeline.test_a_new_link_that_is_lost_while_recovering_takes_one_attempt_and_nothing_else
)
test_q35_a_body_that_was_interrupted_is_no_body = large_receive.test_a_body_that_is_being_read_is_interrupted


def test_q36_an_unanswered_opening_is_asked_again_by_the_same_name() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1))
    opening = world.engine.create_session(world.now)
    while world.perform():
        pass
    world.wire.client_reads = 0
    world.turn()
    world.advance(1.0)
    opened = opening.result()
    assert world.sent.count("CREATESESSION_V2") == 2
    assert [session.name for session in world.brokers["one"].state.sessions.values()] == [
        world.engine.session_name(opened)
    ]


def test_q37_no_recovery_waits_for_another() -> None:
    worlds = [ClientWorld(resilient(retry_interval_s=1.0)) for _ in range(31)]
    for world in worlds:
        world.refusing.add("one")
        world.cut()
        world.perform()
    assert all(len(world.names(FailureDetected)) == 1 for world in worlds)


test_q38_only_what_this_epoch_delivered_is_acknowledged = (
    failures.test_unacknowledged_messages_come_again_and_the_old_ones_are_not_acknowledged
)


def test_q39_a_message_is_handed_out_though_its_acknowledgement_is_unknown() -> None:
    scene = failures.Scene(fragile(retry_interval_s=0.1, block_on_acknowledge=True))
    told = scene.engine.acknowledge(scene.now, scene.delivery)
    scene.fail(executed=True)
    assert told.done
    assert told.error is None


def numbers_in(text: str) -> set[int]:
    return {int(number) for number in re.findall(r"\bQ(\d+)\b", text)}


def test_each_quirk_has_its_test_and_its_line() -> None:
    tested = {int(name[6:8]) for name in globals() if re.match(r"test_q\d\d_", name)}
    assert sorted([*tested, *THE_BROKERS]) == list(NUMBERS)
    assert numbers_in(DIFFERENCES.read_text()) == set(NUMBERS)


def test_those_of_the_broker_are_tested_there() -> None:
    for place in THE_BROKERS.values():
        path, _, name = place.partition("::")
        assert f"def {name}(" in (TESTS / path).read_text(), place
