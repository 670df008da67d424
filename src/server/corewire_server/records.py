"""
What the core asks to be kept, and the journal keeps: the one type that both know.

A record has an id of its own. ADD makes it, UPDATE says more about it, DELETE ends it; what is neither deleted nor rolled back
is live. With ``tx`` set the record waits for the COMMIT or ROLLBACK of that transaction (PREPARE makes it outlive a restart).
The journal never looks into ``body``; ``kind`` tells the core how to read it (``core/records.py``).
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Op(IntEnum):
    """What a record does."""

    ADD = 1
    UPDATE = 2
    DELETE = 3
    PREPARE = 4
    COMMIT = 5
    ROLLBACK = 6


class Record(NamedTuple):
    """One thing to keep. All records of one Append are kept together or not at all."""

    op: int  # an Op
    id: int  # of what is added, updated or deleted; for PREPARE, COMMIT and ROLLBACK the transaction
    kind: int = 0
    body: bytes = b""
    tx: int = 0  # 0: not in a transaction


class Standing(IntEnum):
    """What a node last wrote about itself and its peer; a node without a peer is always alone. An empty folder says nothing."""

    ALONE = 0  # it serves, or served, without the other: what it has needs nobody's word
    IN_STEP = 1  # it and its peer have the same, or will have
    JOINING = 2  # its data is not whole yet, and never to be served


class Mark(NamedTuple):
    """What is known after a restart about who may serve; every batch of the journal carries it."""

    standing: Standing
    epoch: int  # of the service it is part of; each start of serving takes a new one
    place: int  # of a backup in step: which of the joins in this epoch it came by; 0: none
