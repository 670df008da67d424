"""
The commands of one session: counted in both directions, kept until the peer has them, written again after a failover.

Command ids never travel: the n-th countable packet of a direction is command n - 1, and both sides count
(docs/protocol/confirmation.md). So each side can say with one number what it has, which is all that a re-attachment
needs: the session's channel moves to a new link, each side names its number, and writes again what the other lacks.

The resend buffer is one list of encoded frames, oldest first:

    frames:  [ f7  f8  f9 | f10  f11 ]        first = 7, waiting = 2
               written      waiting: sent while no link was there, never written yet

A confirmation cuts the head (`del frames[:n]`, cheap because confirmations come in blocks). Encoded bytes are kept, not
packets: what is written again is what was written, whatever became of the message object since. To remember and to
write are one act, so nothing can be written twice after a failover. The waiting tail tells a peer that has not
confirmed yet from one that claims what it cannot have seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from corewire._states import CHANNEL, ChannelMove, ChannelState, advance
from corewire.errors import LocalProtocolError, RemoteProtocolError
from corewire.wire.hot import packets_confirmed_frame
from corewire.wire.registry import encode, is_countable
from corewire.wire.versions import UNNEGOTIATED, capabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from corewire._connection import Connection
    from corewire.wire.registry import Packet
    from corewire.wire.versions import Capabilities


def int32(value: int) -> int:
    """Wrap as Java does: ids and their differences are signed 32-bit numbers."""
    return ((value + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000


class ConfirmationMismatch(RemoteProtocolError):
    """
    The peer's number cannot be true: it confirms what was never written, or takes back what it had confirmed.

    The channel is unchanged. The owner closes the session and refuses the re-attachment: the peer then recreates it,
    loudly, instead of going wrong silently.
    """


@dataclass(frozen=True, slots=True)
class ChannelSnapshot:
    """The whole state of a `Channel`, in ints and bytes."""

    channel: int
    window_bytes: int | None
    state: str
    version: int
    first: int
    frames: tuple[bytes, ...]
    waiting: int
    last_received: int
    received_bytes: int
    blocking_correlation: int
    async_correlation: int


class Channel:
    """
    The commands of one session, either role. It belongs to the session and outlives links.

    ``window_bytes`` is the confirmation window: after so many bytes of processed packets a PACKETS_CONFIRMED goes out
    (0: after each). None (-1 on the wire) switches counting, confirming and keeping off. The window is no limit for the
    resend buffer: its owner watches ``buffered_bytes``.
    """

    __slots__ = (
        "_async_correlation",
        "_blocking_correlation",
        "_buffered_bytes",
        "_first",
        "_frames",
        "_last_received",
        "_link",
        "_received_bytes",
        "_state",
        "_waiting",
        "_write",
        "allowed",
        "channel",
        "version",
        "window_bytes",
    )

    def __init__(self, channel: int, *, window_bytes: int | None) -> None:
        self.channel = channel  #: its id on every link
        self.window_bytes = window_bytes
        self._state = ChannelState.NEW
        self._link: Connection | None = None
        self._write: Callable[[bytes], None] | None = None  # set while OPEN
        self.speak(UNNEGOTIATED)
        self._frames: list[bytes] = []
        self._first = 0  # id of frames[0]
        self._waiting = 0  # frames at the tail that no link has seen
        self._buffered_bytes = 0
        self._last_received = -1
        self._received_bytes = 0
        self._blocking_correlation = -1
        self._async_correlation = 0

    version: int  #: what packets are encoded for: the version of the link, or of the last one
    allowed: Capabilities  #: what that allows

    def speak(self, version: int) -> None:
        """For `Connection` only: both sides speak this version."""
        self.version = version
        self.allowed = capabilities(version)

    # -- getters -----------------------------------------------------------------------------------------------------

    @property
    def state(self) -> ChannelState:
        """Where it is; see `ChannelState`."""
        return self._state

    @property
    def link(self) -> Connection | None:
        """The link it is attached to."""
        return self._link

    @property
    def last_received(self) -> int:
        """Id of the last command processed, -1 for none: what REATTACH_SESSION and its answer carry."""
        return self._last_received

    @property
    def first_unconfirmed(self) -> int:
        """Id of the oldest command that the peer has not confirmed; the next to be sent where all are."""
        return self._first

    @property
    def unconfirmed(self) -> int:
        """How many commands are kept for replay, those that wait for a link included."""
        return len(self._frames)

    @property
    def waiting(self) -> int:
        """How many of them were sent while there was no link, and are not written yet."""
        return self._waiting

    @property
    def buffered_bytes(self) -> int:
        """Bytes of the commands kept for replay."""
        return self._buffered_bytes

    # -- sending -----------------------------------------------------------------------------------------------------

    def send(self, packet: Packet) -> None:
        """Encode a packet for ``version`` and send it: as ``send_frame`` or, where it does not count, ``send_uncounted``."""
        frame = encode(packet, self.channel, self.version)
        if is_countable(frame):
            self.send_frame(frame)
        else:
            self.send_uncounted(frame)

    def send_frame(self, frame: bytes) -> None:
        """
        Write a countable packet, encoded for ``version``, and keep it until it is confirmed.

        While there is no link it waits, in order, and goes out with ``resume``; without a window it is then lost, as
        on a dead wire. Raises `LocalProtocolError` on a closed channel.
        """
        write = self._write
        if write is None:
            self._wait(frame)
            return
        if self.window_bytes is not None:
            self._frames.append(frame)
            self._buffered_bytes += len(frame)
        write(frame)

    def send_frames(self, frames: list[bytes]) -> None:
        """Send countable packets that nobody waits for an answer to: ``send_frame`` for many."""
        write = self._write
        if write is None:
            for frame in frames:
                self._wait(frame)
            return
        if self.window_bytes is not None:
            self._frames += frames
            self._buffered_bytes += sum(map(len, frames))
        for frame in frames:
            write(frame)

    def ask_frame(self, frame: bytes) -> int:
        """Send a command that will be answered on this channel. Give the ticket to ``answered``."""
        self.send_frame(frame)
        return 0

    def answered(self, ticket: int, *, refused: bool) -> None:
        """Take note of an answer: EXCEPTION where ``refused``. Here nothing depends on it; see `ForeignChannel`."""

    def send_uncounted(self, frame: bytes) -> None:
        """Write a packet that does not count (SESS_ADD_METADATA, say). Without a link it is lost. Raises LocalProtocolError if it is closed."""
        if self._state is ChannelState.CLOSED:
            raise LocalProtocolError("the channel is closed", subject=f"channel {self.channel}")
        if self._write is not None:
            self._write(frame)

    def next_blocking_correlation(self) -> int:
        """Number for a call that somebody waits for: -2, -3, ..."""
        self._blocking_correlation -= 1
        return self._blocking_correlation

    def next_async_correlation(self) -> int:
        """Number for a send that nobody waits for: 1, 2, 3, ..."""
        self._async_correlation += 1
        return self._async_correlation

    def _wait(self, frame: bytes) -> None:
        if self._state is ChannelState.CLOSED:
            raise LocalProtocolError("the channel is closed", subject=f"channel {self.channel}")
        if self.window_bytes is not None:
            self._frames.append(frame)
            self._buffered_bytes += len(frame)
            self._waiting += 1

    # -- what the peer has ---------------------------------------------------------------------------------------------

    def confirmed(self, command_id: int) -> int:
        """
        Take PACKETS_CONFIRMED: forget what the peer has. Return how many commands that were.

        A number that does not advance is ignored (two confirmations of a peer may overtake each other). Raises
        `ConfirmationMismatch` for a command that was never written.
        """
        if self.window_bytes is None:
            return 0
        count = int32(command_id + 1 - self._first)
        if count <= 0:
            return 0
        self._check(command_id, count)
        self._forget(count)
        return count

    def resume(self, peer_received: int) -> int:
        """
        Continue on the link it was attached to: forget what the peer has, write the rest, in order.

        ``peer_received`` is the number in REATTACH_SESSION or its answer. Return how many commands were written again
        (those that waited for a link are not counted). Raises `ConfirmationMismatch` where the number cannot be true,
        `LocalProtocolError` where the channel is not resuming or has no window.
        """
        if self.window_bytes is None:
            raise LocalProtocolError("without a window nothing was kept", subject=f"channel {self.channel}")
        state = advance(CHANNEL, self._state, ChannelMove.RESUME)
        count = int32(peer_received + 1 - self._first)
        self._check(peer_received, count)
        self._forget(count)
        return self._reopen(state)

    def would_repeat(self, peer_received: int, kinds: Collection[int]) -> bool:
        """Whether ``resume`` would write packets of these types again, to a peer that takes it amiss: this one does not."""
        return False

    def _check(self, command_id: int, count: int) -> None:
        if not 0 <= count <= len(self._frames) - self._waiting:
            last = int32(self._first + len(self._frames) - self._waiting - 1)
            raise ConfirmationMismatch(
                f"command {command_id} is confirmed; kept are {self._first} to {last}",
                subject=f"channel {self.channel}",
            )

    def _forget(self, count: int) -> None:
        frames = self._frames
        self._buffered_bytes -= sum(map(len, frames[:count]))
        del frames[:count]
        self._first = int32(self._first + count)

    def _reopen(self, state: ChannelState) -> int:
        assert self._link is not None
        again = len(self._frames) - self._waiting
        self._state = state
        self._write = self._link.writer
        self._waiting = 0
        for frame in self._frames:
            self._write(frame)
        return again

    # -- what this side has --------------------------------------------------------------------------------------------

    def processed(self, size_bytes: int) -> None:
        """
        Count a countable packet of ``size_bytes`` (the whole frame) as done; may confirm.

        To be called after it was handled and before its answer is sent, but after an answer that is an EXCEPTION.
        """
        window = self.window_bytes
        if window is None:
            return
        last = self._last_received
        self._last_received = last + 1 if last != 0x7FFF_FFFF else -0x8000_0000
        received = self._received_bytes = self._received_bytes + size_bytes
        if received >= window:
            self.flush()

    def flush(self) -> None:
        """Confirm what was processed since the last confirmation. Without a link the re-attachment will tell."""
        if self._received_bytes:
            self._received_bytes = 0
            if self._link is not None:
                self._link.writer(packets_confirmed_frame(self.channel, self._last_received))

    def told(self) -> None:
        """The peer hears ``last_received`` in the answer to its re-attachment: up to there nothing is left to confirm."""
        self._received_bytes = 0

    # -- life ----------------------------------------------------------------------------------------------------------

    def reset(self) -> list[bytes]:
        """
        Begin a new epoch, as the session was recreated: both sides count from zero. Return what had waited for a link.

        What was written and not confirmed is forgotten: whether it happened is unknown. Correlation numbers go on, so
        that a late answer of the old epoch meets no question of the new one.
        """
        self._state = advance(CHANNEL, self._state, ChannelMove.RESET)
        held = self._frames[len(self._frames) - self._waiting :]
        self._clear()
        self._last_received = -1
        self._received_bytes = 0
        if self._link is not None:
            self._write = self._link.writer
        return held

    def close(self) -> None:
        """The session is over: leave the link, forget everything. Harmless twice."""
        if self._link is not None:
            self._link.detach(self)
        self._state = advance(CHANNEL, self._state, ChannelMove.CLOSE)
        self._clear()

    def _clear(self) -> None:
        self._frames = []
        self._first = self._waiting = self._buffered_bytes = 0

    def join(self, link: Connection) -> None:
        """For `Connection.attach` only: be on this link."""
        self._state = advance(CHANNEL, self._state, ChannelMove.ATTACH)
        self._link = link
        self.speak(link.version)
        if self._state is ChannelState.OPEN:
            self._reopen(self._state)

    def leave(self) -> None:
        """For `Connection.detach` only: be on no link."""
        self._state = advance(CHANNEL, self._state, ChannelMove.DETACH)
        self._link = self._write = None

    # -- snapshots -----------------------------------------------------------------------------------------------------

    def export(self) -> ChannelSnapshot:
        """Return the whole state but the link, for a snapshot."""
        return ChannelSnapshot(
            channel=self.channel,
            window_bytes=self.window_bytes,
            state=self._state.value,
            version=self.version,
            first=self._first,
            frames=tuple(self._frames),
            waiting=self._waiting,
            last_received=self._last_received,
            received_bytes=self._received_bytes,
            blocking_correlation=self._blocking_correlation,
            async_correlation=self._async_correlation,
        )

    @classmethod
    def restore(cls, snapshot: ChannelSnapshot, link: Connection | None) -> Channel:
        """Make the channel of a snapshot again, on the link it was on (which has it back afterwards)."""
        channel = cls(snapshot.channel, window_bytes=snapshot.window_bytes)
        channel._state = ChannelState(snapshot.state)
        channel.speak(snapshot.version)
        channel._first = snapshot.first
        channel._frames = list(snapshot.frames)
        channel._buffered_bytes = sum(map(len, snapshot.frames))
        channel._waiting = snapshot.waiting
        channel._last_received = snapshot.last_received
        channel._received_bytes = snapshot.received_bytes
        channel._blocking_correlation = snapshot.blocking_correlation
        channel._async_correlation = snapshot.async_correlation
        if link is not None:
            channel._link = link
            link.adopt(channel)
            if channel._state is ChannelState.OPEN:
                channel._write = link.writer
        return channel
