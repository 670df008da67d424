"""What a ClientEngine asks its driver to do: a closed union, performed in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corewire._operation import Operation
    from corewire.client.config import Discovery, Endpoint
    from corewire.events import ClientEvent


@dataclass(frozen=True, slots=True)
class Dial:
    """Connect; answer with link_up or link_down."""

    link: int
    endpoint: Endpoint
    timeout_s: float | None


@dataclass(frozen=True, slots=True)
class Send:
    """Write to a link, all of it, in order."""

    link: int
    chunks: Sequence[bytes]  #: for one sendmsg


@dataclass(frozen=True, slots=True)
class Hangup:
    """Close the socket once what was sent before is out. No answer."""

    link: int


# Not frozen, which makes it twice as slow to make: there is one for every message that is submitted.
@dataclass(slots=True)
class Completed:
    """Wake whoever waits for it."""

    operation: Operation[object]


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell the application."""

    event: ClientEvent


@dataclass(frozen=True, slots=True)
class Discover:
    """Join a UDP group, leaving it first where it was joined before, and feed its datagrams to ``datagram_received``.

    Answer with ``group_lost`` if that fails, then or later. Leave it when the client ends.
    """

    group: Discovery


Effect: TypeAlias = Dial | Send | Hangup | Completed | Notify | Discover
