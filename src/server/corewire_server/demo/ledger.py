"""
The ledger of a stream: one producer, one queue, one consumer. It knows what must come, and tells what must not have happened.

Each message carries its number. A number is *confirmed* when the producer was told so, *settled* when the consumer was told that
its acknowledgement or commit is done. Judged are: lost (confirmed, never came), doubled, out of order, foreign (never sent).
A message that comes again is *redelivered*, and no double, if its acknowledgement was not answered and either the broker took
it back (the call said so) or the session was made anew since. All else that comes again is a double.

One thread or task writes the producer's half and one the consumer's, so nothing is locked.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from corewire import CorewireError, Headers

BEHIND_MAX = 100  # messages, before the producer waits for the consumer


class Way(Enum):
    """How a stream is sent and taken."""

    ONE_BY_ONE = "one by one"  #: each send waits for its answer; acknowledged as the consumer comes back for more
    PIPELINED = "pipelined"  #: submitted in batches; acknowledged in batches by the application
    TRANSACTED = "transacted"  #: both ends commit in batches


@dataclass(slots=True)
class Ledger:
    """What happened to one stream."""

    queue: str
    way: Way
    ids: bool = True  #: messages carry duplicate ids, so what may have arrived can be sent again
    count_max: int | None = None  #: None: until `stop`
    begun: int = 0
    stopped: bool = False
    ended: bool = False  #: the producer is through
    given_up: bool = False  #: nothing is awaited any more
    confirmed: set[int] = field(default_factory=set[int])
    sent_again: set[int] = field(default_factory=set[int])
    came: dict[int, int] = field(default_factory=dict[int, int])  #: number -> how many times
    settled: set[int] = field(default_factory=set[int])
    doubled: list[int] = field(default_factory=list[int])
    redelivered: list[int] = field(default_factory=list[int])
    foreign: list[str] = field(default_factory=list[str])
    disorder: list[tuple[int, int]] = field(
        default_factory=list[tuple[int, int]]
    )  #: number, and the higher one that came before it
    errors: Counter[str] = field(default_factory=Counter[str])
    untraced: list[str] = field(default_factory=list[str])  #: errors for which nothing is known to have happened
    failures: list[BaseException] = field(default_factory=list[BaseException])  #: what ended an actor
    at_cut: set[int] = field(default_factory=set[int])  #: under way, unanswered, when a link was lost
    _newest: int = -1
    _in_hand: dict[int, int] = field(
        default_factory=dict[int, int]
    )  # number -> how often the session had been made anew
    _given_back: set[int] = field(default_factory=set[int])

    # -- the producer ----------------------------------------------------------------------------------------------------

    def begin(self) -> int | None:
        """The next number to send; None: no more."""
        if self.stopped or self.begun == self.count_max:
            return None
        self.begun += 1
        return self.begun - 1

    def text(self, number: int) -> str:
        """The body of a message."""
        return f"{self.queue}#{number}"

    def headers(self, number: int) -> Headers:
        """Its headers."""
        return {"duplicate_id": self.text(number)} if self.ids else {}

    def confirm(self, numbers: Iterable[int]) -> None:
        """The broker has them."""
        self.confirmed.update(numbers)

    @property
    def behind(self) -> bool:
        """Whether the consumer should catch up first."""
        return len(self.confirmed) - len(self.came) > BEHIND_MAX

    # -- the consumer ----------------------------------------------------------------------------------------------------

    @property
    def outstanding(self) -> bool:
        """Whether something must still come."""
        return not self.given_up and (not self.ended or not self.confirmed <= self.came.keys())

    def take(self, text: str | None, times_made_anew: int) -> None:
        """A message was handed out; None: its wait was over."""
        if text is None:
            return
        name, _, digits = text.rpartition("#")
        if name != self.queue or not digits.isdigit() or int(digits) >= self.begun:
            self.foreign.append(text)
            return
        number = int(digits)
        if number in self.came:
            again = number in self._given_back or self._in_hand.get(number, times_made_anew) < times_made_anew
            (self.redelivered if again and number not in self.settled else self.doubled).append(number)
        elif number < self._newest and not (self.way is Way.PIPELINED and number in self.sent_again):
            self.disorder.append((number, self._newest))
        self.came[number] = self.came.get(number, 0) + 1
        self._newest = max(self._newest, number)
        self._in_hand[number] = times_made_anew
        self._given_back.discard(number)

    def settle(self, times_made_anew: int) -> None:
        """What is in hand was acknowledged, and answered, if the session is still the one that delivered it."""
        self.settled.update(number for number, before in self._in_hand.items() if before == times_made_anew)
        self._give_back_older(times_made_anew)

    def _give_back_older(self, times_made_anew: int) -> None:
        self._given_back.update(number for number, before in self._in_hand.items() if before < times_made_anew)
        self._in_hand.clear()

    def give_back(self) -> None:
        """What is in hand comes again, or may do so."""
        self._given_back.update(self._in_hand)
        self._in_hand.clear()

    # -- both ------------------------------------------------------------------------------------------------------------

    def raised(self, error: CorewireError, *, traced: bool) -> None:
        """A call raised. ``traced``: something is known to have happened that explains it."""
        self.errors[type(error).__name__] += 1
        if not traced:
            self.untraced.append(repr(error))

    def note_cut(self) -> None:
        """A link of this stream was lost, or is back: remember what is under way. A queue is no longer than a consumer's window, so all of it is."""
        self.at_cut |= set(range(self.begun)) - (self.settled & self.confirmed)

    @property
    def lost(self) -> set[int]:
        """What was confirmed and never came."""
        return self.confirmed - self.came.keys()

    @property
    def progress(self) -> int:
        """Grows as long as messages are confirmed, and come."""
        return min(len(self.confirmed), len(self.came))

    @property
    def newest(self) -> int:
        """The highest number that came, -1: none."""
        return self._newest

    @property
    def broken(self) -> list[str]:
        """The promises that were broken, in words."""
        found: dict[str, Sequence[object]] = {
            "lost": sorted(self.lost),
            "doubled": self.doubled,
            "out of order": self.disorder,
            "foreign": self.foreign,
            "raised without a reason": self.untraced,
            "failed": self.failures,
        }
        return [f"{self.queue}: {len(what)} {word}: {list(what[:5])}" for word, what in found.items() if what]
