"""
Failures of the reference's catalogue, by number: what the client does in each.

Most are tests of other files, run or named here under their number: those of the table of failures are played against a real
broker (``tests/interop/cells*.py``). Not the client's: 25, 31, 34, 43, 44, 46, 109, 110 (brokers), 77 (exceptions of JMS).
"""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from tests.engine import test_channel as channel
from tests.engine import test_client_cases as cases
from tests.engine import test_client_consumer as consuming
from tests.engine import test_client_failures as failures
from tests.engine import test_client_large_receive as large_receive
from tests.engine import test_client_large_send as large_send
from tests.engine import test_client_lifeline as lifeline
from tests.engine import test_client_openings as openings
from tests.engine import test_client_outlets as outlets
from tests.engine import test_client_quirks as quirks
from tests.engine import test_client_reconnect as plans
from tests.engine import test_client_recovery as recovery
from tests.engine import test_connection as connection
from tests.engine import test_foreign_channel as foreign
from tests.engine import test_liveness as liveness
from tests.engine.client_world import ONE, TWO, ClientWorld, fragile, resilient

from corewire._states import ClientState
from corewire.client._reconnect import Balancer, InitialConnect
from corewire.client.config import ClientConfig, Endpoint
from corewire.client.message import Message
from corewire.errors import Disconnected, ErrorCode
from corewire.events import Disconnecting, DisconnectReason, FailedOver, FailoverFailed, FailureDetected, Reattached
from corewire.values import Queue
from corewire.wire import packets
from corewire.wire.framing import MAGIC, FrameReader, packet_type
from corewire.wire.registry import encode
from corewire_server.core.inputs import BytesReceived

TESTS = Path(__file__).parents[1]
EXEMPT = {25, 31, 34, 43, 44, 46, 77, 109, 110}
#: Rows of the table of failures that are played against a real broker, with the outcome and the moment that are meant.
CELLS = {
    20: "DurableSend reattached answered",
    21: "DurableSend reattached unread",
    23: "Commit reattached answered",
    24: "Commit reattached unread",
    26: "Receive reattached answered",
    27: "AutoAcknowledgement reattached unread",
    28: "ReceiveWithoutWindow reattached unread",
    39: "CreateQueue reattached outage",
    40: "CloseSession recreated answered",
    41: "CloseSession reattached unread",
    48: "DurableSend recreated unread",
    49: "QueryQueue recreated unread",
    51: "DupsOkAcknowledgement recreated unread",
    58: "ReceiveWithoutWindow recreated unread",
    59: "ReceiveWhatIsThere recreated unread",
    60: "CloseConsumer recreated unread",
    63: "DurableSend recreated answered",
    64: "DurableSubmit recreated unread",
    65: "DurableSend recreated outage",
    73: "Commit recreated outage",
    74: "Commit recreated answered",
    75: "Commit recreated unread",
    76: "Commit recreated outage",
}
#: Tests elsewhere, with fixtures of their own.
NAMED = {
    15: "engine/test_client_interceptors.py::test_",
    54: "interop/cells_objects.py::class Subscribe(",
    78: "engine/test_client_xa.py::test_a_branch_that_worked_when_the_session_was_lost_ends_rolled_back",
    79: "engine/test_client_xa.py::test_an_end_asked_for_during_the_outage_says_that_the_branch_was_lost",
    80: "engine/test_client_xa.py::test_an_ended_branch_is_lost_for_one_phase_and_not_for_the_brokers_word",
    81: "engine/test_client_xa.py::test_an_ended_branch_is_lost_for_one_phase_and_not_for_the_brokers_word",
    82: "engine/test_client_xa.py::test_an_ended_branch_is_lost_for_one_phase_and_not_for_the_brokers_word",
    83: "engine/test_client_xa.py::test_a_prepared_branch_outlives_the_session",
    84: "interop/cells_xa.py::class XaCommit(",
    85: "interop/cells_xa.py::class XaPrepare(",
    86: "engine/test_client_xa.py::test_a_prepared_branch_outlives_the_session",
    87: "engine/test_client_xa.py::test_recovery_and_time_outs",
}

test_s001_without_a_window_nothing_is_confirmed = channel.test_without_a_window_nothing_is_counted_kept_or_confirmed
test_s002_a_window_of_zero_confirms_each = channel.test_window_of_zero_confirms_each
test_s003_the_threshold_confirms = channel.test_threshold_confirms_and_starts_again_at_zero
test_s004_nothing_new_is_not_confirmed = liveness.test_server_confirms_by_its_tick_and_idle_links_have_none
test_s005_what_is_confirmed_is_forgotten = channel.test_confirmed_commands_are_forgotten_oldest_first
test_s006_a_number_that_runs_ahead_is_no_proof = foreign.test_number_that_runs_ahead_is_no_proof_for_questions
test_s007_a_late_confirmation_is_ignored = channel.test_confirmation_that_does_not_advance_is_ignored
test_s008_metadata_is_told_again_uncounted = connection.test_uncounted_packets_are_sent_for_the_version_of_the_link
test_s009_an_answer_and_its_confirmation = foreign.test_question_leaves_by_its_answer_alone
test_s010_an_answer_after_its_confirmation = foreign.test_answer_after_the_confirmation_frees_its_bytes


def test_s011_submit_needs_no_window() -> None:
    world = ClientWorld(fragile())
    producer = world.run(world.engine.create_producer(world.now, world.session(), Queue("q")))
    assert world.run(world.run(world.engine.submit(world.now, producer, Message("x")))) is None


test_s012_a_commit_waits_for_its_own_answer = lifeline.test_a_commit_without_an_answer_is_of_unknown_outcome
test_s013_a_call_without_an_answer_blames_the_link = (
    lifeline.test_a_call_without_an_answer_ends_in_time_and_blames_the_link
)
test_s014_a_refused_command_is_not_counted = foreign.test_refused_commands_are_passed_over_wherever_they_stand
test_s016_numbers_wrap_around = channel.test_ids_wrap_around


def test_s017_an_idle_session_goes_on() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1))
    session = world.session()
    name = world.engine.session_name(session)
    world.cut()
    world.advance(1.0)
    (event,) = world.names(Reattached)
    assert isinstance(event, Reattached)
    assert (event.replayed_packets, event.failed_over) == (0, True)
    assert world.engine.session_name(session) == name


def test_s018_a_burst_is_written_again_from_where_the_broker_stopped() -> None:
    burst = cases.Burst(resilient(retry_interval_s=0.1))
    burst.cut_after(900, deaf=False)
    sent = burst.submit()
    assert burst.settle()
    assert all(each.result().error is None for each in sent)
    assert burst.left() == cases.BODIES


test_s019_the_brokers_number_clears_the_cache = channel.test_resume_writes_what_the_peer_lacks_and_then_what_waited
test_s022_a_calls_time_runs_on = lifeline.test_a_calls_time_runs_on_during_the_outage


def test_s029_a_sender_that_waits_for_credits_goes_on_when_re_attached() -> None:
    world = ClientWorld(resilient(producer_window_bytes=1_000, retry_interval_s=0.1))
    session = world.session()
    sent = [world.engine.send(world.now, session, Queue("q"), Message("x" * 700)) for _ in range(6)]
    for _ in range(8):
        world.step()
    world.cut()
    world.advance(1.0)
    assert all(each.done and each.error is None for each in sent)
    assert world.engine.counters.recreated_sessions == 0


test_s030_the_other_chunks_follow = large_send.test_to_a_broker_of_ours_a_chunk_is_written_again


@pytest.mark.parametrize("sessions", [2, 5])
def test_s032_every_session_moves(sessions: int) -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1))
    opened = [world.session() for _ in range(sessions)]
    world.cut()
    world.advance(1.0)
    assert world.engine.counters.reattached_sessions == len(opened)


test_s033_a_new_link_that_dies = (
    lifeline.test_a_new_link_that_is_lost_while_recovering_takes_one_attempt_and_nothing_else
)
test_s035_a_second_failure_of_the_old_link = lifeline.test_input_for_an_old_link_is_harmless


def test_s036_a_re_attachment_that_is_not_answered_takes_the_attempt() -> None:
    world = ClientWorld(resilient(reconnect_attempts=1, call_timeout_s=0.2, retry_interval_s=0.1))
    world.session()
    world.cut()
    world.perform()
    world.wire.deaf = True
    world.advance(1.0)
    assert world.names(FailoverFailed)
    assert world.engine.state is ClientState.FAILED


test_s037_an_unanswered_opening_is_asked_again = quirks.test_q36_an_unanswered_opening_is_asked_again_by_the_same_name
test_s038_openings_wait_for_the_end_of_the_outage = (
    openings.test_a_session_that_is_asked_for_during_an_outage_waits_for_its_end
)


@pytest.mark.parametrize("config", [resilient(retry_interval_s=0.1), fragile(retry_interval_s=0.1)])
def test_s042_metadata_is_there_once(config: ClientConfig) -> None:
    world = ClientWorld(config)
    world.run(world.engine.add_metadata(world.now, world.session(), "key", "value"))
    world.cut()
    world.advance(1.0)
    (session,) = world.brokers["one"].state.sessions.values()
    assert session.metadata == {"key": "value"}


@pytest.mark.parametrize("seed", [41, 42])
def test_s045_many_failures_lose_and_double_nothing(seed: int) -> None:
    recovery.test_re_attached_nothing_is_lost_doubled_or_out_of_order_and_no_call_fails(seed)


def test_s047_an_outage_longer_than_the_time_to_live() -> None:
    world = ClientWorld(resilient(connection_ttl_s=5.0, client_failure_check_period_s=1.0, retry_interval_s=1.0))
    world.session()
    world.refusing.add("one")
    world.cut()
    world.advance(60.0)
    world.refusing.clear()
    world.advance(5.0)
    assert world.names(FailedOver)


test_s050_prefetched_messages_come_again = (
    failures.test_unacknowledged_messages_come_again_and_the_old_ones_are_not_acknowledged
)
test_s052_a_temporary_queue_with_a_consumer = quirks.test_q11_queues_without_consumers_are_not_recreated
test_s053_a_temporary_queue_without_one = quirks.test_q11_queues_without_consumers_are_not_recreated


def test_s055_an_auto_created_queue_is_made_again() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1))
    session = world.session()
    consumer = world.consumer(session)
    world.restart()
    world.advance(1.0)
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    assert world.receive_all(consumer) == ["x"]


test_s056_a_queue_that_is_gone_is_told = failures.test_receive_tells_when_the_queue_is_gone
test_s057_a_browser_goes_on = failures.test_a_browser_skips_what_it_showed


def test_s061_all_sessions_and_consumers_are_recreated() -> None:
    world = ClientWorld(fragile(retry_interval_s=0.1))
    opened = [
        (name, world.consumer(session, name))
        for session in [world.session() for _ in range(5)]
        for name in [f"{session}.{number}" for number in range(5)]
    ]
    world.cut()
    world.advance(1.0)
    sender = world.session()
    for name, consumer in opened:
        world.run(world.engine.send(world.now, sender, Queue(name), Message(name)))
        assert world.receive_all(consumer) == [name]


test_s062_a_sender_that_waits_for_credits = (
    outlets.test_a_sender_that_waits_for_credits_goes_on_after_the_session_was_recreated
)
test_s066_a_stream_that_is_lost = large_send.test_a_stream_whose_session_is_made_anew_ends
test_s067_a_body_that_is_interrupted = large_receive.test_a_body_that_is_being_read_is_interrupted
test_s068_a_broker_that_is_starting = openings.test_a_broker_that_is_still_starting_is_asked_again_until_it_is_up
test_s069_a_recovery_that_fails = plans.test_a_recovery_that_failed_takes_an_attempt_and_starts_the_pauses_again


def test_s070_a_recovery_that_fails_half_way_leaves_all_sessions_to_the_next_attempt() -> None:
    world = ClientWorld(fragile(ha=True, retry_interval_s=0.1))
    sessions = [world.session(), world.session()]
    names = [world.engine.session_name(session) for session in sessions]
    lifeline.announce_backup(world, world.brokers["one"], ONE, TWO)
    world.add_broker("two", seed=b"one")
    seen: list[Any] = []

    def refuse(packet: Any) -> int | None:
        seen.append(packet)
        return ErrorCode.INTERNAL_ERROR if len(seen) in (2, 3) else None

    openings.Between(world, refuse)
    world.refusing.add("one")
    dialled = len(world.dials)
    world.cut()
    world.advance(1.0)
    assert [host for _, host in world.dials[dialled:]] == ["one", "two", "two", "two"]
    # A is recovered and B refused; A is refused; both are recovered. Nobody heard of the first two attempts.
    assert len(seen) == 5
    assert len({packet.session_channel_id for packet in seen}) == 5
    assert world.engine.counters.recreated_sessions == 2
    assert len(world.names(FailureDetected)) == len(world.names(FailedOver)) == 1
    assert [world.engine.session_name(session) for session in sessions] == [packet.name for packet in seen[3:]]
    assert not {packet.name for packet in seen[3:]} & set(names)
    for session in sessions:
        world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    state = world.brokers["two"].state
    assert {each.channel.channel for each in state.sessions.values()} == {each.session_channel_id for each in seen[3:]}


test_s071_a_transaction_that_lost_its_sends = (
    failures.test_a_lost_transaction_is_reported_once_and_the_session_is_of_use_again
)
test_s072_a_transaction_without_work = failures.test_a_transaction_without_work_survives


@pytest.mark.parametrize("attempts", [0, 3])
def test_s088_s089_given_up_after_the_attempts(attempts: int) -> None:
    world = ClientWorld(resilient(reconnect_attempts=attempts, retry_interval_s=0.1))
    world.session()
    world.refusing.add("one")
    dialled = len(world.dials)
    world.cut()
    world.advance(5.0)
    assert len(world.dials) - dialled == attempts
    assert world.engine.state is ClientState.FAILED


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
    config = ClientConfig(
        endpoints=(plans.A,), initial_connect_attempts=3, retry_interval_s=0.1, retry_interval_multiplier=20.0
    )
    plan = InitialConnect(config, config, Balancer(config.load_balancing, random.Random(1)))
    assert plans.story(plan) == ["a", 0.1, "a", 2.0, "a"]


test_s099_rounds_over_all_endpoints = plans.test_rounds_multiply_endpoints
test_s100_a_broker_that_starts_later = lifeline.test_a_broker_that_starts_later_is_found
test_s101_no_attempts_are_one = quirks.test_q22_no_first_attempt_is_one
test_s102_a_topology_that_does_not_come = lifeline.test_a_broker_that_tells_no_topology_is_given_up_in_time
test_s103_clients_do_not_know_of_each_other = quirks.test_q37_no_recovery_waits_for_another
test_s104_a_goodbye_is_one_failure = lifeline.test_a_goodbye_is_one_failure
test_s105_a_redirect_is_followed = openings.test_a_redirected_client_goes_where_it_is_told


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


def test_s113_s114_the_end_is_told_in_order() -> None:
    world = ClientWorld(resilient(reconnect_attempts=0))
    world.session()
    world.events.clear()
    world.cut()
    world.perform()
    detected, failed = world.events
    assert isinstance(detected, FailureDetected)
    assert isinstance(failed, FailoverFailed)
    assert (failed.error, failed.failed_over, failed.code) == (detected.error, False, "DISCONNECT")


test_s115_a_queue_is_deleted_under_a_consumer = consuming.test_a_queue_deleted_under_a_consumer_ends_it_and_nothing_else


def test_each_scenario_has_its_test() -> None:
    here = {int(number) for name in globals() if name.startswith("test_") for number in re.findall(r"_s(\d\d\d)", name)}
    assert here | set(CELLS) | set(NAMED) | EXEMPT == set(range(1, 116))
    assert not here & EXEMPT


def test_what_is_named_is_there() -> None:
    rows = {
        name
        for path in (TESTS / "interop").glob("cells_*.py")
        for name in re.findall(r"^class ([A-Z]\w+)", path.read_text(), re.MULTILINE)
    }
    assert {words.split()[0] for words in CELLS.values()} <= rows
    for place in NAMED.values():
        path, _, name = place.partition("::")
        assert name in (TESTS / path).read_text(), place
