"""
Addresses, the queues bound to them, and where a message goes.

A multicast queue gets every message of its address; of the anycast queues bound to one address one gets it, in turn. Queues
bound to a pattern (``*`` one word, ``#`` any number of words) take part for every address that matches; the anycast queues of
a pattern are a group of their own. What an address resolves to is a ``Route``, kept until any binding changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corewire.values import RoutingType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corewire_server.core.queues import Queue

MULTICAST: Final = RoutingType.MULTICAST
ANYCAST: Final = RoutingType.ANYCAST


class Address:
    """A name messages are sent to, and the queues bound to it."""

    __slots__ = (
        *("auto_created", "id", "idle_since", "marked", "name", "queues"),
        *("routing_types", "temporary", "turn", "used"),
    )

    def __init__(
        self, record_id: int, name: str, routing_types: frozenset[RoutingType], *, auto_created: bool, temporary: bool
    ) -> None:
        self.id = record_id
        self.name = name
        self.routing_types = routing_types
        self.auto_created = auto_created
        self.temporary = temporary
        self.queues: list[Queue] = []  # in order of creation
        self.turn = 0  # which of its anycast queues comes next
        self.used = False  # a queue was unbound from it
        self.idle_since: int | None = None  # when it was unbound
        self.marked = False  # the next scan deletes it, if it is still unused


class Route:
    """Where messages to one name go: each queue of ``everyone``, and one of each group of ``turns``."""

    __slots__ = ("address", "everyone", "name", "only", "queue", "turns")

    def __init__(
        self, name: str, everyone: tuple[Queue, ...], turns: tuple[tuple[Address, tuple[Queue, ...]], ...]
    ) -> None:
        self.name = name
        self.address, _, self.queue = name.partition("::")  # the queue is empty unless the name is fully qualified
        self.everyone = everyone
        self.turns = turns
        self.only: Queue | None = None  # the queue that gets all of it, without any question
        queues = [*everyone, *(queue for _, group in turns for queue in group)]
        if len(queues) == 1 and not self.queue and _takes_all(queues[0]):
            self.only = queues[0]


_NOWHERE: Final = Route("", (), ())


def _takes_all(queue: Queue) -> bool:
    config = queue.config
    return queue.filter is None and config.enabled is not False and not config.purge_on_no_consumers


def is_pattern(name: str) -> bool:
    """Whether a name binds to more than itself."""
    return any(word in ("*", "#") for word in name.split("."))


def matches(pattern: list[str], words: list[str]) -> bool:
    """Whether the words of an address match those of a pattern."""
    reachable: set[int] = {0}  # how many words of the address may be used up by the pattern so far
    for part in pattern:
        if part != "#":
            reachable = {n + 1 for n in reachable if n < len(words) and part in ("*", words[n])}
        elif reachable:
            reachable = set(range(min(reachable), len(words) + 1))
    return len(words) in reachable


class Addresses:
    """All addresses by name, and what they resolve to."""

    def __init__(self, *, wildcards: bool, routes_max: int, name_chars_max: int) -> None:
        self._field_bytes_max = 5 + 2 * name_chars_max
        self._wildcards = wildcards
        self._routes_max = routes_max
        self._by_name: dict[str, Address] = {}
        self._patterns: dict[str, list[str]] = {}  # the names among them that are patterns, in words
        self._routes: dict[str, Route] = {}
        self.raw_routes: dict[
            bytes, Route
        ] = {}  #: those known by the address field of a message; others: ``raw_route``

    def get(self, name: str) -> Address | None:
        """The address of this name."""
        return self._by_name.get(name)

    def add(self, address: Address) -> None:
        """A new address."""
        self._by_name[address.name] = address
        if self._wildcards and is_pattern(address.name):
            self._patterns[address.name] = address.name.split(".")

    def remove(self, address: Address) -> None:
        """The address goes. It has no queues any more."""
        del self._by_name[address.name]
        self._patterns.pop(address.name, None)
        self._forget_routes()

    def renew(self, address: Address) -> None:
        """The address counts as the newest from now on: the journal gets to know it."""
        self.remove(address)
        self.add(address)

    def bind(self, queue: Queue) -> None:
        """The queue begins to get what its address gets."""
        queue.address.queues.append(queue)
        self._forget_routes()

    def unbind(self, queue: Queue) -> None:
        """The queue gets nothing any more."""
        queue.address.queues.remove(queue)
        queue.address.used = True
        self._forget_routes()

    def route(self, name: str) -> Route:
        """What messages to this address, or ``address::queue``, reach."""
        route = self._routes.get(name)
        if route is None:
            if len(self._routes) >= self._routes_max:
                self._forget_routes()
            route = self._routes[name] = self._resolve(name)
        return route

    def raw_route(self, field: bytes) -> Route:
        """The same for the address field of a message: a flag, a length, and the name in UTF-16LE."""
        route = self.raw_routes.get(field)
        if route is None and len(field) > self._field_bytes_max:  # nothing has such a name, and nobody should keep it
            return _NOWHERE
        if route is None:
            if len(self.raw_routes) >= self._routes_max:
                self.raw_routes.clear()
            route = self.raw_routes[field] = self.route(field[5:].decode("utf-16-le", "surrogatepass"))
        return route

    def _forget_routes(self) -> None:
        self._routes.clear()
        self.raw_routes.clear()

    def _resolve(self, name: str) -> Route:
        address = name.partition("::")[0]
        bound = [self._by_name[address]] if address in self._by_name else []
        if self._patterns:
            words = address.split(".")
            bound += [
                self._by_name[pattern]
                for pattern, parts in self._patterns.items()
                if pattern != address and matches(parts, words)
            ]
        everyone = tuple(q for one in bound for q in one.queues if q.config.routing_type is MULTICAST)
        groups = ((one, tuple(q for q in one.queues if q.config.routing_type is ANYCAST)) for one in bound)
        return Route(name, everyone, tuple((one, queues) for one, queues in groups if queues))

    def matching(self, name: str) -> Iterator[Address]:
        """The addresses that a query for this name, which may be a pattern, means."""
        if self._wildcards and is_pattern(name):
            parts = name.split(".")
            yield from (address for address in self._by_name.values() if matches(parts, address.name.split(".")))
        elif name in self._by_name:
            yield self._by_name[name]

    def __iter__(self) -> Iterator[Address]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)
