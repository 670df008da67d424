"""Counting, confirming, keeping and writing again: the commands of one session, alone and between two engines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.engine.helpers import (
    CHANNEL,
    COMMAND,
    CONFIRMED,
    DELIVERY,
    QUESTION,
    REFUSED,
    SessionPair,
    command,
)

from corewire._channel import Channel, ConfirmationMismatch, int32
from corewire._connection import Connection, ConnectionConfig, Role
from corewire._states import ChannelState
from corewire.errors import LocalProtocolError, RemoteProtocolError
from corewire.wire import registry
from corewire.wire.framing import packet_type
from corewire.wire.packets import NullResponse, SessionAddMetadata, SessionAddMetadata2

if TYPE_CHECKING:
    from corewire._operation import Operation

# -- a channel alone, on a link of a server -------------------------------------------------------------------------------


def open_link() -> Connection:
    link = Connection(Role.CLIENT, ConnectionConfig(failure_check_period_s=None))
    link.start(0.0)
    link.assume_version(136)
    link.data_to_send()
    return link


def open_channel(window_bytes: int | None) -> tuple[Channel, Connection]:
    link = open_link()
    channel = Channel(CHANNEL, window_bytes=window_bytes)
    link.attach(channel)
    return channel, link


def confirmations(link: Connection) -> list[int]:
    frames = link.data_to_send()
    assert all(packet_type(frame) == CONFIRMED for frame in frames)
    return [int.from_bytes(frame[13:], "big", signed=True) for frame in frames]


def test_threshold_confirms_and_starts_again_at_zero() -> None:
    """The example of docs/protocol/confirmation.md: window 100, five packets of 40 bytes, then a tick."""
    channel, link = open_channel(100)
    for _ in range(3):
        channel.processed(40)
    assert confirmations(link) == [2]
    channel.processed(40)
    channel.processed(40)
    assert confirmations(link) == []
    channel.flush()
    channel.flush()
    assert confirmations(link) == [4]
    assert channel.last_received == 4


def test_confirmation_is_the_frame_of_the_specification() -> None:
    channel, link = open_channel(0)
    for _ in range(10):
        channel.processed(1)
    assert link.data_to_send()[-1].hex() == "0000000d16000000000000000a00000009"


def test_window_of_zero_confirms_each() -> None:
    channel, link = open_channel(0)
    channel.processed(13)
    channel.processed(13)
    assert confirmations(link) == [0, 1]


@pytest.mark.parametrize("window_bytes", [None, 100])
def test_many_frames_are_sent_as_each_is(window_bytes: int | None) -> None:
    frames = [command(1), command(2)]
    (one, link), (many, other) = open_channel(window_bytes), open_channel(window_bytes)
    for _ in ("on a link", "waiting"):
        many.send_frames(frames)
        for frame in frames:
            one.send_frame(frame)
        assert link.data_to_send() == other.data_to_send()
        assert one.export() == many.export()
        assert one.buffered_bytes == many.buffered_bytes
        if one.link is link:
            link.detach(one)
            other.detach(many)


def test_without_a_window_nothing_is_counted_kept_or_confirmed() -> None:
    channel, link = open_channel(None)
    channel.send_frame(command(1))
    channel.processed(1_000_000)
    channel.flush()
    assert link.data_to_send() == [command(1)]
    assert channel.last_received == -1
    assert channel.unconfirmed == channel.buffered_bytes == 0
    assert channel.confirmed(7) == 0
    link.detach(channel)
    channel.send_frame(command(2))  # as on a dead wire
    other = open_link()
    other.attach(channel)
    with pytest.raises(LocalProtocolError, match="nothing was kept"):
        channel.resume(-1)
    assert other.data_to_send() == []


def test_confirmed_commands_are_forgotten_oldest_first() -> None:
    channel, _ = open_channel(1000)
    for number in range(5):
        channel.send_frame(command(number))
    assert channel.buffered_bytes == 5 * len(command(0))
    assert channel.confirmed(2) == 3
    assert (channel.first_unconfirmed, channel.unconfirmed) == (3, 2)
    assert channel.buffered_bytes == 2 * len(command(0))


@pytest.mark.parametrize("command_id", [-1, 0, 1])
def test_confirmation_that_does_not_advance_is_ignored(command_id: int) -> None:
    channel, _ = open_channel(1000)
    for number in range(4):
        channel.send_frame(command(number))
    channel.confirmed(1)
    assert channel.confirmed(command_id) == 0
    assert (channel.first_unconfirmed, channel.unconfirmed) == (2, 2)


def test_confirming_what_was_never_written_is_refused_and_changes_nothing() -> None:
    channel, link = open_channel(1000)
    channel.send_frame(command(0))
    with pytest.raises(ConfirmationMismatch) as caught:
        channel.confirmed(1)
    assert isinstance(caught.value, RemoteProtocolError)
    link.detach(channel)
    channel.send_frame(command(1))  # waits, so the peer cannot know of it
    other = open_link()
    other.attach(channel)
    with pytest.raises(ConfirmationMismatch, match="command 1 is confirmed; kept are 0 to 0"):
        channel.resume(1)
    assert (channel.first_unconfirmed, channel.unconfirmed, channel.waiting) == (0, 2, 1)
    assert channel.state is ChannelState.RESUMING


def test_taking_back_a_confirmation_at_reattachment_is_refused() -> None:
    channel, link = open_channel(1000)
    for number in range(3):
        channel.send_frame(command(number))
    channel.confirmed(2)
    link.detach(channel)
    open_link().attach(channel)
    with pytest.raises(ConfirmationMismatch):
        channel.resume(1)


def test_resume_writes_what_the_peer_lacks_and_then_what_waited() -> None:
    channel, link = open_channel(1000)
    for number in range(3):
        channel.send_frame(command(number))
    link.detach(channel)
    assert channel.state is ChannelState.DETACHED
    channel.send_frame(command(3))
    other = open_link()
    other.attach(channel)
    assert channel.link is other
    channel.send_frame(command(4))
    assert other.data_to_send() == []
    assert channel.resume(0) == 2  # those that waited were never written before
    assert other.data_to_send() == [command(number) for number in (1, 2, 3, 4)]
    channel.send_frame(command(5))
    assert other.data_to_send() == [command(5)]
    assert (channel.first_unconfirmed, channel.unconfirmed, channel.waiting) == (1, 5, 0)


def test_what_is_processed_without_a_link_is_told_by_the_reattachment_alone() -> None:
    channel, link = open_channel(10)
    link.detach(channel)
    channel.processed(20)
    other = open_link()
    other.attach(channel)
    channel.resume(-1)
    channel.flush()
    assert confirmations(other) == []
    assert channel.last_received == 0


def test_reset_begins_a_new_epoch_on_the_new_link() -> None:
    channel, link = open_channel(10)
    channel.send_frame(command(0))
    channel.processed(5)
    assert channel.next_async_correlation() == 1
    link.detach(channel)
    channel.send_frame(command(1))
    other = open_link()
    other.attach(channel)
    assert channel.reset() == [command(1)]
    assert (channel.last_received, channel.first_unconfirmed, channel.unconfirmed) == (-1, 0, 0)
    assert channel.next_async_correlation() == 2
    channel.flush()
    channel.send_frame(command(2))
    assert other.data_to_send() == [command(2)]


def test_reset_without_a_link_lets_commands_wait_for_the_next() -> None:
    channel, link = open_channel(None)
    link.detach(channel)
    assert channel.reset() == []
    assert channel.state is ChannelState.NEW
    other = open_link()
    other.attach(channel)
    channel.send_frame(command(0))
    assert other.data_to_send() == [command(0)]


def test_commands_before_the_first_link_wait_for_it() -> None:
    channel = Channel(CHANNEL, window_bytes=0)
    channel.send_frame(command(0))
    assert channel.waiting == 1
    link = open_link()
    link.attach(channel)
    assert link.data_to_send() == [command(0)]
    assert channel.waiting == 0


def test_open_channel_cannot_be_reset() -> None:
    channel, _ = open_channel(10)
    with pytest.raises(LocalProtocolError):
        channel.reset()


def test_closed_channel_leaves_its_link_and_sends_nothing() -> None:
    channel, link = open_channel(10)
    channel.send_frame(command(0))
    channel.close()
    channel.close()
    assert (channel.link, channel.unconfirmed, channel.buffered_bytes) == (None, 0, 0)
    assert link.channels == {}
    for send in (channel.send_frame, channel.send_uncounted, channel.ask_frame):
        with pytest.raises(LocalProtocolError, match="closed"):
            send(command(1))


def test_packets_are_encoded_and_counted_by_what_they_are() -> None:
    channel, link = open_channel(1000)
    channel.send(NullResponse(3))
    channel.send(SessionAddMetadata2("key", "value", False))
    channel.send(SessionAddMetadata2("key", "value", True))
    channel.send(SessionAddMetadata("key", "value"))
    assert channel.unconfirmed == 2
    assert len(link.data_to_send()) == 4
    link.detach(channel)
    channel.send(SessionAddMetadata("key", "value"))  # does not count, so nobody keeps it
    channel.send(NullResponse(4))
    assert (channel.version, channel.unconfirmed, channel.waiting) == (136, 3, 1)


def test_answers_change_nothing_towards_a_peer_of_ours() -> None:
    channel, _ = open_channel(1000)
    ticket = channel.ask_frame(command(0))
    channel.answered(ticket, refused=True)
    assert channel.unconfirmed == 1


def test_correlation_numbers_count_down_for_calls_and_up_for_sends() -> None:
    channel = Channel(CHANNEL, window_bytes=None)
    assert [channel.next_blocking_correlation() for _ in range(3)] == [-2, -3, -4]
    assert [channel.next_async_correlation() for _ in range(3)] == [1, 2, 3]


@given(st.integers(-(2**40), 2**40))
def test_int32_wraps_as_java_does(value: int) -> None:
    assert int32(value) == int.from_bytes((value & 0xFFFF_FFFF).to_bytes(4, "big"), "big", signed=True)


def test_ids_wrap_around() -> None:
    session = SessionPair(0, first_id=2**31 - 2)
    for number in range(4):
        session.client.send(command(number))
    session.settle()
    assert session.server.confirmed == [2**31 - 2, 2**31 - 1, -(2**31), -(2**31) + 1]
    assert session.client.channel.first_unconfirmed == -(2**31) + 2
    assert session.client.channel.unconfirmed == 0


# -- between two engines ---------------------------------------------------------------------------------------------------


class TwoEngines(RuleBasedStateMachine):
    """
    Random schedules of sends, confirmations, cuts at any byte and re-attachments; the invariants of a channel hold.

    `SessionPair` itself asserts that a confirmation names what was processed when it was written, that the counter of
    bytes stays below the window, and that a re-attachment writes again exactly what the peer lacks.
    """

    session: SessionPair
    number: int

    @initialize(
        window=st.sampled_from([0, 1, 50, 300, 1_000_000]),
        first_id=st.sampled_from([0, 5, 2**31 - 5, -1]),
    )
    def begin(self, window: int, first_id: int) -> None:
        self.session = SessionPair(window, first_id=first_id)
        self.first_id = first_id
        self.number = 0
        self.up = True
        self.waiting: dict[int, Operation[int]] = {}

    def _frame(self, kind: int, size: int) -> bytes:
        self.number += 1
        return command(self.number, size=size, kind=kind)

    @rule(size=st.integers(0, 120))
    def client_commands(self, size: int) -> None:
        self._send(Role.CLIENT, self._frame(COMMAND, size))

    @rule(kind=st.sampled_from([QUESTION, REFUSED]), size=st.integers(0, 120), abandoned=st.booleans())
    def client_asks(self, kind: int, size: int, abandoned: bool) -> None:
        self.number += 1
        operation = self.session.ask(self.number, size=size, kind=kind)
        self.session.watch()
        if abandoned:
            self.session.abandoned.add(operation)
        else:
            self.waiting[self.number] = operation

    @rule(size=st.integers(0, 120))
    def server_delivers(self, size: int) -> None:
        self._send(Role.SERVER, self._frame(DELIVERY, size))

    def _send(self, role: Role, frame: bytes) -> None:
        """Between the end of a link and the peer's number nothing enters the cache; it waits."""
        channel = self.session.ends[role].channel
        kept = channel.unconfirmed - channel.waiting
        self.session.ends[role].send(frame)
        self.session.watch()
        assert channel.unconfirmed - channel.waiting == kept + (channel.state is ChannelState.OPEN)

    @rule(role=st.sampled_from(Role), size=st.integers(1, 200))
    def bytes_arrive(self, role: Role, size: int) -> None:
        self.session.deliver(role, size)

    @rule(seconds=st.sampled_from([0.1, 2.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        for events in self.session.pair.advance(seconds).values():
            assert events == []
        self.session.watch()
        for role in Role:  # so that nobody finds the other silent
            self.session.deliver(role)

    @rule(server_notices=st.booleans())
    def link_breaks_or_comes_back(self, server_notices: bool) -> None:
        """Where the server does not notice, the client moves while the old link still lives."""
        if self.up and server_notices:
            self.session.cut()
            self.up = False
            return
        if self.up:
            self.session.watch()
            self.session.pair.client.receive_eof(self.session.pair.now)
        self.session.reconnect()
        self.up = True

    @rule(role=st.sampled_from(Role))
    def engine_is_replaced_by_its_snapshot(self, role: Role) -> None:
        pair, end = self.session.pair, self.session.ends[role]
        link = Connection.restore(pair.links[role].export(), pair.configs[role])
        joined = end.channel.link is pair.links[role]
        if end.channel.link is None or joined:
            end.channel = Channel.restore(end.channel.export(), link if joined else None)
            pair.links[role] = link

    @invariant()
    def counts_agree(self) -> None:
        if not hasattr(self, "session"):
            return
        for role, other in ((Role.CLIENT, Role.SERVER), (Role.SERVER, Role.CLIENT)):
            sender, receiver = self.session.ends[role], self.session.ends[other]
            sent, processed = len(sender.sent), len(receiver.processed)
            first = int32(sender.channel.first_unconfirmed - self.first_id)
            assert first + sender.channel.unconfirmed == sent
            assert int32(receiver.channel.last_received + 1 - self.first_id) == processed
            assert first <= processed <= sent - sender.channel.waiting
            assert receiver.processed == sender.sent[:processed]
            told = [int32(number - self.first_id) for number in receiver.confirmed]
            assert told == sorted(told)
            assert sender.channel.buffered_bytes == sum(map(len, sender.sent[first:]))

    def teardown(self) -> None:
        """After a calm end all was processed once, in order, as if no link had ever broken, and each answer is its own."""
        if not hasattr(self, "session"):
            return
        if not self.up:
            self.session.reconnect()
        self.session.settle()
        assert self.session.server.processed == self.session.client.sent
        assert self.session.client.processed == self.session.server.sent
        assert len(self.session.replies) == 0
        for number, operation in self.waiting.items():  # an operation asserts that it ends once
            assert operation.result() == number


TestTwoEngines = TwoEngines.TestCase
TestTwoEngines.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_without_a_window_no_confirmation_passes_in_either_direction() -> None:
    session = SessionPair(None)
    for number in range(20):
        session.ask(number, size=1000)
    session.settle()
    session.pair.advance(31.0)
    session.settle()
    assert session.server.processed == session.client.sent
    assert session.server.confirmed == session.client.confirmed == []


@given(st.lists(st.integers(0, 400), min_size=1, max_size=4), st.booleans())
@settings(deadline=None)
def test_link_cut_at_any_byte_loses_and_doubles_nothing(cuts: list[int], late_notice: bool) -> None:
    session = SessionPair(60)
    for number, size in enumerate(cuts):
        for _ in range(3):
            session.ask(number, size=size % 50)
            session.server.send(command(number, kind=DELIVERY))
        session.watch()
        session.deliver(Role.SERVER, size)
        session.watch()
        session.deliver(Role.CLIENT, size // 2)
        if late_notice:
            session.pair.client.receive_eof(0.0)
        else:
            session.cut()
        session.reconnect()
    session.settle()
    assert session.server.processed == session.client.sent
    assert session.client.processed == session.server.sent


# -- snapshots ---------------------------------------------------------------------------------------------------------------


def test_snapshot_goes_on_where_the_channel_was() -> None:
    channel, link = open_channel(100)
    channel.send_frame(command(0))
    channel.processed(60)
    channel.next_blocking_correlation()
    channel.next_async_correlation()
    copy_link = Connection.restore(link.export(), ConnectionConfig())
    copy = Channel.restore(channel.export(), copy_link)
    assert copy.export() == channel.export()
    copy.processed(60)
    copy.send_frame(command(1))
    assert copy_link.data_to_send()[-1] == command(1)
    assert registry.decode(registry.encode(NullResponse(1), CHANNEL, 136), copy.version) == NullResponse(1)


def test_snapshot_of_a_resuming_channel_still_waits_for_the_number() -> None:
    channel, link = open_channel(100)
    channel.send_frame(command(0))
    link.detach(channel)
    other = open_link()
    other.attach(channel)
    snapshot = channel.export()
    assert replace(snapshot, state="open") != snapshot
    link_copy = Connection.restore(other.export(), ConnectionConfig())
    copy = Channel.restore(snapshot, link_copy)
    assert link_copy.data_to_send() == []
    assert copy.resume(-1) == 1
    assert link_copy.data_to_send() == [command(0)]
