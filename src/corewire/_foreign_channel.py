"""
A client's channel to a broker that is not ours (docs/design/differences.md).

Artemis does not count a command that it answers with EXCEPTION, and after a failover it may run a command twice and
count it twice, so its number is no proof: it may lag or run ahead. The remedy, for commands that ask for an answer:

- such a command leaves the buffer by its own answer only. A confirmation that covers it moves it aside, to the *owed*;
- an EXCEPTION takes its command out of the counted ones (it leaves an empty place), since the broker did not count it either;
- a re-attachment writes again, after the broker's own replay was read: what is owed, and what is unanswered or above
  the broker's number. From there on both count anew, so the buffer takes the broker's number as it is.

Commands that ask for nothing have no other proof than the number.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from corewire._channel import Channel, int32
from corewire._states import CHANNEL, ChannelMove, advance
from corewire.wire.framing import packet_type

if TYPE_CHECKING:
    from collections.abc import Collection

_NO_ANSWER = 0
_ANSWERED = -1
_REFUSED = -2  # its frame is empty: the broker did not count it, so no number stands for it


class ForeignChannel(Channel):
    """A `Channel` whose peer is a broker that is not ours. It raises no `ConfirmationMismatch`."""

    __slots__ = ("_cut", "_last_ticket", "_owed", "_places", "_tickets")

    def __init__(self, channel: int, *, window_bytes: int | None) -> None:
        super().__init__(channel, window_bytes=window_bytes)
        self._tickets: list[int] = []  # one per frame: of its answer, or one of the two marks
        self._places: dict[int, int] = {}  # by ticket: where its frame is, counted from the first frame ever kept
        self._cut = 0  # how many frames were cut off the head since
        self._owed: dict[int, bytes] = {}  # by ticket, in order: covered by a confirmation, not answered
        self._last_ticket = 0

    @property
    def unconfirmed(self) -> int:
        """As in `Channel`."""
        return len(self._tickets) - self._tickets.count(_REFUSED)

    def send_frame(self, frame: bytes) -> None:
        """As in `Channel`."""
        if self.window_bytes is None and (write := self._write) is not None:
            write(frame)
            return
        super().send_frame(frame)
        if self.window_bytes is not None:
            self._tickets.append(_NO_ANSWER)

    def ask_frame(self, frame: bytes) -> int:
        """Send a command that will be answered on this channel. Give the ticket to ``answered``."""
        if self.window_bytes is None:
            if (write := self._write) is None:
                self._wait(frame)
            else:
                write(frame)
            return 0
        self.send_frame(frame)
        self._last_ticket += 1
        self._tickets[-1] = self._last_ticket
        self._places[self._last_ticket] = self._cut + len(self._tickets) - 1
        return self._last_ticket

    def answered(self, ticket: int, *, refused: bool) -> None:
        """Take note of an answer: EXCEPTION where ``refused``. A ticket of an earlier epoch is ignored."""
        frame = self._owed.pop(ticket, None)
        if frame is not None:
            self._buffered_bytes -= len(frame)
            return
        place = self._places.pop(ticket, None)
        if place is None:
            return
        index = place - self._cut
        self._tickets[index] = _REFUSED if refused else _ANSWERED
        if refused:
            self._buffered_bytes -= len(self._frames[index])
            self._frames[index] = b""

    def confirmed(self, command_id: int) -> int:
        """Take PACKETS_CONFIRMED. Return how many commands it covered; those that owe an answer are still kept."""
        if self.window_bytes is None:
            return 0
        count = int32(command_id + 1 - self._first)
        if count <= 0:
            return 0
        self._first = int32(command_id + 1)
        return self._set_aside(count)

    def resume(self, peer_received: int) -> int:
        """As in `Channel`. A session that wrote anything again is not to be trusted with a second re-attachment."""
        state = advance(CHANNEL, self._state, ChannelMove.RESUME)
        self.confirmed(peer_received)
        pairs = [*((frame, ticket) for ticket, frame in self._owed.items())]
        pairs += [(f, t) for f, t in zip(self._frames, self._tickets, strict=True) if t >= _NO_ANSWER]
        self._frames = [frame for frame, _ in pairs]
        self._tickets = [ticket for _, ticket in pairs]
        self._owed = {}
        self._buffered_bytes = sum(map(len, self._frames))
        self._first = int32(peer_received + 1)
        self._number_places()
        return self._reopen(state)

    def would_repeat(self, peer_received: int, kinds: Collection[int]) -> bool:
        """Whether ``resume`` would write packets of these types again."""
        if any(packet_type(frame) in kinds for frame in self._owed.values()):
            return True
        covered = int32(peer_received + 1 - self._first)
        for frame, ticket in zip(self._frames, self._tickets, strict=True):
            if ticket == _REFUSED:
                continue
            covered -= 1
            written_again = ticket > _NO_ANSWER or (ticket == _NO_ANSWER and covered < 0)
            if written_again and packet_type(frame) in kinds:
                return True
        return False

    def _set_aside(self, count: int) -> int:
        end = covered = 0
        for ticket in islice(self._tickets, len(self._frames) - self._waiting):
            if ticket != _REFUSED:
                if covered == count:
                    break
                covered += 1
            end += 1
        for frame, ticket in zip(self._frames[:end], self._tickets[:end], strict=True):
            if ticket > _NO_ANSWER:
                self._owed[ticket] = frame
                del self._places[ticket]
            else:
                self._buffered_bytes -= len(frame)
        del self._frames[:end], self._tickets[:end]
        self._cut += end
        return covered

    def _number_places(self) -> None:
        self._places = {ticket: self._cut + index for index, ticket in enumerate(self._tickets) if ticket > _NO_ANSWER}

    def _clear(self) -> None:
        super()._clear()
        self._tickets = []
        self._places = {}
        self._owed = {}
