"""The states of a client and its legal moves."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


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
