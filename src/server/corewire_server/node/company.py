"""
Which inputs may wait a little for others before they are handed to the backup.

Nobody waits for an acknowledgement that asks no answer, nor for credits while nothing is there to be delivered. Handed on alone,
each such input costs both nodes a turn of their loops; the next message that somebody does wait for follows within a millisecond,
mostly. What an input will show is known only when it was executed, which is after it was handed on, so the last one of its link is
taken as a sign. Where the sign is wrong, the input is handed on as soon as that is known: the gate holds what it shows anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corewire_server.core.inputs import BytesReceived, LinkClosed

if TYPE_CHECKING:
    from corewire_server.core.inputs import Input

COMPANY_MS: Final = 5
COMPANY_BYTES_MAX: Final = 16 * 1024


class Company:
    """What waits for company. ``until``: when it has waited long enough; None: nothing waits, or something that may not."""

    __slots__ = ("_hurries", "_quiet", "until")

    def __init__(self) -> None:
        self._quiet: set[int] = set()  # links whose last input showed nothing
        self._hurries = False
        self.until: int | None = None

    def add(self, now: int, item: Input) -> None:
        """An input was numbered."""
        if not (isinstance(item, BytesReceived) and item.link in self._quiet):
            self._hurries = True
        elif self.until is None:
            self.until = now + COMPANY_MS

    def waits(self, size: int) -> bool:
        """Whether all that was numbered since the last handing on, so many bytes, may wait."""
        return not self._hurries and size <= COMPANY_BYTES_MAX

    def clear(self) -> None:
        """All was handed on."""
        self._hurries = False
        self.until = None

    def learn(self, item: Input, *, showed: bool) -> None:
        """An input was executed, and showed something to somebody, or nothing."""
        if isinstance(item, BytesReceived) and not showed:
            self._quiet.add(item.link)
        elif isinstance(item, BytesReceived | LinkClosed):
            self._quiet.discard(item.link)
