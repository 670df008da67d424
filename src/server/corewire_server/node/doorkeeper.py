"""
What becomes of clients at the door of a node: refused, led to the primary, or served.

A backup in step has its door open before anybody needs it: a client that comes back at once must not meet a closed port, nor be
accepted by a node that cannot serve it. So who comes early is *led*: bytes go to the primary's door and back. While the primary
cannot be reached the client is *held*, with what it has written so far. When this node serves, the held ones become links of it
from their first byte on. The led ones stay with the primary until it drops them.

A client whose bytes went to the primary but that has not heard a word yet counts as held: a primary that dies with the question in
hand must not cost the client its patience (a Java client's is 30 s). It is asked again, here or there, as the client would itself.

A driver has the streams and the time. It tells an `Early` what happens to its client and on the way to the primary, and does what
it is called for; nothing that it is called for may tell the `Early` anything before it returns, but that a stream is full.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

from corewire_server.node.leading import Leading
from corewire_server.node.orders import Door

if TYPE_CHECKING:
    from collections.abc import Callable

HELD_BYTES_MAX: Final = 64 * 1024  # of each held client; it is not read any further
RETRY_S: Final = 0.1  # from one try to reach the primary to the next
REACH_S: Final = 1.0  # how long one try may take
LOSSES_MAX: Final = 2  # so often the primary may drop a client without a word: then it means that client


class Stream(Protocol):
    """A stream, as its driver has it."""

    def write(self, data: bytes, /) -> None:
        """Send."""
        ...

    def read(self, *, wanted: bool) -> None:
        """Read it, or leave what comes where it is. It may be so already."""
        ...

    def abort(self) -> None:
        """End it now, or give the dial up. Nothing is told of it any more."""
        ...


class Client(Stream, Protocol):
    """The stream of a client, and what is done for it."""

    def dial(self, target: str, /) -> Stream:
        """Connect to "host:port". Answered by ``reached`` or ``unreachable``."""
        ...

    def wait(self, seconds: float, /) -> None:
        """Call ``rang`` then, and not at an earlier time that was asked for."""
        ...

    def serve(self, held: bytes, /) -> None:
        """It is a link of this node from now on, and has said ``held``. Nothing of it is told here any more."""
        ...

    def close(self) -> None:
        """End it when what was written is out. Answered by ``ended``."""
        ...


class State(Enum):
    """Where an early client stands. It is held in the first three."""

    NEW = "new"  # or waits for the next try
    DIALLING = "dialling"
    ASKED = "asked"  # the primary has all that it has said, and has not said a word
    LED = "led"
    ENDING = "ending"  # what the primary has said still goes out
    GONE = "gone"  # no client of this door any more


class Early:
    """A client that comes before this node serves."""

    __slots__ = ("_client", "_keeper", "_losses", "_words", "held", "onward", "room", "state")

    def __init__(self, keeper: Doorkeeper, client: Client) -> None:
        self._keeper = keeper
        self._client = client
        self._words = Leading(keeper.here)
        self._losses = 0
        self.state = State.NEW
        self.held = bytearray()  # all that it has said, while it has not heard a word
        self.room = HELD_BYTES_MAX  # so much may be read at once
        self.onward: Stream | None = None  # to the primary, or on its way there

    @property
    def waits(self) -> bool:
        """Whether it has not heard a word."""
        return self.state in (State.NEW, State.DIALLING, State.ASKED)

    # -- the client

    def came(self) -> None:
        """It is there: to be told before all else."""
        if self._keeper.door is not Door.SERVE:
            self._keeper.early[self] = None
        self._proceed()

    def said(self, data: bytes) -> None:
        """Bytes of it, at most ``room``."""
        state = self.state
        if state is not State.LED:
            self.held += data
            self.room -= len(data)
            if self.room <= 0:
                self._client.read(wanted=False)
            if state is not State.ASKED:
                return
        assert self.onward is not None
        self.onward.write(data)

    def client_full(self, *, full: bool) -> None:
        """It does not take what is written, or does again."""
        if self.state in (State.ASKED, State.LED):
            assert self.onward is not None
            self.onward.read(wanted=not full)

    def ended(self) -> None:
        """It is gone."""
        self._leave()

    # -- the way to the primary

    def rang(self) -> None:
        """The time that it waited for has come."""
        if self.state is State.DIALLING:
            assert self.onward is not None
            self.onward.abort()
            self.unreachable()
        elif self.state is State.NEW:
            self._dial()

    def unreachable(self) -> None:
        """The dial has failed."""
        self.state = State.NEW
        self.onward = None
        self._client.wait(RETRY_S)

    def reached(self) -> None:
        """The primary's door is open: it hears all that the client has said."""
        assert self.onward is not None
        self.state = State.ASKED
        self.onward.write(bytes(self.held))

    def answer(self, data: bytes) -> None:
        """The primary speaks: from now on the client is its own."""
        if self.state is State.ASKED:
            self.state = State.LED
            self.held.clear()
            self.room = HELD_BYTES_MAX
            self._keeper.led += 1
            self._client.read(wanted=True)
        self._client.write(self._words.feed(data))

    def onward_full(self, *, full: bool) -> None:
        """The primary does not take what is written, or does again."""
        self._client.read(wanted=not full and self.room > 0)

    def lost(self) -> None:
        """The primary has dropped it, or is gone."""
        if self.state is State.DIALLING:  # nothing was asked
            self.unreachable()
            return
        self.onward = None
        self._losses += 1
        if self.state is State.LED or self._losses >= LOSSES_MAX:
            self.state = State.ENDING
            self._client.close()
        else:
            self.state = State.NEW
            self._client.read(wanted=self.room > 0)  # it may have waited for the primary to take what was written
            self._proceed()

    # -- what the door is

    def door_set(self) -> None:
        """The door is another one."""
        door = self._keeper.door
        if not self.waits or door is Door.LEAD:
            return
        if door is Door.SERVE:
            self._keeper.held_served += 1
            self._serve()
        elif self.state is not State.ASKED:  # its question is with the primary, which may only wait for its backup
            self.drop()

    def drop(self) -> None:
        """End it."""
        self._leave()
        self._client.abort()

    def _proceed(self) -> None:
        match self._keeper.door:
            case Door.SERVE:
                self._serve()
            case Door.LEAD:
                self._dial()
            case Door.CLOSED:
                self.drop()

    def _dial(self) -> None:
        self.state = State.DIALLING
        self.onward = self._client.dial(self._keeper.target)
        self._client.wait(REACH_S)

    def _serve(self) -> None:
        self._leave()
        self._client.serve(bytes(self.held))

    def _leave(self) -> None:
        if self.state is State.GONE:
            return
        self.state = State.GONE
        self._keeper.early.pop(self, None)
        onward, self.onward = self.onward, None
        if onward is not None:
            onward.abort()


class Doorkeeper:
    """Who came early, and what becomes of whoever comes. ``listen``: accept clients from now on (True), or refuse them."""

    def __init__(self, listen: Callable[[bool], None]) -> None:
        self._listen = listen
        self._closed = False
        self.early: dict[Early, None] = {}  # in the order in which they came
        self.door = Door.CLOSED
        self.here = ""  # "host:port" at which clients reach this node; led ones are told
        self.target = ""
        self.led = 0  # clients that the primary has answered through this door
        self.held_served = 0  # clients that were held and then served here

    @property
    def held(self) -> int:
        """How many clients wait."""
        return sum(early.waits for early in self.early)

    def set(self, door: Door, target: str = "") -> None:
        """What becomes of clients from now on. Raises what ``listen`` does."""
        if self._closed:
            return
        self.door, self.target = door, target
        self._listen(door is not Door.CLOSED)
        for early in list(self.early):
            early.door_set()

    def close(self) -> None:
        """Nobody comes any more, and who waits or is led is sent away."""
        self.set(Door.CLOSED)
        self._closed = True
        for early in list(self.early):
            early.drop()
