"""Pings, silence and confirmations by the clock, without a clock: a test moves ``now`` by hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.helpers import PING_60, ConnectionPair, command, frame, started

from corewire._channel import Channel
from corewire._connection import GRACE_S, Connection, ConnectionConfig, Role
from corewire._states import LinkState
from corewire.events import PeerSilent
from corewire.wire.framing import MAGIC
from corewire.wire.packets import PacketsConfirmed, Ping

if TYPE_CHECKING:
    from corewire.events import Event


def test_server_adopts_the_ttl_of_a_ping_and_echoes_it() -> None:
    link = started(Role.SERVER)
    assert link.ttl_s == 60.0
    assert link.receive_data(1.0, frame(Ping(5_000))) == []
    assert link.data_to_send() == [frame(Ping(5_000))]
    adopted = [link.ttl_s]
    link.receive_data(1.0, frame(Ping(-1)))
    assert [*adopted, link.ttl_s] == [5.0, None]
    assert link.handle_timeout(3.0) == []
    assert link.next_timeout() is None


def test_fixed_ttl_is_not_changed_by_pings() -> None:
    link = started(Role.SERVER, ConnectionConfig(connection_ttl_s=7.0, connection_ttl_fixed=True))
    link.receive_data(1.0, frame(Ping(5_000)))
    assert link.ttl_s == 7.0
    assert link.data_to_send() == [frame(Ping(5_000))]


def test_pinging_links_never_fall_silent() -> None:
    pair = ConnectionPair()
    pair.pump()
    for _ in range(100):
        assert pair.advance(30.0) == {Role.CLIENT: [], Role.SERVER: []}
        assert pair.pump() == {Role.CLIENT: [], Role.SERVER: []}
    assert pair.client.state is pair.server.state is LinkState.OPEN


@pytest.mark.parametrize("role", Role)
def test_silence_for_a_ttl_ends_the_link(role: Role) -> None:
    link = started(role)
    now = 0.0
    events: list[Event] = []
    while not events:
        deadline = link.next_timeout()
        assert deadline is not None
        now = deadline
        events = link.handle_timeout(now)
    assert events == [PeerSilent(60.0)]
    assert now == 60.0 + GRACE_S
    assert link.state is LinkState.CLOSED
    assert link.next_timeout() is None
    assert link.handle_timeout(now) == []


def test_grace_is_short_where_the_ttl_is() -> None:
    link = started(Role.CLIENT, ConnectionConfig(connection_ttl_s=0.5, failure_check_period_s=0.2))
    assert link.handle_timeout(0.5) == []
    assert link.handle_timeout(0.75) == [PeerSilent(0.5)]


def test_half_a_frame_is_silence() -> None:
    link = started(Role.SERVER)
    link.receive_data(59.0, PING_60[:20])
    assert link.handle_timeout(60.0) == []
    assert link.handle_timeout(61.0) == [PeerSilent(60.0)]


def test_client_without_failure_check_pings_once_and_waits_for_ever() -> None:
    link = Connection(Role.CLIENT, ConnectionConfig(failure_check_period_s=None))
    link.start(0.0)
    assert link.data_to_send() == [MAGIC, PING_60]
    assert link.next_timeout() is None
    assert link.handle_timeout(1e9) == []
    assert link.data_to_send() == []


@pytest.mark.parametrize("role", Role)
def test_standing_still_is_not_failing(role: Role) -> None:
    """After hours asleep: one ping, no burst, and what lies in the buffers is read before silence is judged."""
    link = started(role)
    now = 3 * 3600.0
    assert link.handle_timeout(now) == []
    assert link.handle_timeout(now) == []
    assert link.data_to_send() == ([PING_60] if role is Role.CLIENT else [])
    link.receive_data(now + 0.1, PING_60)
    assert link.handle_timeout(now + 2.0) == []
    assert link.state is LinkState.OPEN


def test_standing_still_during_the_grace_is_not_failing_either() -> None:
    link = started(Role.CLIENT)
    assert link.handle_timeout(60.0) == []
    assert link.handle_timeout(7200.0) == []
    assert link.handle_timeout(7200.0 + GRACE_S) == [PeerSilent(60.0)]


def test_client_confirms_what_it_processed_after_each_ping() -> None:
    link = started(Role.CLIENT)
    channels = [Channel(10, window_bytes=1000), Channel(11, window_bytes=1000), Channel(12, window_bytes=None)]
    for channel in channels:
        link.attach(channel)
        channel.processed(50)
    link.handle_timeout(29.9)
    assert link.data_to_send() == []
    link.handle_timeout(30.0)
    assert link.data_to_send() == [PING_60, frame(PacketsConfirmed(0), 10), frame(PacketsConfirmed(0), 11)]
    link.handle_timeout(59.0)
    link.receive_data(59.0, PING_60)
    link.handle_timeout(60.0)
    assert link.data_to_send() == [PING_60]


def test_server_confirms_by_its_tick_and_idle_links_have_none() -> None:
    link = started(Role.SERVER)
    link.handle_timeout(2.0)  # the tick after the greeting
    channel = Channel(10, window_bytes=1000)
    link.attach(channel)
    assert link.next_timeout() == 60.0
    link.receive_frames(10.0, command(1))
    channel.processed(len(command(1)))
    link.receive_frames(11.0, command(2))
    channel.processed(len(command(2)))
    assert link.next_timeout() == 12.0
    assert link.handle_timeout(3600.0) == []
    assert link.data_to_send() == [frame(PacketsConfirmed(1), 10)]


def test_server_tick_can_be_switched_off() -> None:
    link = started(Role.SERVER, ConnectionConfig(confirmation_period_s=None))
    link.receive_frames(1.0, command(1))
    assert link.next_timeout() == 61.0
