"""
Flow control in both directions, as arithmetic (docs/protocol/flow-control.md).

Sending: a session pays for every message in credits of its address, which the broker grants on request. Receiving: a
consumer grants the broker bytes to send, and gives them back as the application takes messages.
"""

from __future__ import annotations


class ProducerCredits:
    """What may be sent to one address by one session; requests are due before a balance runs dry."""

    def __init__(self, window_bytes: int | None) -> None:
        self._slice = None if window_bytes is None else window_bytes // 2
        self._balance = 0
        self._arriving = 0  # requested, not yet granted
        self._failed = False  # the broker answered with FAIL credits: the next sender is told

    @property
    def balance(self) -> int:
        """Bytes that may be sent now."""
        return self._balance

    def request_for(self, size: int) -> int:
        """How many credits to ask the broker for before a message of `size` bytes is sent; 0: enough are here or on
        their way."""
        if self._slice is None:
            return 0
        needed = max(size, self._slice)
        if self._balance + self._arriving >= needed:
            return 0
        missing = needed - self._arriving
        self._arriving += missing
        return missing

    def take(self, size: int) -> bool:
        """Pay for a message; False if the balance does not cover it."""
        if self._slice is None:
            return True
        if self._balance < size:
            return False
        self._balance -= size
        return True

    def pay(self, size: int) -> int | None:
        """Pay for a message, if the balance covers it. Returns what ``request_for`` says, which is to be asked for before it is
        sent; None: it is not covered."""
        if self._slice is None:
            return 0
        if self._balance < size or self._failed:
            return None
        due = 0 if self._balance + self._arriving >= self._slice else self.request_for(size)
        self._balance -= size
        return due

    def granted(self, size: int, *, failed: bool = False) -> None:
        """`size` credits came, on request or unasked. `failed`: the address is full and its policy is to refuse."""
        self._arriving -= size
        self._balance += size
        self._failed = self._failed or failed

    def take_failure(self) -> bool:
        """Whether the address was reported full since the last call."""
        failed, self._failed = self._failed, False
        return failed

    def reset(self) -> None:
        """The session was made anew: nothing is granted and nothing on its way."""
        self._balance = self._arriving = 0
        self._failed = False


class ConsumerWindow:
    """What one consumer lets the broker send ahead, in bytes of whole frames. `None`: all; 0: nothing.

    With window 0 the broker gets one credit while somebody waits, which lets one whole frame through, or as many as the rest of
    a large message that somebody waits for. What a frame cost beyond its credit is paid with the next question. It is added, for
    Artemis takes the price of a frame off its balance only after it has sent it: a balance that was set in between would be too
    low for ever. Only behind a withdrawal, a token of 0, a question begins with another one, so that a message that crossed the
    withdrawal leaves no balance behind; and so it does where a broker may have added something twice.
    """

    def __init__(self, window_bytes: int | None) -> None:
        self._window = window_bytes
        self._threshold = 1 if window_bytes is None else max(1, window_bytes // 2)
        self._consumed = 0
        self._balance = 0  # window 0: what the broker has when it has counted all that came
        self._uncertain = False  # and that may not be so

    def opening(self) -> tuple[int, ...]:
        """Tokens to send when the consumer is made, or made anew."""
        self._consumed = self._balance = 0
        self._uncertain = False
        if self._window is None:
            return (-1,)
        return (self._window,) if self._window else ()

    def consumed(self, size: int) -> int | None:
        """A delivery of `size` bytes left the buffer: the token to send now, or None."""
        if not self._window:
            return None
        self._consumed += size
        if self._consumed < self._threshold:
            return None
        due, self._consumed = self._consumed, 0
        return due

    def ask(self, size: int = 1) -> tuple[int, ...]:
        """Somebody waits for a message, or for ``size`` bytes of one: tokens to send for that."""
        if self._window != 0 or self._balance > 0:
            return ()
        due, self._balance = size - self._balance, size
        if self._uncertain:
            self._uncertain = False
            return (0, size)
        return (due,)

    def delivered(self, size: int) -> None:
        """A frame of ``size`` bytes came."""
        self._balance -= size

    def resumed(self) -> None:
        """Its session is on another link, and the broker may have run twice what was written again."""
        self._uncertain = self._uncertain or self._balance <= 0

    def withdraw(self) -> tuple[int, ...]:
        """Nobody waits any more: tokens to send for that."""
        if self._balance <= 0 or self._window != 0:
            return ()
        self._balance, self._uncertain = 0, True
        return (0,)
