"""Filters asked about messages: the properties of a message are decoded when a filter first names one, and once for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.wire.message import CoreMessage
from corewire_server.core.filters import lookup_for

if TYPE_CHECKING:
    from corewire.values import PropertyValue
    from corewire_server.core._selector_closures import Lookup
    from corewire_server.core.filters import Filter


def accepts(selector: Filter, values: Values) -> bool:
    """Whether a filter lets a message through. One that cannot be evaluated, whatever the reason, does not."""
    try:
        return selector.matches(values.get)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - filters are asked outside of any client's input: none may stop the node
        return False


class Values:
    """The values of one message, for however many filters."""

    __slots__ = ("_lookup", "_raw")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._lookup: Lookup | None = None

    def get(self, name: str) -> PropertyValue:
        """The value of an identifier; None if there is none. Raises what ``lookup_for`` says."""
        if self._lookup is None:
            self._lookup = lookup_for(CoreMessage(self._raw))
        return self._lookup(name)
