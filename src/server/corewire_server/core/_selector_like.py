"""
LIKE in bounded time.

A pattern is cut at its ``%``. The first part must be where the value begins, the last where it ends, and the parts between
are found from left to right, each at the first place after the one before: no other choice can succeed where this fails, so
nothing is ever tried again. A part of plain characters is found in linear time by ``str.find``; one with ``_`` costs, at
worst, its length times that of the value, and ``STEPS_MAX`` limits the product.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from corewire_server.core._selector_values import EvaluationFailed

STEPS_MAX = 1 << 25  # some 25 ms

_Part: TypeAlias = "str | re.Pattern[str]"  # a Pattern has no quantifier but {n}: it matches in one way or not at all


@dataclass(frozen=True, slots=True)
class LikePattern:
    """A compiled pattern: what the value begins with, what it ends with, and what comes between, with lengths in characters."""

    first: _Part
    first_length: int
    middle: tuple[tuple[_Part, int], ...]
    last: _Part | None  # None: there is no ``%``, the first part is all
    last_length: int = 0

    def matches(self, value: str) -> bool:
        """Tell whether the whole value fits. Raises EvaluationFailed where that could take too long."""
        if self.last is None:
            return len(value) == self.first_length and _stands(self.first, value, 0)
        position, end = self.first_length, len(value) - self.last_length
        if position > end or not _stands(self.first, value, 0) or not _stands(self.last, value, end):
            return False
        for part, length in self.middle:
            found = _find(part, length, value, position, end)
            if found < 0:
                return False
            position = found + length
        return True


def like_pattern(text: str, escape: str | None) -> LikePattern:
    """Compile a pattern. ``escape``, one character, takes its meaning from a ``%``, a ``_`` or itself after it, else is plain."""
    parts: list[tuple[_Part, int]] = []
    part: list[str | None] = []  # None: any character
    position = 0
    while position < len(text):
        character = text[position]
        if character == escape and text[position + 1 : position + 2] in ("%", "_", escape):
            position += 1
            part.append(text[position])
        elif character == "%":
            parts.append((_compiled(part), len(part)))
            part = []
        else:
            part.append(None if character == "_" else character)
        position += 1
    last = _compiled(part)
    if not parts:
        return LikePattern(last, len(part), (), None)
    (first, first_length), *middle = parts
    return LikePattern(first, first_length, tuple(middle), last, len(part))


def _compiled(part: list[str | None]) -> _Part:
    if None not in part:
        return "".join(character for character in part if character is not None)
    source = "".join("." if character is None else re.escape(character) for character in part)
    return re.compile(re.sub(r"(?<!\\)\.{2,}", lambda run: f".{{{len(run[0])}}}", source), re.DOTALL)


def _stands(part: _Part, value: str, position: int) -> bool:
    if isinstance(part, str):
        return value.startswith(part, position)
    return part.match(value, position) is not None


def _find(part: _Part, length: int, value: str, position: int, end: int) -> int:
    if isinstance(part, str):
        return value.find(part, position, end)
    if (end - position) * length > STEPS_MAX:
        raise EvaluationFailed("LIKE of a long value with a long pattern")
    found = part.search(value, position, end)
    return -1 if found is None else found.start()
