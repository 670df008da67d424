"""Durations as they are typed: ``500ms``, ``30s``, ``5m``, ``1.5h``; a bare number has the unit that Artemis gives that option."""

from __future__ import annotations

import re
from typing import Final

UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?")


def seconds(text: str, *, bare: str) -> float:
    """Read a duration. ``bare``: the unit of a number without one, a key of ``UNITS``. Raises ValueError."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no duration: write 500ms, 30s, 5m or 1h")
    return float(found[1]) * UNITS[found[2] or bare]
