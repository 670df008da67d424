"""
Every state of the engine's machines, and every legal move, as tables beside their enums.

A move that is not in its table is refused in one place, `advance`. scripts/gen_states.py draws these tables.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from corewire.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping


class LinkState(Enum):
    """One link, as `Connection` sees it."""

    NEW = "new"  #: made, not started
    SNIFFING = "sniffing"  #: server: fewer than 8 bytes came, the protocol is not decided
    OPEN = "open"
    CLOSED = "closed"  #: ended by either side, by silence or by close()
    ERROR = "error"  #: the peer broke the rules: nothing but close() is of use, and the state stays


class LinkMove(Enum):
    """What happens to a link."""

    DIAL = "dial"  #: client: start
    ACCEPT = "accept"  #: server: start
    GREET = "greet"  #: 8 bytes came: with or without the magic
    READ = "read"  #: bytes came
    WRITE = "write"  #: a packet of the owner
    ATTACH = "attach"  #: a session's channel comes
    END = "end"  #: end of the stream, or silence for too long
    VIOLATE = "violate"  #: the peer broke the rules
    CLOSE = "close"


LINK: Mapping[tuple[LinkState, LinkMove], LinkState] = {
    (LinkState.NEW, LinkMove.DIAL): LinkState.OPEN,
    (LinkState.NEW, LinkMove.ACCEPT): LinkState.SNIFFING,
    (LinkState.NEW, LinkMove.CLOSE): LinkState.CLOSED,
    (LinkState.SNIFFING, LinkMove.GREET): LinkState.OPEN,
    (LinkState.SNIFFING, LinkMove.READ): LinkState.SNIFFING,
    (LinkState.SNIFFING, LinkMove.END): LinkState.CLOSED,
    (LinkState.SNIFFING, LinkMove.CLOSE): LinkState.CLOSED,
    (LinkState.OPEN, LinkMove.READ): LinkState.OPEN,
    (LinkState.OPEN, LinkMove.WRITE): LinkState.OPEN,
    (LinkState.OPEN, LinkMove.ATTACH): LinkState.OPEN,
    (LinkState.OPEN, LinkMove.END): LinkState.CLOSED,
    (LinkState.OPEN, LinkMove.VIOLATE): LinkState.ERROR,
    (LinkState.OPEN, LinkMove.CLOSE): LinkState.CLOSED,
    (LinkState.CLOSED, LinkMove.READ): LinkState.CLOSED,  # late bytes are dropped
    (LinkState.CLOSED, LinkMove.CLOSE): LinkState.CLOSED,
    (LinkState.ERROR, LinkMove.CLOSE): LinkState.ERROR,
}


class ChannelState(Enum):
    """One session's channel, either role."""

    NEW = "new"  #: never on a link, or reset while on none
    OPEN = "open"  #: on a link, what is sent goes out at once
    DETACHED = "detached"  #: its link is gone; what is sent waits
    RESUMING = "resuming"  #: on a new link, the peer's number is not known yet; what is sent waits
    CLOSED = "closed"


class ChannelMove(Enum):
    """What happens to a channel."""

    ATTACH = "attach"
    DETACH = "detach"
    RESUME = "resume"  #: the peer's number came: what it has not seen goes out again
    RESET = "reset"  #: the session was recreated: both sides count from zero
    CLOSE = "close"


CHANNEL: Mapping[tuple[ChannelState, ChannelMove], ChannelState] = {
    (ChannelState.NEW, ChannelMove.ATTACH): ChannelState.OPEN,
    (ChannelState.OPEN, ChannelMove.DETACH): ChannelState.DETACHED,
    (ChannelState.DETACHED, ChannelMove.ATTACH): ChannelState.RESUMING,
    (ChannelState.RESUMING, ChannelMove.DETACH): ChannelState.DETACHED,
    (ChannelState.RESUMING, ChannelMove.RESUME): ChannelState.OPEN,
    (ChannelState.NEW, ChannelMove.RESET): ChannelState.NEW,
    (ChannelState.DETACHED, ChannelMove.RESET): ChannelState.NEW,
    (ChannelState.RESUMING, ChannelMove.RESET): ChannelState.OPEN,
    **{(state, ChannelMove.CLOSE): ChannelState.CLOSED for state in ChannelState},
}


class ClientState(Enum):
    """Where a client is in its life."""

    NEW = "new"
    CONNECTING = "connecting"  #: for the first time
    UP = "up"
    RECOVERING = "recovering"  #: the link was lost; sessions wait
    FAILED = "failed"  #: given up: every later call raises NotConnected
    CLOSED = "closed"


class LifeMove(Enum):
    """What happens to a client."""

    START = "start"
    ESTABLISH = "establish"  #: a link is up, the cluster known, every session has its place
    LOSE = "lose"
    GIVE_UP = "give up"  #: attempts are used up, or the broker does not want this client
    CLOSE = "close"


LIFE: Mapping[tuple[ClientState, LifeMove], ClientState] = {
    (ClientState.NEW, LifeMove.START): ClientState.CONNECTING,
    (ClientState.NEW, LifeMove.CLOSE): ClientState.CLOSED,
    (ClientState.CONNECTING, LifeMove.ESTABLISH): ClientState.UP,
    (ClientState.CONNECTING, LifeMove.GIVE_UP): ClientState.FAILED,
    (ClientState.CONNECTING, LifeMove.CLOSE): ClientState.CLOSED,
    (ClientState.UP, LifeMove.LOSE): ClientState.RECOVERING,
    (ClientState.UP, LifeMove.GIVE_UP): ClientState.FAILED,
    (ClientState.UP, LifeMove.CLOSE): ClientState.CLOSED,
    (ClientState.RECOVERING, LifeMove.ESTABLISH): ClientState.UP,
    (ClientState.RECOVERING, LifeMove.GIVE_UP): ClientState.FAILED,
    (ClientState.RECOVERING, LifeMove.CLOSE): ClientState.CLOSED,
}


StateT = TypeVar("StateT", bound=Enum)
MoveT = TypeVar("MoveT", bound=Enum)


def advance(table: Mapping[tuple[StateT, MoveT], StateT], state: StateT, move: MoveT) -> StateT:
    """Return the state that a move leads to. Raises `LocalProtocolError` where the table has no such move."""
    after = table.get((state, move))
    if after is None:
        raise LocalProtocolError(f"cannot {move.value} while {state.value}", subject=type(state).__name__)
    return after
