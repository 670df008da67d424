"""
The roles of a node with a peer, and every legal move between them, as a table beside the enums.

A move that is not in the table is refused in one place, `advance`: above all there is no way from JOINING to PRIMARY.
scripts/gen_states.py draws it.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Role(Enum):
    """What a node is to its peer and to clients."""

    WAITING = "waiting"  #: started, and not sure yet who serves
    JOINING = "joining"  #: its own data counts for nothing, the primary's is on its way
    BACKUP = "backup"  #: it has a place: it was told that it is in step, and the primary has not gone alone as far as it knows
    PRIMARY = "primary"
    HANDING_OVER = "handing over"  #: it stopped serving and told its backup to, and has not heard yet that it does
    STOPPED = "stopped"  #: an orderly stop: it claims nothing any more


class Move(Enum):
    """What makes a node change its role."""

    SERVE = "serve"  #: by rule (c), (d) or (e), by a hand-over, or by an operator's order
    JOIN = "join"  #: it gives its data up for the primary's
    TOLD = "told"  #: the primary says that it is in step
    HAND_OVER = "hand over"
    GO_ON = "go on"  #: who should have taken over is gone, and never did
    GRANT = "grant"  #: an arbiter says that it may serve
    REVOKE = "revoke"  #: an arbiter says that it must not, or cannot be asked any more
    STOP = "stop"


ROLES: Mapping[tuple[Role, Move], Role] = {
    (Role.WAITING, Move.SERVE): Role.PRIMARY,
    (Role.WAITING, Move.JOIN): Role.JOINING,
    (Role.WAITING, Move.GRANT): Role.PRIMARY,
    (Role.WAITING, Move.REVOKE): Role.WAITING,
    (Role.JOINING, Move.JOIN): Role.JOINING,
    (Role.JOINING, Move.TOLD): Role.BACKUP,
    (Role.JOINING, Move.GRANT): Role.JOINING,  # no word of anybody makes its data whole
    (Role.JOINING, Move.REVOKE): Role.JOINING,
    (Role.BACKUP, Move.TOLD): Role.BACKUP,
    (Role.BACKUP, Move.SERVE): Role.PRIMARY,
    (Role.BACKUP, Move.JOIN): Role.JOINING,
    (Role.BACKUP, Move.GRANT): Role.PRIMARY,
    (Role.BACKUP, Move.REVOKE): Role.BACKUP,
    (Role.PRIMARY, Move.JOIN): Role.JOINING,
    (Role.PRIMARY, Move.HAND_OVER): Role.HANDING_OVER,
    (Role.PRIMARY, Move.GRANT): Role.PRIMARY,
    (Role.PRIMARY, Move.REVOKE): Role.WAITING,  # and it stops answering before its successor may start
    (Role.HANDING_OVER, Move.JOIN): Role.JOINING,
    (Role.HANDING_OVER, Move.GO_ON): Role.PRIMARY,
    (Role.HANDING_OVER, Move.GRANT): Role.PRIMARY,
    (Role.HANDING_OVER, Move.REVOKE): Role.WAITING,
    (Role.STOPPED, Move.GRANT): Role.STOPPED,
    (Role.STOPPED, Move.REVOKE): Role.STOPPED,
    **{(role, Move.STOP): Role.STOPPED for role in Role},
}


class IllegalMove(Exception):
    """A move that the table does not have: a mistake of ours, and the node must stop."""


def advance(role: Role, move: Move) -> Role:
    """Return the role that a move leads to. Raises IllegalMove where the table has no such move."""
    after = ROLES.get((role, move))
    if after is None:
        raise IllegalMove(f"cannot {move.value} while {role.value}")
    return after
