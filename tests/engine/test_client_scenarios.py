"""
Failures of the reference's catalogue, by number: what the client does in each. Here the channel and re-attachment.

The others are in ``test_client_scenarios_recreated.py`` and ``test_client_scenarios_attempts.py``. Most are tests of other files,
run or named here under their number: those of the table of failures are played against a real broker
(``tests/interop/cells*.py``). Not the client's: 25, 31, 34, 43, 44, 46, 109, 110.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.engine import test_channel as channel
from tests.engine import test_client_cases as cases
from tests.engine import test_client_large_send as large_send
from tests.engine import test_client_lifeline as lifeline
from tests.engine import test_client_openings as openings
from tests.engine import test_client_quirks as quirks
from tests.engine import test_client_recovery as recovery
from tests.engine import test_client_scenarios_attempts as attempts
from tests.engine import test_client_scenarios_recreated as recreated
from tests.engine import test_foreign_channel as foreign
from tests.engine import test_liveness as liveness
from tests.engine.client_world import ClientWorld, fragile, resilient
from tests.interop.cells import cells_of, rows_of

from corewire._states import ClientState
from corewire.client.message import Message
from corewire.errors import TransactionOutcomeUnknown
from corewire.events import FailoverFailed, FailureDetected, Reattached, Reconnecting
from corewire.values import Queue
from corewire.wire import packets
from corewire_server.core import dispatch
from corewire_server.core.commands import committing

if TYPE_CHECKING:
    from corewire.client.config import ClientConfig

TESTS = Path(__file__).parents[1]
EXEMPT = {25, 31, 34, 43, 44, 46, 109, 110}
#: Cells of the table of failures, which are played against a real broker.
CELLS = {
    20: "DurableSend-reattached-answered-window",
    21: "DurableSend-reattached-unread-window",
    23: "Commit-reattached-answered-window",
    24: "Commit-reattached-unread-window",
    26: "Receive-reattached-answered-window",
    27: "AutoAcknowledgement-reattached-unread-window",
    28: "ReceiveWithoutWindow-reattached-unread-window",
    39: "CreateQueue-reattached-outage-window",
    40: "CloseSession-recreated-answered-window",
    41: "CloseSession-reattached-unread-window",
    58: "ReceiveWithoutWindow-recreated-unread-no_window",
    59: "ReceiveWhatIsThere-recreated-unread-no_window",
    63: "DurableSend-recreated-unread-no_window",
    64: "DurableSubmit-recreated-unread-no_window",
    65: "DurableSend-recreated-outage-no_window",
    73: "Commit-recreated-outage-no_window",
    76: "Commit-recreated-outage-no_window",
    85: "XaPrepare-recreated-answered-no_window",
}
#: Tests elsewhere, with fixtures of their own.
NAMED = {
    15: "engine/test_client_interceptors.py::test_whoever_waits_for_the_answer_learns_that_a_message_was_kept_back",
    78: "engine/test_client_xa.py::test_a_branch_that_worked_when_the_session_was_lost_ends_rolled_back",
    80: "engine/test_client_xa.py::test_an_ended_branch_is_lost_for_one_phase_and_not_for_the_brokers_word",
    81: "engine/test_client_xa.py::test_an_ended_branch_is_lost_for_one_phase_and_not_for_the_brokers_word",
    82: "engine/test_client_xa.py::test_an_ended_branch_is_lost_for_one_phase_and_not_for_the_brokers_word",
    83: "engine/test_client_xa.py::test_a_prepared_branch_outlives_the_session",
    84: "engine/test_client_xa.py::test_commit",
    86: "engine/test_client_xa.py::test_a_prepared_branch_outlives_the_session",
}

test_s001_without_a_window_nothing_is_confirmed = channel.test_without_a_window_nothing_is_counted_kept_or_confirmed
test_s002_a_window_of_zero_confirms_each = channel.test_window_of_zero_confirms_each
test_s003_the_threshold_confirms = channel.test_threshold_confirms_and_starts_again_at_zero
test_s004_nothing_new_is_not_confirmed = liveness.test_server_confirms_by_its_tick_and_idle_links_have_none
test_s005_what_is_confirmed_is_forgotten = channel.test_confirmed_commands_are_forgotten_oldest_first
test_s006_a_number_that_runs_ahead_is_no_proof = foreign.test_number_that_runs_ahead_is_no_proof_for_questions
test_s007_a_late_confirmation_is_ignored = channel.test_confirmation_that_does_not_advance_is_ignored


def test_s008_metadata_is_told_again_uncounted() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1))
    engine, session = world.engine, world.session()
    world.run(engine.add_metadata(world.now, session, "key", "value"))
    own = engine._session(session).channel
    (theirs,) = (each.channel for each in world.brokers["one"].state.sessions.values())

    def counts() -> tuple[int, int, int]:
        return own.first_unconfirmed + own.unconfirmed, own.last_received, theirs.last_received

    before = counts()
    world.cut()
    world.advance(1.0)
    assert world.names(Reattached)
    first, again = world.written(packets.SessionAddMetadata2)
    assert (first.requires_confirmation, again.requires_confirmation) == (True, False)
    assert counts() == before, "nor was it answered: an answer counts"


test_s009_an_answer_and_its_confirmation = foreign.test_question_leaves_by_its_answer_alone
test_s010_an_answer_after_its_confirmation = foreign.test_answer_after_the_confirmation_frees_its_bytes


def test_s011_submit_needs_no_window() -> None:
    world = ClientWorld(fragile())
    producer = world.run(world.engine.create_producer(world.now, world.session(), Queue("q")))
    assert world.run(world.run(world.engine.submit(world.now, producer, Message("x")))) is None


def test_s012_a_commit_waits_for_its_own_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker answers what was sent before, and does not answer the commit."""
    unanswered = dispatch.Command(committing.commit, dispatch.Answered.NEVER)
    monkeypatch.setitem(dispatch.COMMANDS, packets.SessionCommit.TYPE, unanswered)
    world = ClientWorld(resilient(call_timeout_s=2.0, connection_ttl_s=None))
    engine, session = world.engine, world.session(transacted=True)
    producer = world.run(engine.create_producer(world.now, session, Queue("q")))
    world.run(world.run(engine.submit(world.now, producer, Message("the address is known"))))
    receipts = [engine.submit(world.now, producer, Message(str(number))).result() for number in range(3)]
    commit = engine.commit(world.now, session)
    assert not any(receipt.done for receipt in receipts)
    world.pump()
    assert "SESS_COMMIT" in world.sent
    assert all(receipt.done and receipt.error is None for receipt in receipts)
    world.advance(1.9)
    assert not commit.done
    world.advance(0.2)
    with pytest.raises(TransactionOutcomeUnknown):
        commit.result()


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


@pytest.mark.parametrize("dialled", [False, True], ids=["nobody is there", "a new link is up"])
def test_s035_a_second_failure_of_the_old_link_is_no_failure(dialled: bool) -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1))
    session = world.session()
    world.events.clear()
    old = world.link
    if not dialled:
        world.refusing.add("one")
    world.cut()
    world.perform()
    assert world.engine.state is ClientState.RECOVERING
    world.engine.link_down(world.now, old, ConnectionResetError("reset by peer"))
    world.engine.receive_data(world.now, old, b"\x00" * 100)
    world.refusing.clear()
    world.advance(1.0)
    assert len(world.names(FailureDetected)) == len(world.names(Reattached)) == 1
    assert len(world.names(Reconnecting)) == (1 if dialled else 2)
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))


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


def test_each_scenario_has_its_test() -> None:
    names = {*globals(), *vars(recreated), *vars(attempts)}
    here = {int(number) for name in names if name.startswith("test_") for number in re.findall(r"_s(\d\d\d)", name)}
    assert here | set(CELLS) | set(NAMED) | EXEMPT == set(range(1, 116))
    for one, other in ((here, EXEMPT), (here, set(CELLS)), (here, set(NAMED)), (set(CELLS), set(NAMED))):
        assert not one & other, "one test a number"


def test_what_is_named_is_there() -> None:
    modules = [import_module(f"tests.interop.{path.stem}") for path in (TESTS / "interop").glob("cells_*.py")]
    cells = {f"{row.__name__}-{cell}" for module in modules for row in rows_of(module) for cell in cells_of(row)}
    assert not set(CELLS.values()) - cells
    for place in NAMED.values():
        path, _, name = place.partition("::")
        assert f"def {name}(" in (TESTS / path).read_text(), place
