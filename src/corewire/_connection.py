"""
One link of either role: how it opens, whom it belongs to, whether the other side is still there.

A `Connection` counts nothing; counting is the channels' (`Channel`), which come and go by ``attach`` and ``detach``.
What it decides by itself:

- *Opening.* A client writes seven bytes, ``ARTEMIS``, and goes on at once. A server waits for eight bytes; without the
  magic they are the beginning of a frame (docs/protocol/framing.md).
- *Version.* The peer's number comes in one of four packets; both sides speak the lower of the two, and it holds from
  the next packet on (docs/protocol/versions.md).
- *Silence.* The client pings, the server adopts the TTL in the ping and echoes it. Whoever hears no whole frame for a
  TTL gives the link up. But standing still is not failing: a process that was suspended finds its timers overdue and the
  peer's bytes unread. So when the TTL is over, a moment of grace follows in which what lies in the socket's buffers can
  be read, and a grace that itself ended late is given again. Periodic work is done once, however long the pause was.

All else that comes, PACKETS_CONFIRMED included, is its owner's: only the owner knows where an answer stands between a
command and its confirmation, and may close a session whose peer confirms what was never written.
"""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003 - a dataclass looks it up where it is compiled
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING, Final

from corewire._farewell import farewell_packet
from corewire._states import LINK, LinkMove, LinkState, advance
from corewire._timers import Timers
from corewire.errors import (
    ConnectionTimedOut,
    IncompatibleVersions,
    LocalProtocolError,
    RemoteDisconnect,
    RemoteProtocolError,
)
from corewire.events import ConnectionClosed, HandshakeCompleted, PacketReceived, PeerSilent, TraceRecord
from corewire.wire import registry
from corewire.wire.framing import HEADER_SIZE, LENGTH_SIZE, MAGIC, FrameReader, channel_id, packet_type
from corewire.wire.packets import (
    ClusterTopologyV4,
    CreateSession,
    CreateSessionResponse,
    CreateSessionV2,
    Ping,
    SubscribeTopologyV2,
)
from corewire.wire.versions import UNNEGOTIATED, VERSION, accepted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from corewire._channel import Channel
    from corewire._farewell import Farewell
    from corewire.errors import CorewireError
    from corewire.events import Event

SNIFFED_BYTES: Final = 8  #: what a server waits for, though the magic has seven
GRACE_S: Final = 1.0  #: time to read what lies in the buffers before silence is judged
PING_CHANNEL: Final = 0
SESSION_CHANNEL: Final = 1


class Role(Enum):
    """Which side of a link."""

    CLIENT = "client"  #: the side that connected
    SERVER = "server"


class LinkTimer(Enum):
    """The deadlines of a link."""

    __hash__ = object.__hash__  # some are armed with every read, and Enum's own hashes the name in Python code

    HANDSHAKE = "handshake"  #: server: the first eight bytes
    PING = "ping"  #: client: the next ping
    SILENCE = "silence"  #: nothing came for a TTL
    GRACE = "grace"  #: the buffers are read, now it is silence
    CONFIRM = "confirm"  #: server: what was processed since the last one is confirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionConfig:
    """Settings of one link. None switches off."""

    connection_ttl_s: float | None = 60.0  #: client: what it pings; server: until the first ping
    connection_ttl_fixed: bool = False  #: server: pings do not change it
    failure_check_period_s: float | None = 30.0  #: client: between pings; None: one ping, and silence is never judged
    confirmation_period_s: float | None = 2.0  #: server: at most so long a processed command stays unconfirmed
    frame_bytes_max: int = 16_777_216
    frame_bytes_login_max: int = 65_536  #: server: until ``logged_in()``
    handshake_timeout_s: float | None = 10.0  #: server: for the first eight bytes
    version: int = VERSION
    between_brokers: bool = False  #: client: it is a broker too, so it may be sent what only brokers are sent
    trace: Callable[[TraceRecord], None] | None = None


@dataclass(frozen=True, slots=True)
class ConnectionSnapshot:
    """The whole state of a `Connection` but its channels."""

    role: str
    state: str
    version: int
    named: bool
    ttl_s: float | None
    sniffed: bytes
    half_frame: bytes
    frame_bytes_max: int
    frames_dropped: int
    timers: tuple[tuple[str, float], ...]
    out: tuple[bytes, ...]


class Connection:
    """
    One link, either role. ``now`` is seconds, as the owner counts them; it is kept in deadlines only.

    Feed ``receive_data`` or, for owners who read frames themselves, ``receive_frames``; after any call write what
    ``data_to_send`` returns and ask ``next_timeout``. A link that ends, by whatever cause, has let go of its channels.
    """

    version: int = UNNEGOTIATED  #: that both sides speak: the lower of the two; 0 while the peer's is not known

    def __init__(self, role: Role, config: ConnectionConfig | None = None) -> None:
        self._role = role
        self._config = config = config or ConnectionConfig()
        plain_client = role is Role.CLIENT and not config.between_brokers
        self._refuses = registry.BROKERS_ONLY if plain_client else None
        self._state = LinkState.NEW
        self._named = False  # whether the peer told its version
        self._ttl_s = config.connection_ttl_s
        self._sniffed = b""
        server = role is Role.SERVER
        self._reader = FrameReader(config.frame_bytes_login_max if server else config.frame_bytes_max)
        self._channels: dict[int, Channel] = {}
        self._timers: Timers[LinkTimer] = Timers()
        self._out: list[bytes] = []
        self.writer: Callable[[bytes], None] = self._out.append  #: for `Channel`: queue one frame
        self.frames_dropped = 0  #: frames for channels that are not there

    # -- getters -----------------------------------------------------------------------------------------------------

    @property
    def role(self) -> Role:
        """Which side this is."""
        return self._role

    @property
    def state(self) -> LinkState:
        """Where the link is in its life."""
        return self._state

    @property
    def ttl_s(self) -> float | None:
        """After how many seconds of silence the link is given up, None for never."""
        return self._ttl_s

    @property
    def channels(self) -> Mapping[int, Channel]:
        """The attached channels by id, in the order of their attachment."""
        return self._channels

    # -- inputs ------------------------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """The link is up. A client greets and pings; a server begins to wait for its peer."""
        config = self._config
        if self._role is Role.CLIENT:
            self._state = advance(LINK, self._state, LinkMove.DIAL)
            self._out.append(MAGIC)
            self._ping(now)
        else:
            self._state = advance(LINK, self._state, LinkMove.ACCEPT)
            if config.handshake_timeout_s is not None:
                self._timers[LinkTimer.HANDSHAKE] = now + config.handshake_timeout_s
        self._await_peer(now)

    def receive_data(self, now: float, data: bytes) -> list[Event]:
        """
        Take bytes and return what they mean; pings and version numbers are dealt with here.

        Raises `RemoteProtocolError` where the peer broke the rules; then only ``close`` is of use. Bytes for a link that
        is closed are dropped.
        """
        events: list[Event] = []
        for frame in self._cut(now, data):
            named = self._named
            if frame[4] in _OWN and self._handle(now, frame):
                continue
            packet = self._decode(frame)
            if self._named and not named:
                events.append(HandshakeCompleted(self.version))
            events.append(PacketReceived(channel_id(frame), packet, len(frame), registry.is_countable(frame)))
        return events

    def receive_frames(self, now: float, data: bytes) -> list[bytes]:
        """
        Take bytes and return whole frames, undecoded: ``receive_data`` for owners on a hot path.

        Pings are dealt with and not returned; the packets that carry the peer's version are, after it was taken from
        them. Raises as ``receive_data`` does.
        """
        return [frame for _, _, run in self.receive_runs(now, data) for frame in run]

    def receive_runs(self, now: float, data: bytes) -> Iterator[tuple[int, int, Iterable[bytes]]]:
        """
        ``receive_frames`` in runs of frames of one type on one channel, as they stand behind each other: type, channel, frames.

        Reads of a busy link hold few runs of many frames, so their owner asks once per run what to do. To be used up before
        the next input; what raises does so when its run is reached.
        """
        for head, run in groupby(self._cut(now, data), _HEAD):
            kind, channel = _TYPE_AND_CHANNEL(head)
            if channel in (PING_CHANNEL, SESSION_CHANNEL) and head[0] in _OWN:
                yield kind, channel, [frame for frame in run if not self._handle(now, frame)]
            else:
                yield kind, channel, run

    def receive_eof(self, now: float) -> list[Event]:
        """The peer will send nothing more, or the link broke."""
        if self._state in (LinkState.CLOSED, LinkState.ERROR):
            return []
        return [ConnectionClosed(self._end(LinkMove.END, RemoteDisconnect("the other side closed the connection")))]

    def handle_timeout(self, now: float) -> list[Event]:
        """A deadline has passed, or not: calling early, late or twice does no harm."""
        for timer, deadline in self._timers.expire(now):
            if timer is LinkTimer.PING:
                self._ping(now)
                self._flush()
            elif timer is LinkTimer.CONFIRM:
                self._flush()
            elif timer is not LinkTimer.GRACE or now - deadline > self._grace_s:
                self._timers[LinkTimer.GRACE] = now + self._grace_s  # in a late grace too the buffers are unread
            else:
                return [self._give_up()]
        return []

    # -- commands ----------------------------------------------------------------------------------------------------

    def send(self, now: float, channel: int, packet: registry.Packet) -> None:
        """Send a packet that does not count: those of channels 0 and 1. Raises `LocalProtocolError` where it cannot."""
        self._state = advance(LINK, self._state, LinkMove.WRITE)
        self._out.append(registry.encode(packet, channel, self.version))

    def assume_version(self, version: int) -> None:
        """Speak the version of the link before, as long as the peer has not named its own (client, reconnecting)."""
        self._speak(version)

    def logged_in(self) -> None:
        """Server: the peer has shown who it is, so its frames may be as large as configured."""
        self._reader.frame_bytes_max = self._config.frame_bytes_max

    def attach(self, channel: Channel) -> None:
        """
        Join a session's channel: a new one is open at once, another one after ``Channel.resume``.

        Raises LocalProtocolError if the link has ended, or has a channel of this number.
        """
        self._state = advance(LINK, self._state, LinkMove.ATTACH)
        if channel.channel in self._channels:
            raise LocalProtocolError("the link has such a channel", subject=f"channel {channel.channel}")
        channel.join(self)
        self._channels[channel.channel] = channel

    def detach(self, channel: Channel) -> None:
        """
        Part from a channel: late frames for it are dropped, what is sent on it waits for another link.

        Raises LocalProtocolError if it is not on this link.
        """
        if self._channels.get(channel.channel) is not channel:
            raise LocalProtocolError("the link has no such channel", subject=f"channel {channel.channel}")
        del self._channels[channel.channel]
        channel.leave()

    def route(self, channel: int) -> Channel | None:
        """Return the channel that a frame is for. None: it is not there (any more), drop the frame; it is counted."""
        found = self._channels.get(channel)
        if found is None:
            self.frames_dropped += 1
        return found

    def disconnect(self, now: float, farewell: Farewell) -> None:
        """
        Server: say goodbye. Channels part first, so that nothing more is processed; then close the link.

        What was processed is confirmed before, unless something critical is broken.
        """
        if not farewell.reason.critical:
            self._flush()
        self._let_go()
        self.send(now, PING_CHANNEL, farewell_packet(farewell, self.version))

    def close(self, now: float) -> None:
        """End the link from this side: what ``data_to_send`` still returns is the last. Harmless twice."""
        self._end(LinkMove.CLOSE)

    # -- outputs -----------------------------------------------------------------------------------------------------

    def data_to_send(self) -> list[bytes]:
        """Return what is to be written, in order, and forget it."""
        chunks = self._out.copy()
        self._out.clear()
        if self._config.trace is not None:
            for chunk in chunks:
                self._config.trace(TraceRecord(sent=True, data=chunk))
        return chunks

    def next_timeout(self) -> float | None:
        """When to call ``handle_timeout``, None for not at all."""
        return self._timers.next()

    # -- reading -----------------------------------------------------------------------------------------------------

    def _cut(self, now: float, data: bytes) -> list[bytes]:
        if self._state is not LinkState.OPEN:
            self._state = advance(LINK, self._state, LinkMove.READ)
            if self._state is LinkState.SNIFFING:
                data = self._sniff(data)
            if self._state is not LinkState.OPEN:
                return []
        try:
            frames = self._reader.feed(data)
        except RemoteProtocolError:
            self._end(LinkMove.VIOLATE)
            raise
        if self._refuses is not None and not self._refuses.isdisjoint(map(_TYPE_BYTE, frames)):
            self._end(LinkMove.VIOLATE)
            kind = next(kind for kind in map(packet_type, frames) if registry.is_for_brokers_only(kind))
            raise RemoteProtocolError("a client is not sent this", packet=registry.packet_name(kind), offset=4)
        if frames:
            if self._config.trace is not None:
                for frame in frames:
                    self._config.trace(TraceRecord(sent=False, data=frame))
            self._await_peer(now)
            period = self._config.confirmation_period_s
            if period is not None and self._role is Role.SERVER and LinkTimer.CONFIRM not in self._timers:
                self._timers[LinkTimer.CONFIRM] = now + period
        return frames

    def _sniff(self, data: bytes) -> bytes:
        data = self._sniffed + data
        if len(data) < SNIFFED_BYTES:
            self._sniffed = data
            return b""
        self._sniffed = b""
        self._state = advance(LINK, self._state, LinkMove.GREET)
        self._timers.stop(LinkTimer.HANDSHAKE)
        return data.removeprefix(MAGIC)

    def _decode(self, frame: bytes) -> registry.Packet:
        try:
            return registry.decode(frame, self.version)
        except RemoteProtocolError:
            self._end(LinkMove.VIOLATE)
            raise

    def _handle(self, now: float, frame: bytes) -> bool:
        """Take from a frame what concerns the link. True: nobody else needs it."""
        if channel_id(frame) not in (PING_CHANNEL, SESSION_CHANNEL):
            return False
        server = self._role is Role.SERVER
        match self._decode(frame):
            case Ping(connection_ttl=ttl_ms) if server:
                if not self._config.connection_ttl_fixed:
                    self._ttl_s = None if ttl_ms < 0 else ttl_ms / 1000
                    self._await_peer(now)
                self._out.append(frame)
                return True
            case Ping():
                return True
            case SubscribeTopologyV2(client_version=peer) if server:
                self._negotiate(peer)
            case CreateSession(version=peer) | CreateSessionV2(version=peer) if server:
                if self.version == UNNEGOTIATED and accepted(peer):  # others are answered, not taken
                    self._negotiate(peer)
            case ClusterTopologyV4(server_version=peer) | CreateSessionResponse(server_version=peer) if not server:
                self._negotiate(peer)
            case _:
                pass
        return False

    def _negotiate(self, peer: int) -> None:
        if peer <= UNNEGOTIATED:
            self._end(LinkMove.VIOLATE)
            raise IncompatibleVersions(f"the other side claims to speak version {peer}")
        self._speak(min(self._config.version, peer))
        self._named = True

    def _speak(self, version: int) -> None:
        self.version = version
        for channel in self._channels.values():
            channel.speak(version)

    # -- time --------------------------------------------------------------------------------------------------------

    @property
    def _grace_s(self) -> float:
        return GRACE_S if self._ttl_s is None else min(GRACE_S, self._ttl_s / 2)

    def _ping(self, now: float) -> None:
        ttl_s = self._ttl_s
        self._out.append(
            registry.encode(Ping(-1 if ttl_s is None else round(ttl_s * 1000)), PING_CHANNEL, self.version)
        )
        if self._config.failure_check_period_s is not None:
            self._timers[LinkTimer.PING] = now + self._config.failure_check_period_s

    def _await_peer(self, now: float) -> None:
        self._timers.stop(LinkTimer.GRACE)
        judged = self._role is Role.SERVER or self._config.failure_check_period_s is not None
        if judged and self._ttl_s is not None:
            self._timers[LinkTimer.SILENCE] = now + self._ttl_s
        else:
            self._timers.stop(LinkTimer.SILENCE)

    def _give_up(self) -> Event:
        if self._state is LinkState.SNIFFING:
            return ConnectionClosed(self._end(LinkMove.END, ConnectionTimedOut("no greeting came")))
        assert self._ttl_s is not None
        self._end(LinkMove.END)
        return PeerSilent(self._ttl_s)

    def _flush(self) -> None:
        for channel in self._channels.values():
            channel.flush()

    # -- the end -----------------------------------------------------------------------------------------------------

    def _end(self, move: LinkMove, error: CorewireError | None = None) -> CorewireError | None:
        self._state = advance(LINK, self._state, move)
        self._timers.clear()
        self._let_go()
        return error

    def _let_go(self) -> None:
        for channel in list(self._channels.values()):
            self.detach(channel)

    # -- snapshots ---------------------------------------------------------------------------------------------------

    def export(self) -> ConnectionSnapshot:
        """Return the whole state but the channels, for a snapshot. Half a frame is part of it."""
        return ConnectionSnapshot(
            role=self._role.value,
            state=self._state.value,
            version=self.version,
            named=self._named,
            ttl_s=self._ttl_s,
            sniffed=self._sniffed,
            half_frame=self._reader.rest,
            frame_bytes_max=self._reader.frame_bytes_max,
            frames_dropped=self.frames_dropped,
            timers=tuple((timer.value, deadline) for timer, deadline in self._timers.export()),
            out=tuple(self._out),
        )

    @classmethod
    def restore(cls, snapshot: ConnectionSnapshot, config: ConnectionConfig) -> Connection:
        """Make the link of a snapshot again; its channels come back with `Channel.restore`, in their old order."""
        link = cls(Role(snapshot.role), config)
        link._state = LinkState(snapshot.state)
        link._speak(snapshot.version)
        link._named = snapshot.named
        link._ttl_s = snapshot.ttl_s
        link._sniffed = snapshot.sniffed
        link._reader.frame_bytes_max = snapshot.frame_bytes_max
        link._reader.feed(snapshot.half_frame)
        link.frames_dropped = snapshot.frames_dropped
        for name, deadline in snapshot.timers:
            link._timers[LinkTimer(name)] = deadline
        link._out.extend(snapshot.out)
        return link

    def adopt(self, channel: Channel) -> None:
        """For `Channel.restore` only: take back a channel that is on this link already."""
        self._channels[channel.channel] = channel


_TYPE_BYTE: Final = itemgetter(4)
_HEAD: Final = itemgetter(slice(LENGTH_SIZE, HEADER_SIZE))
_TYPE_AND_CHANNEL: Final = Struct(">bq").unpack
_OWN: Final = frozenset(
    packet.TYPE & 0xFF
    for packet in (Ping, SubscribeTopologyV2, CreateSession, CreateSessionV2, CreateSessionResponse, ClusterTopologyV4)
)
