"""
Selectors: which messages a queue or a consumer wants (docs/protocol/jms.md).

A text is parsed once (``_selector_lexer``, ``_selector_parser``), made into closures (``_selector_closures``), and asked per
message. ``matches`` takes a look-up from identifiers to values; ``lookup_for`` makes that of a core message. Comparison,
arithmetic and three-valued logic are those of Artemis' parser of selectors, with its asymmetries.

Limits: ``TEXT_CHARS_MAX``, depth (``_selector_parser.DEPTH_MAX``), digits (``_selector_values.DIGITS_MAX``) and the work of a LIKE
(``_selector_like.STEPS_MAX``). XPATH is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Self

from corewire.errors import CorewireError
from corewire.values import Long
from corewire.wire.conversions import to_bytes, to_string
from corewire.wire.message import java_uuid
from corewire_server.core._selector_closures import truth
from corewire_server.core._selector_lexer import invalid
from corewire_server.core._selector_parser import parse
from corewire_server.core._selector_values import EvaluationFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire.values import PropertyValue
    from corewire.wire.message import CoreMessage
    from corewire_server.core._selector_closures import Lookup

TEXT_CHARS_MAX: Final = 1 << 16

_PREFIX: Final = re.compile(r"(no_)?(convert_string_expressions|hyphenated_props):")


class Filter:
    """
    A selector, compiled and immutable. Two are equal if their texts are.

    ``matches`` needs a look-up that gives, for the name of an identifier, its value in one message: None if it is missing or
    null, else exactly a ``bool``, ``Byte``, ``Short``, ``int`` (of 32 bits), ``Long``, ``Float``, ``float``, ``Char``, ``str`` or
    ``bytes``, as ``corewire.wire.properties`` decodes them.
    """

    __slots__ = ("_truth", "identifiers", "text")

    def __init__(self, text: str) -> None:
        """Compile a text that is not empty. Raises InvalidFilterExpression, which says where and why."""
        if len(text) > TEXT_CHARS_MAX:
            raise invalid(text, TEXT_CHARS_MAX, f"longer than {TEXT_CHARS_MAX} characters")
        start, on = 0, {"convert_string_expressions": False, "hyphenated_props": False}
        while prefix := _PREFIX.match(text, start):
            on[prefix[2]] = prefix[1] is None
            start = prefix.end()
        tree, names = parse(text, start, hyphens=on["hyphenated_props"])
        self.text: Final = text
        self.identifiers: Final = names  #: the names that it may look up, each once, in the order of the text
        self._truth: Final = truth(tree, convert=on["convert_string_expressions"])

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """
        Compile a filter as it came in a packet: None and the empty text are no filter.

        A blank text is invalid: whoever wants it to be none (management and configuration) strips it before. Raises
        InvalidFilterExpression.
        """
        return cls(text) if text else None

    def matches(self, lookup: Lookup) -> bool:
        """Tell whether the selector is true for a message. Unknown is not true, and neither is what cannot be computed."""
        try:
            return self._truth(lookup)
        except (EvaluationFailed, CorewireError):
            return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Filter({self.text!r})"


def interest_of(selector: Filter | None) -> int:
    """What a filter weighs where all of them are limited together, in characters."""
    return 0 if selector is None else len(selector.text)


def lookup_for(message: CoreMessage) -> Lookup:
    """
    Look identifiers up in a message: the headers that filters can name, then the properties, decoded at the first need.

    A name of a header whose value is missing is tried as a property. The look-up raises RemoteProtocolError where the
    properties are no properties, ConversionError or EvaluationFailed where one has not the type that a header needs; to
    ``Filter.matches`` all of these mean no match.
    """

    def lookup(name: str) -> PropertyValue:
        read = _HEADERS.get(name)
        if read is None and name.startswith(_HOPS):
            read = _hops
        if read is not None and (found := read(message)) is not None:
            return found
        return message.properties.get(name)

    return lookup


def _user_id(message: CoreMessage) -> PropertyValue:
    if message.user_id is None:  # a message from AMQP may have an id that is no UUID
        return to_string(message.properties.get("NATIVE_MESSAGE_ID"), "NATIVE_MESSAGE_ID")
    digits = java_uuid(message.user_id).hex()
    return f"ID:{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _hops(message: CoreMessage) -> PropertyValue:
    """Bridges count in bytes; every name that begins like the counter means it."""
    found = to_bytes(message.properties.get(_HOPS), _HOPS)
    if found is not None and len(found) < 4:
        raise EvaluationFailed(f"{_HOPS} has {len(found)} bytes")
    return None if found is None else int.from_bytes(found[:4], "big", signed=True)


_HOPS: Final = "_AMQ_Hops"
_HEADERS: Final[dict[str, Callable[[CoreMessage], PropertyValue]]] = {
    "AMQPriority": lambda message: message.priority,
    "AMQTimestamp": lambda message: Long(message.timestamp),
    "AMQExpiration": lambda message: Long(message.expiration),
    "AMQDurable": lambda message: "DURABLE" if message.durable else "NON_DURABLE",
    "AMQUserID": _user_id,
    "AMQSize": lambda message: len(message.raw),
    "AMQAddress": lambda message: message.address,
    "AMQGroupID": lambda message: to_string(message.properties.get("_AMQ_GROUP_ID"), "_AMQ_GROUP_ID"),
}
