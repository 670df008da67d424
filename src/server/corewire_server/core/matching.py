"""What the identifiers of a filter stand for in a message (Artemis: ``FilterImpl``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.values import Long
from corewire.wire.message import CoreMessage

if TYPE_CHECKING:
    from corewire.values import PropertyValue
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
    """The values of one message, for however many filters: properties are decoded when first asked for, and once."""

    __slots__ = ("_raw", "_read")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._read: CoreMessage | None = None

    @property
    def _message(self) -> CoreMessage:
        if self._read is None:
            self._read = CoreMessage(self._raw)
        return self._read

    def get(self, name: str) -> PropertyValue:
        """The value of an identifier; None if there is none."""
        if name.startswith("AMQ"):
            value = self._header(name)
            if value is not None:
                return value
        value = self._message.properties.get(name)
        if name.startswith("_AMQ_Hops") and isinstance(value, bytes):
            return int.from_bytes(value[:4], "big", signed=True)
        return value

    def _header(self, name: str) -> PropertyValue:
        message = self._message
        match name:
            case "AMQPriority":
                return message.priority
            case "AMQTimestamp":
                return Long(message.timestamp)
            case "AMQExpiration":
                return Long(message.expiration)
            case "AMQDurable":
                return "DURABLE" if message.durable else "NON_DURABLE"
            case "AMQUserID":
                return self._user_id()
            case "AMQSize":
                return len(message.raw)
            case "AMQAddress":
                return message.address
            case "AMQGroupID":
                return message.properties.get("_AMQ_GROUP_ID")
            case _:
                return None

    def _user_id(self) -> PropertyValue:
        raw = self._message.user_id
        if raw is None:
            return self._message.properties.get("NATIVE_MESSAGE_ID")
        return "ID:" + uuid_text(raw)


def uuid_text(raw: bytes) -> str:
    """Sixteen bytes as Java shows a user id: it forces version 1 and the variant, whatever was written."""
    forced = (int.from_bytes(raw, "big") & ~(0xF << 76) & ~(0x3 << 62)) | 1 << 76 | 2 << 62
    text = f"{forced:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
