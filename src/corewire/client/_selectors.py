"""Selectors as JMS writes them, in the names that brokers know: headers have names of their own there."""

from __future__ import annotations

import re
from typing import Final

_CORE: Final = {
    "JMSDeliveryMode": "AMQDurable",
    "JMSExpiration": "AMQExpiration",
    "JMSMessageID": "AMQUserID",
    "JMSPriority": "AMQPriority",
    "JMSTimestamp": "AMQTimestamp",
    "JMSXGroupID": "AMQGroupID",
    # Wherever they stand, as with Java clients: nobody compares anything else with these words.
    "'PERSISTENT'": "'DURABLE'",
    "'NON_PERSISTENT'": "'NON_DURABLE'",
}
_WORD: Final = re.compile(r"'(?:[^']|'')*'|[^\W\d][\w$]*|\$[\w$]*")


def core_selector(selector: str | None) -> str | None:
    """The selector for the broker. Names in double quotes are translated too, texts are not."""
    return None if selector is None else _WORD.sub(lambda word: _CORE.get(word[0], word[0]), selector)
