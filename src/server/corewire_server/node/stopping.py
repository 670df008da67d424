"""
What a driver does when a node with a peer is to stop in order, one part after the other.

The clients' door has closed before. Clients are told goodbye only where nobody goes on in this node's place; else their links
just end. The link's door closes last: who is refused there may serve. A backup lets its primary ask first, and hear that nobody
follows it any more; else that one's clients would wait until it has dialled again.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

STOP_S: Final = 5.0  # how long the disk may take for the last answers
VISIT_S: Final = 0.3  # how long a backup that has stopped waits for its primary to ask


class Part(Enum):
    """Each is over when what it waits for has come, or has not for so long."""

    GOODBYE = "goodbye"  # clients are told; until the node is idle, or for STOP_S
    STOP = "stop"  # the node is told; until it is idle, or for STOP_S
    VISIT = "visit"  # until an accepted connection of the link has ended since it was to stop, or for VISIT_S
    END = "end"  # links end without a word, then the link's door closes


def parts(*, serving: bool, in_step: bool) -> tuple[Part, ...]:
    """Of a node that stands so when it is to stop."""
    if serving and not in_step:
        return (Part.GOODBYE, Part.STOP, Part.END)
    if in_step and not serving:
        return (Part.STOP, Part.VISIT, Part.END)
    return (Part.STOP, Part.END)
