"""
Which endpoint to dial next, after which pause, and when to give up (docs/protocol/reattachment.md).

Pure bookkeeping: a plan is told what became of its last decision and answers with the next one. Two plans share the
back-off: `InitialConnect` walks the endpoints of the configuration, `Reconnect` the four slots of a client that was
connected once. What happens on a link that is up is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from corewire.client._topology import same_address
from corewire.client.config import LoadBalancing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from random import Random

    from corewire.client.config import ClientConfig, Endpoint


@dataclass(frozen=True, slots=True)
class Try:
    """Dial this endpoint now."""

    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait, then ask `resume()`."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The attempts are used up."""


Decision: TypeAlias = Try | Pause | GiveUp
Pair: TypeAlias = "tuple[Endpoint, Endpoint | None]"


class Known(Protocol):
    """What knows where brokers are: a configuration, or a search for them."""

    @property
    def endpoints(self) -> Sequence[Endpoint]: ...


class Backoff:
    """The pauses between attempts: the first as configured, each next one multiplied and capped."""

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        self._interval_s = config.retry_interval_s

    def next(self) -> Pause:
        pause = Pause(self._interval_s)
        grown = self._interval_s * self._config.retry_interval_multiplier
        self._interval_s = min(grown, self._config.retry_interval_s_max)
        return pause

    def reset(self) -> None:
        self._interval_s = self._config.retry_interval_s


class Balancer:
    """Picks an index, as the four policies of Artemis do."""

    def __init__(self, policy: LoadBalancing, rng: Random) -> None:
        self._policy = policy
        self._rng = rng
        self._last: int | None = None

    def select(self, count: int) -> int:
        match self._policy:
            case LoadBalancing.FIRST_ELEMENT:
                return 0
            case LoadBalancing.RANDOM:
                return self._rng.randrange(count)
            case LoadBalancing.RANDOM_STICKY:
                self._last = self._rng.randrange(count) if self._last is None else self._last
            case LoadBalancing.ROUND_ROBIN:
                self._last = self._rng.randrange(count) if self._last is None else self._last + 1
        return self._last % count


class InitialConnect:
    """The first connection: `initial_connect_attempts` rounds over the endpoints that are known when it begins.

    Each attempt takes from those that are known by then: a group may tell of more, meanwhile.
    """

    def __init__(self, config: ClientConfig, known: Known, balancer: Balancer) -> None:
        self._known = known
        self._balancer = balancer
        self._backoff = Backoff(config)
        self._rounds = config.initial_connect_attempts
        self._left: int | None = None

    def begin(self) -> Decision:
        if self._rounds is not None:
            self._left = max(self._rounds, 1) * len(self._known.endpoints)  # 0 rounds mean 1, as in Artemis
        return self.resume()

    def resume(self) -> Decision:
        endpoints = self._known.endpoints
        return Try(endpoints[self._balancer.select(len(endpoints))])

    def failed(self) -> Decision:
        """The dialled endpoint gave no usable connection."""
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                return GiveUp()
        return self._backoff.next()


class Slots:
    """The endpoints that one client goes back to: where it began, where it is, its backup, where it was before."""

    def __init__(self, initial: Endpoint, configured: Sequence[Endpoint]) -> None:
        self.initial = initial
        self.current = initial
        self.backup: Endpoint | None = None
        self.previous: Endpoint | None = None
        self._configured = tuple(configured)

    def candidates(self) -> Iterator[Endpoint]:
        """What one attempt dials, in order, each address once: a broker that is known in two ways is not dead twice."""
        dialled: list[Endpoint] = []
        for endpoint in self._slots():
            if not any(same_address(endpoint, before) for before in dialled):
                dialled.append(endpoint)
                yield endpoint

    def _slots(self) -> Iterator[Endpoint]:
        """A backup is looked for under its name in the configuration first: that entry may carry parameters (TLS,
        proxies) that the broker cannot know."""
        current = self.current
        yield current
        if self.backup is not None:
            name = self.backup.name
            yield from (own for own in self._configured if name is not None and own.name == name)
            yield self.backup
        if self.previous is not None and self.previous != current:
            yield self.previous
        if current != self.initial:
            yield self.initial

    def connected(self, endpoint: Endpoint) -> None:
        self.previous, self.current = self.current, endpoint

    def move(self, primary: Endpoint, backup: Endpoint | None) -> None:
        """Go to another pair. A backup that is known stays if the pair has none."""
        self.initial = self.current = primary
        self.backup = backup or self.backup


class Reconnect:
    """One recovery. Made anew for every failure.

    First `reconnect_attempts` attempts over the slots; when these are used up, `failover_attempts` rounds over all pairs
    of primary and backup that are known by then, with pauses between the rounds only.
    """

    def __init__(
        self, config: ClientConfig, slots: Slots, pairs: Callable[[], Sequence[Pair]], balancer: Balancer
    ) -> None:
        self._config = config
        self._slots = slots
        self._pairs = pairs
        self._balancer = balancer
        self._backoff = Backoff(config)
        self._left = config.reconnect_attempts
        self._rounds_left = config.failover_attempts
        self._tried = 0  # pairs of this round
        self._elsewhere = False  # the rounds have begun
        self._candidates: Iterator[Endpoint] = iter(())
        self.attempt = 0  #: number of the attempt under way, from 1

    @property
    def comes_back(self) -> bool:
        """Whether there will be one more attempt over the slots if this one fails."""
        return self._left is None or self._left > 1

    def begin(self, *, pause: bool = False) -> Decision:
        """The first attempt, or a ``pause`` before it: who broke the rules may do so as soon as we are back."""
        if self._left == 0:
            return self._go_elsewhere()
        return self._backoff.next() if pause else self.resume()

    def resume(self) -> Decision:
        self.attempt += 1
        if self._elsewhere:
            pairs = self._pairs()
            primary, backup = pairs[self._balancer.select(len(pairs))]
            self._slots.move(primary, backup)
        self._candidates = self._slots.candidates()
        return Try(next(self._candidates))

    def unreachable(self) -> Decision:
        """Nobody listens at the dialled endpoint: the attempt goes on with the next slot, without a pause."""
        endpoint = next(self._candidates, None)
        return self.refused() if endpoint is None else Try(endpoint)

    def refused(self) -> Decision:
        """The attempt failed; with a connection that came to nothing, too."""
        if self._elsewhere:
            return self._next_pair()
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                return self._go_elsewhere()
        return self._backoff.next()

    def unrecovered(self) -> Decision:
        """Connected, but a session could not be recovered: the pauses start again from the shortest."""
        self._backoff.reset()
        return self.refused()

    def _go_elsewhere(self) -> Decision:
        if self._rounds_left == 0 or not self._pairs():
            return GiveUp()
        self._elsewhere = True
        self._backoff.reset()
        return self.resume()

    def _next_pair(self) -> Decision:
        self._tried += 1
        if self._tried < len(self._pairs()):
            return self.resume()
        self._tried = 0
        if self._rounds_left is not None:
            self._rounds_left -= 1
            if self._rounds_left == 0:
                return GiveUp()
        return self._backoff.next()
