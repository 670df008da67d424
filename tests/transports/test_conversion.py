"""Every world has the same tests, apart from a listed few."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.transports.conversion import FOLDER, WORLDS, load_tests

if TYPE_CHECKING:
    from pathlib import Path

#: Tests that need somebody who runs at the same time: there is nobody in the blocking world.
NOT_IN_BLOCKING: dict[str, set[str]] = {
    "test_client": {
        "test_reader_of_events_waits_for_them",
    },
    "test_failures": {
        "test_cancelling_wakes_the_waiting_call",
        "test_commit_in_flight_has_an_unknown_outcome",
        "test_receive_goes_on_in_a_recreated_session",
        "test_send_in_flight_is_unblocked_and_questions_are_asked_again",
    },
    "test_gathering": {
        "test_an_acknowledgement_leaves_though_the_next_receive_raises",
        "test_nothing_is_gathered_any_more_after_a_moment",
        "test_what_a_command_did_before_it_raised_leaves_though_nothing_more_is_called",
        "test_what_was_submitted_leaves_though_nothing_more_is_called",
    },
    "test_pool": {
        "test_who_finds_all_taken_waits_for_one",
        "test_who_waits_when_the_pool_is_closed_is_told",
    },
    "test_queues": {
        "test_many_ask_at_once_and_leave_one_inbox",
        "test_requests_get_their_replies",
        "test_requests_go_on_in_the_same_session_after_a_failure",
        "test_requests_go_while_the_session_consumes",
    },
    "test_rates": {"test_closing_ends_the_wait_of_a_loop"},
    "test_sending": {"test_several_may_wait_for_one_receipt"},
    "test_receiving": {
        "test_close_from_elsewhere_ends_a_loop_that_waits",
        "test_close_from_elsewhere_lets_the_message_in_hand_be_finished",
        "test_two_who_receive_in_one_session_are_told",
    },
}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("test_*.py")), ids=lambda path: path.stem)
def test_every_world_has_the_same_tests(path: Path) -> None:
    found = {}
    for world in WORLDS:
        tests = vars(load_tests(path, world))
        found[world] = {name for name, value in tests.items() if name.startswith("test_") and value is not None}
    assert found["asyncio"] == found["trio"] == found["threads"]
    assert found["asyncio"] - found["blocking"] == NOT_IN_BLOCKING.get(path.stem, set())
