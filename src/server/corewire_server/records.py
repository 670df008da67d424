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
