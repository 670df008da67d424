"""Plays to begin with: any bytes make one, and of random ones every step has its share."""

from __future__ import annotations

import random

SEEDS = 40
BYTES_MAX = 400


def seeds() -> list[bytes]:
    """The same ones each time."""
    rng = random.Random(6)
    return [rng.randbytes(rng.randrange(20, BYTES_MAX)) for _ in range(SEEDS)]
