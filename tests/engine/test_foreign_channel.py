"""A client's channel towards a broker that does not count what it refuses, and may count twice what it ran twice."""

from __future__ import annotations

from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.helpers import CHANNEL, command

from corewire._connection import Connection, ConnectionConfig, Role
from corewire._foreign_channel import ForeignChannel


def open_link() -> Connection:
    link = Connection(Role.CLIENT, ConnectionConfig(failure_check_period_s=None))
    link.start(0.0)
    link.data_to_send()
    return link


def open_channel(window_bytes: int | None = 1000) -> tuple[ForeignChannel, Connection]:
    link = open_link()
    channel = ForeignChannel(CHANNEL, window_bytes=window_bytes)
    link.attach(channel)
    return channel, link


def resumed(channel: ForeignChannel, peer_received: int) -> list[bytes]:
    """What is written on a new link."""
    if channel.link is not None:
        channel.link.detach(channel)
    link = open_link()
    link.attach(channel)
    again = channel.resume(peer_received)
    written = link.data_to_send()
    assert again <= len(written)
    return written


def test_refused_command_is_taken_out_of_the_count() -> None:
    channel, _ = open_channel()
    channel.send_frame(command(0))
    refused = channel.ask_frame(command(1))
    channel.send_frame(command(2))
    channel.answered(refused, refused=True)
    assert channel.buffered_bytes == 2 * len(command(0))
    assert channel.confirmed(1) == 2  # commands 0 and 2
    assert (channel.unconfirmed, channel.buffered_bytes) == (0, 0)


def test_refused_commands_are_passed_over_wherever_they_stand() -> None:
    channel, _ = open_channel()
    tickets = [channel.ask_frame(command(number)) for number in range(6)]
    for number in (0, 2, 3, 5):
        channel.answered(tickets[number], refused=True)
    assert (channel.unconfirmed, channel.buffered_bytes) == (2, 2 * len(command(0)))
    assert channel.confirmed(0) == 1  # command 1
    assert resumed(channel, 0) == [command(1), command(4)]


def test_question_leaves_by_its_answer_alone() -> None:
    channel, _ = open_channel()
    asked = channel.ask_frame(command(0))
    channel.send_frame(command(1))
    assert channel.confirmed(1) == 2
    assert (channel.unconfirmed, channel.buffered_bytes) == (0, len(command(0)))
    assert resumed(channel, 1) == [command(0)]
    channel.answered(asked, refused=False)
    assert resumed(channel, 2) == []


def test_answer_after_the_confirmation_frees_its_bytes() -> None:
    channel, _ = open_channel()
    asked = channel.ask_frame(command(0))
    channel.confirmed(0)
    channel.answered(asked, refused=False)
    assert channel.buffered_bytes == 0
    channel.answered(asked, refused=False)
    assert resumed(channel, 0) == []


def test_answered_question_is_not_written_again_though_the_number_lags() -> None:
    channel, _ = open_channel()
    asked = channel.ask_frame(command(0))
    channel.send_frame(command(1))
    channel.answered(asked, refused=False)
    assert resumed(channel, -1) == [command(1)]


def test_number_that_runs_ahead_is_no_proof_for_questions() -> None:
    channel, _ = open_channel()
    channel.ask_frame(command(0))
    channel.send_frame(command(1))
    assert channel.confirmed(5) == 2
    assert channel.first_unconfirmed == 6
    channel.send_frame(command(2))
    assert resumed(channel, 7) == [command(0)]
    assert channel.first_unconfirmed == 8


def test_number_that_takes_back_a_confirmation_is_counted_from_all_the_same() -> None:
    channel, _ = open_channel()
    for number in range(3):
        channel.send_frame(command(number))
    channel.confirmed(1)
    assert resumed(channel, 0) == [command(2)]
    assert channel.first_unconfirmed == 1
    assert channel.confirmed(1) == 1


def test_confirmation_that_does_not_advance_is_ignored() -> None:
    channel, _ = open_channel()
    channel.send_frame(command(0))
    channel.confirmed(0)
    assert channel.confirmed(0) == 0
    assert channel.confirmed(-1) == 0


def test_what_waited_comes_after_what_is_owed() -> None:
    channel, link = open_channel()
    channel.ask_frame(command(0))
    channel.confirmed(0)
    channel.ask_frame(command(1))
    link.detach(channel)
    channel.send_frame(command(2))
    assert resumed(channel, 0) == [command(0), command(1), command(2)]
    assert channel.first_unconfirmed == 1
    assert channel.confirmed(3) == 3


def test_without_a_window_nothing_is_kept() -> None:
    channel, link = open_channel(None)
    assert channel.ask_frame(command(0)) == 0
    channel.answered(0, refused=True)
    assert channel.confirmed(3) == 0
    assert channel.unconfirmed == channel.buffered_bytes == 0
    assert link.data_to_send() == [command(0)]


def test_reset_forgets_what_was_owed() -> None:
    channel, link = open_channel()
    asked = channel.ask_frame(command(0))
    channel.confirmed(0)
    link.detach(channel)
    assert channel.reset() == []
    channel.answered(asked, refused=False)
    link = open_link()
    link.attach(channel)
    assert link.data_to_send() == []
    assert channel.buffered_bytes == 0


@given(st.data())
@settings(deadline=None)
def test_kept_bytes_and_counts_agree_with_such_a_broker(data: st.DataObject) -> None:
    """Random commands, answers and confirmations of a broker by Artemis' rule: both sides count the same."""
    channel, _ = open_channel(1_000_000)
    arrived: deque[tuple[int, bool]] = deque()  # ticket, whether it will be refused
    received = -1
    for number in range(data.draw(st.integers(0, 40))):
        step = data.draw(st.sampled_from(["send", "ask", "process", "confirm"]))
        if step == "send":
            channel.send_frame(command(number))
            arrived.append((0, False))
        elif step == "ask":
            ticket = channel.ask_frame(command(number))
            arrived.append((ticket, data.draw(st.booleans())))
        elif step == "process" and arrived:
            ticket, refused = arrived.popleft()
            received += not refused
            channel.answered(ticket, refused=refused)
        elif step == "confirm":
            channel.confirmed(received)
            assert channel.first_unconfirmed == received + 1
            assert channel.unconfirmed == len(arrived)
            assert channel.buffered_bytes == sum(len(command(0)) for _ in arrived)
    while arrived:
        ticket, refused = arrived.popleft()
        received += not refused
        channel.answered(ticket, refused=refused)
    channel.confirmed(received)
    assert (channel.unconfirmed, channel.buffered_bytes) == (0, 0)
