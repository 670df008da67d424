"""One link of either role: opening, versions, liveness without a clock, demultiplexing, the ways it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.helpers import CHANNEL, PING_60, command, frame, started

from corewire._channel import Channel
from corewire._connection import GRACE_S, Connection, ConnectionConfig, Role
from corewire._farewell import Farewell
from corewire._states import ChannelState, LinkState
from corewire.errors import (
    ConnectionTimedOut,
    IncompatibleVersions,
    LocalProtocolError,
    RemoteDisconnect,
    RemoteProtocolError,
)
from corewire.events import (
    ConnectionClosed,
    DisconnectReason,
    HandshakeCompleted,
    PacketReceived,
    TraceRecord,
)
from corewire.wire.framing import MAGIC, frame_header
from corewire.wire.packets import (
    ClusterConnect,
    ClusterTopologyV4,
    CreateProducer,
    CreateSession,
    CreateSessionResponse,
    CreateSessionV2,
    DisconnectV3,
    NullResponse,
    PacketsConfirmed,
    Ping,
    SessionAddMetadata,
    SessionSend,
    SessionStart,
    SubscribeTopologyV2,
)

if TYPE_CHECKING:
    from corewire.wire import registry

# -- opening -----------------------------------------------------------------------------------------------------------


def test_client_greets_with_magic_and_ping() -> None:
    link = Connection(Role.CLIENT)
    link.start(0.0)
    assert b"".join(link.data_to_send()) == MAGIC + PING_60
    assert link.data_to_send() == []
    assert link.state is LinkState.OPEN
    assert link.role is Role.CLIENT


def test_client_without_ttl_says_so() -> None:
    link = Connection(Role.CLIENT, ConnectionConfig(connection_ttl_s=None))
    link.start(0.0)
    assert link.data_to_send()[1] == frame(Ping(-1))
    assert link.handle_timeout(1e6) == []
    assert link.data_to_send() == [frame(Ping(-1))]


def test_server_waits_for_eight_bytes_however_they_are_cut() -> None:
    for at in range(1, 8):
        link = Connection(Role.SERVER)
        link.start(0.0)
        stream = MAGIC + PING_60
        assert link.receive_frames(0.0, stream[:at]) == []
        assert link.state is LinkState.SNIFFING
        assert link.receive_frames(0.0, stream[at:]) == []
        assert link.data_to_send() == [PING_60]
        assert link.state.value == "open"


def test_server_takes_frames_without_magic() -> None:
    link = Connection(Role.SERVER)
    link.start(0.0)
    assert link.receive_frames(0.0, PING_60) == []
    assert link.data_to_send() == [PING_60]


def test_server_takes_another_protocol_for_an_endless_frame() -> None:
    link = Connection(Role.SERVER)
    link.start(0.0)
    with pytest.raises(RemoteProtocolError):
        link.receive_data(0.0, b"GET / HTTP/1.1\r\n")
    assert link.state is LinkState.ERROR


def test_handshake_that_does_not_come_ends_the_link() -> None:
    link = Connection(Role.SERVER)
    link.start(5.0)
    link.receive_data(5.0, MAGIC)  # seven bytes decide nothing
    assert link.next_timeout() == 15.0
    assert link.handle_timeout(15.0) == []
    assert link.next_timeout() == 15.0 + GRACE_S
    (event,) = link.handle_timeout(15.0 + GRACE_S)
    assert isinstance(event, ConnectionClosed)
    assert isinstance(event.error, ConnectionTimedOut)
    assert link.state is LinkState.CLOSED
    assert link.next_timeout() is None


def test_handshake_timeout_can_be_switched_off() -> None:
    config = ConnectionConfig(handshake_timeout_s=None, connection_ttl_s=None)
    link = Connection(Role.SERVER, config)
    link.start(0.0)
    assert link.next_timeout() is None


def test_greeting_in_the_buffer_counts_though_the_server_slept() -> None:
    link = Connection(Role.SERVER)
    link.start(0.0)
    assert link.handle_timeout(3600.0) == []
    assert link.receive_data(3600.0, MAGIC + PING_60) == []
    assert link.handle_timeout(3602.0) == []
    assert link.state is LinkState.OPEN


def test_link_starts_once() -> None:
    link = started(Role.CLIENT)
    with pytest.raises(LocalProtocolError):
        link.start(0.0)


# -- versions -----------------------------------------------------------------------------------------------------------


def test_version_of_a_subscription_holds_for_the_next_packet_of_the_same_read() -> None:
    link = started(Role.SERVER)
    assert link.version == 0
    start = frame(SessionStart(), 10)
    events = link.receive_data(0.0, frame(SubscribeTopologyV2(False, 131)) + start)
    assert events == [
        HandshakeCompleted(131),
        PacketReceived(0, SubscribeTopologyV2(False, 131), 18, True),
        PacketReceived(10, SessionStart(), 13, True),
    ]
    assert link.version == 131


@pytest.mark.parametrize(("own", "peer", "spoken"), [(136, 140, 136), (136, 129, 129), (131, 136, 131)])
def test_the_lower_version_is_spoken(own: int, peer: int, spoken: int) -> None:
    server = started(Role.SERVER, ConnectionConfig(version=own))
    server.receive_frames(0.0, frame(SubscribeTopologyV2(False, peer)))
    assert server.version == spoken
    client = started(Role.CLIENT, ConnectionConfig(version=own))
    client.receive_frames(0.0, frame(CreateSessionResponse(peer), 1))
    assert client.version == spoken


def test_version_of_a_session_counts_only_while_none_is_known() -> None:
    for packet in (CreateSession("s", 10, 130), CreateSessionV2("s", 10, 130)):
        link = started(Role.SERVER)
        assert link.receive_frames(0.0, frame(packet, 1)) == [frame(packet, 1)]
        assert link.version == 130
        link.receive_frames(0.0, frame(CreateSession("t", 11, 136), 1))
        assert link.version == 130


def test_version_that_will_be_refused_is_not_taken() -> None:
    link = started(Role.SERVER)
    events = link.receive_data(0.0, frame(CreateSession("s", 10, 137), 1))
    assert [type(event) for event in events] == [PacketReceived]
    assert link.version == 0


def test_client_learns_the_version_from_the_topology() -> None:
    link = started(Role.CLIENT)
    topology = ClusterTopologyV4(False, "n", 77, None, None, True, None, None, 134)
    events = link.receive_data(0.0, frame(topology) + frame(CreateSessionResponse(134), 1))
    assert events[0] == HandshakeCompleted(134)
    assert [type(event) for event in events[1:]] == [PacketReceived, PacketReceived]
    assert link.version == 134


def test_assumed_version_holds_until_the_peer_names_its_own() -> None:
    link = started(Role.CLIENT)
    link.assume_version(136)
    assert link.version == 136
    events = link.receive_data(0.0, frame(CreateSessionResponse(131), 1))
    assert events[0] == HandshakeCompleted(131)
    assert link.version == 131


def test_each_side_takes_only_what_the_other_may_tell() -> None:
    client, server = started(Role.CLIENT), started(Role.SERVER)
    client.receive_frames(0.0, frame(SubscribeTopologyV2(False, 131)))
    server.receive_frames(0.0, frame(CreateSessionResponse(131), 1))
    assert client.version == server.version == 0


@pytest.mark.parametrize("version", [0, -136])
def test_impossible_version_breaks_the_rules(version: int) -> None:
    link = started(Role.SERVER)
    with pytest.raises(IncompatibleVersions):
        link.receive_data(0.0, frame(SubscribeTopologyV2(False, version)))
    assert link.state is LinkState.ERROR


# -- frames and channels -----------------------------------------------------------------------------------------------------


def test_frames_come_out_raw_but_for_pings() -> None:
    link = started(Role.SERVER)
    on_session_channel = frame_header(Ping.TYPE, 10, 8) + bytes(8)  # not the link's business
    frames = [frame(SubscribeTopologyV2(False, 136)), command(1), on_session_channel]
    assert link.receive_frames(0.0, PING_60 + b"".join(frames) + PING_60) == frames
    assert link.receive_frames(0.0, command(2) + command(3)) == [command(2), command(3)]


def test_runs_are_what_stands_together_of_one_type_on_one_channel() -> None:
    link = started(Role.SERVER)
    stranger = frame_header(Ping.TYPE, 10, 8) + bytes(8)
    stream = [command(1), command(2), PING_60, command(3), stranger, stranger]
    runs = [(kind, channel, list(frames)) for kind, channel, frames in link.receive_runs(0.0, b"".join(stream))]
    kind = command(1)[4]
    assert runs == [
        (kind, CHANNEL, [command(1), command(2)]),
        (Ping.TYPE, 0, []),
        (kind, CHANNEL, [command(3)]),
        (Ping.TYPE, 10, [stranger, stranger]),
    ]


def test_client_swallows_the_echo_of_its_ping() -> None:
    link = started(Role.CLIENT)
    assert link.receive_data(0.0, PING_60) == []
    assert link.data_to_send() == []


def test_packets_tell_whether_they_count() -> None:
    link = started(Role.SERVER)
    metadata = SessionAddMetadata("key", "value")
    data = frame(metadata, 10) + frame(PacketsConfirmed(3), 10) + frame(SessionStart(), 10)
    events = link.receive_data(0.0, data)
    assert [event.countable for event in events if isinstance(event, PacketReceived)] == [False, False, True]
    assert sum(event.size_bytes for event in events if isinstance(event, PacketReceived)) == len(data)


def test_late_frames_find_no_channel_and_are_counted() -> None:
    link = started(Role.SERVER)
    channel = Channel(CHANNEL, window_bytes=1000)
    link.attach(channel)
    assert link.route(CHANNEL) is channel
    link.detach(channel)
    assert link.route(CHANNEL) is None
    assert link.route(99) is None
    assert link.frames_dropped == 2


def test_channel_belongs_to_one_link() -> None:
    first, second = started(Role.SERVER), started(Role.SERVER)
    channel = Channel(CHANNEL, window_bytes=1000)
    first.attach(channel)
    assert dict(first.channels) == {CHANNEL: channel}
    with pytest.raises(LocalProtocolError):
        second.attach(channel)
    with pytest.raises(LocalProtocolError, match="no such channel"):
        second.detach(channel)
    with pytest.raises(LocalProtocolError, match="has such a channel"):
        first.attach(Channel(CHANNEL, window_bytes=None))


def test_frame_limit_is_small_until_login() -> None:
    link = started(Role.SERVER, ConnectionConfig(frame_bytes_login_max=1000, frame_bytes_max=2000))
    big = command(1, size=1500)
    link.logged_in()
    assert link.receive_frames(0.0, big) == [big]
    unknown = started(Role.SERVER, ConnectionConfig(frame_bytes_login_max=1000, frame_bytes_max=2000))
    with pytest.raises(RemoteProtocolError, match="above the limit of 1000"):
        unknown.receive_frames(0.0, big)


def test_uncounted_packets_are_sent_for_the_version_of_the_link() -> None:
    link = started(Role.SERVER)
    link.receive_frames(0.0, frame(SubscribeTopologyV2(False, 129)))
    link.send(0.0, 10, NullResponse(None))
    assert link.data_to_send() == [bytes.fromhex("000000091500000000 0000000a".replace(" ", ""))]


# -- how it ends ---------------------------------------------------------------------------------------------------------------


def attached(role: Role = Role.SERVER) -> tuple[Connection, Channel]:
    link = started(role)
    channel = Channel(CHANNEL, window_bytes=1000)
    link.attach(channel)
    channel.send_frame(command(1))
    link.data_to_send()
    return link, channel


def test_end_of_stream_lets_the_channels_go() -> None:
    link, channel = attached()
    link.receive_frames(0.0, command(2)[:5])
    (event,) = link.receive_eof(0.0)
    assert isinstance(event, ConnectionClosed)
    assert isinstance(event.error, RemoteDisconnect)
    assert link.receive_eof(0.0) == []
    assert (link.state, channel.state) == (LinkState.CLOSED, ChannelState.DETACHED)
    channel.send_frame(command(3))
    assert link.data_to_send() == []
    assert channel.unconfirmed == 2


def test_close_lets_out_what_was_sent_before() -> None:
    link, channel = attached()
    channel.send_frame(command(3))
    link.close(0.0)
    link.close(0.0)
    assert link.data_to_send() == [command(3)]
    assert link.receive_data(0.0, PING_60) == []
    assert link.receive_eof(0.0) == []
    assert channel.link is None
    with pytest.raises(LocalProtocolError):
        link.send(0.0, 0, Ping(1))


def test_link_that_was_never_started_can_be_closed() -> None:
    link = Connection(Role.SERVER)
    link.close(0.0)
    assert link.state.value == "closed"


@pytest.mark.parametrize(
    "packet", [CreateProducer(1, "a"), SessionSend(b""), ClusterConnect("u", "p")], ids=lambda packet: packet.NAME
)
def test_client_that_is_sent_what_brokers_are_sent_gives_the_link_up(packet: registry.Packet) -> None:
    link = started(Role.CLIENT)
    with pytest.raises(RemoteProtocolError) as failure:
        link.receive_data(0.0, frame(Ping(60_000)) + frame(packet, 10))
    assert failure.value.packet == packet.NAME
    assert link.state is LinkState.ERROR


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\x00\x00\x08" + bytes(20),  # shorter than its header
        b"\x7f\xff\xff\xff" + bytes(20),  # above the limit
        frame_header(17, CHANNEL, 0),  # no such type
        frame_header(Ping.TYPE, 0, 3) + bytes(3),  # broken off
        frame_header(22, CHANNEL, 1) + bytes(1),
    ],
)
def test_violation_leaves_nothing_but_close(garbage: bytes) -> None:
    link, channel = attached()
    with pytest.raises(RemoteProtocolError):
        link.receive_data(0.0, garbage)
    assert (link.state, channel.state) == (LinkState.ERROR, ChannelState.DETACHED)
    assert link.next_timeout() is None
    with pytest.raises(LocalProtocolError):
        link.receive_data(0.0, PING_60)
    with pytest.raises(LocalProtocolError):
        link.attach(channel)
    assert link.receive_eof(0.0) == []
    link.close(0.0)
    assert link.state.value == "error"


@pytest.mark.parametrize("reason", DisconnectReason)
def test_goodbye_parts_from_the_channels_and_confirms_unless_something_is_broken(reason: DisconnectReason) -> None:
    link, channel = attached()
    link.receive_frames(0.0, frame(SubscribeTopologyV2(False, 136)))
    channel.processed(50)
    link.disconnect(0.0, Farewell("n1", reason))
    farewell = frame(DisconnectV3("n1", reason.value))
    assert link.data_to_send() == ([farewell] if reason.critical else [frame(PacketsConfirmed(0), CHANNEL), farewell])
    assert link.route(CHANNEL) is None
    assert link.state is LinkState.OPEN


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_garbage_breaks_the_rules_and_nothing_else(data: st.DataObject) -> None:
    """Whatever bytes come, in whatever pieces: events, or RemoteProtocolError and then silence."""
    packets: list[registry.Packet] = [
        Ping(5),
        SubscribeTopologyV2(),
        CreateSession("s", 10, 136),
        SessionStart(),
        SessionAddMetadata("k", "v"),
    ]
    stream = bytearray(MAGIC + b"".join(frame(data.draw(st.sampled_from(packets)), 1) for _ in range(5)))
    for _ in range(data.draw(st.integers(0, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    role = data.draw(st.sampled_from(Role))
    link = started(role, greeting=b"")
    try:
        while stream:
            size = data.draw(st.integers(1, len(stream)))
            link.receive_data(1.0, bytes(stream[:size]))
            del stream[:size]
            link.handle_timeout(2.0)
    except RemoteProtocolError:
        assert link.state is LinkState.ERROR
    else:
        assert link.state is not LinkState.ERROR


# -- snapshots and traces ----------------------------------------------------------------------------------------------------------


@given(st.data())
@settings(deadline=None, max_examples=50)
def test_any_cut_of_the_stream_and_any_snapshot_give_the_same(data: st.DataObject) -> None:
    """Half a frame and half a greeting are part of the state."""
    stream = MAGIC + PING_60 + frame(SubscribeTopologyV2(False, 133)) + command(1, size=300) + PING_60 + command(2)
    whole = Connection(Role.SERVER)
    whole.start(0.0)
    expected = whole.receive_frames(1.0, stream)
    link = Connection(Role.SERVER)
    link.start(0.0)
    frames: list[bytes] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        frames += link.receive_frames(1.0, stream[:size])
        stream = stream[size:]
        if data.draw(st.booleans()):
            copy = Connection.restore(link.export(), ConnectionConfig())
            assert copy.export() == link.export()
            link = copy
    assert frames == expected
    assert link.data_to_send() == whole.data_to_send()
    assert dict(link.export().timers) == dict(whole.export().timers)


def test_trace_shows_each_frame_and_chunk() -> None:
    records: list[TraceRecord] = []
    link = Connection(Role.SERVER, ConnectionConfig(trace=records.append))
    link.start(0.0)
    link.receive_frames(0.0, MAGIC + PING_60 + command(1))
    link.data_to_send()
    assert records == [
        TraceRecord(sent=False, data=PING_60),
        TraceRecord(sent=False, data=command(1)),
        TraceRecord(sent=True, data=PING_60),
    ]
