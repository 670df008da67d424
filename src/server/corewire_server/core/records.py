"""
The records of the core: which kinds there are, what is in their bodies. What they do to memory is ``store.py``.

| kind | op, id | body |
|---|---|---|
| IDS | ADD, the limit itself | empty: no id above this one was given out yet |
| ADDRESS | ADD or UPDATE, id of the address | name, routing types, auto-created |
| QUEUE | ADD, id of the queue | name, address, attributes |
| MESSAGE | ADD, id of the message | queue ids, then the message with its id in it |
| TAKEN | UPDATE, id of the message | queue id: this queue is done with it. The last one is a DELETE |
| DELIVERIES | UPDATE, id of the message | queue id, how often it was delivered |
| DUPLICATE | ADD, an id of its own | address, duplicate id |
"""

from __future__ import annotations

from dataclasses import fields
from enum import IntEnum
from struct import Struct
from typing import TYPE_CHECKING, Final

from corewire.values import QueueConfiguration, RoutingType
from corewire_server.core import plain
from corewire_server.records import Op, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    _New = Callable[[type[Record], tuple[int, int, int, bytes, int]], Record]

_COUNT: Final = Struct(">I")
_LONG: Final = Struct(">q")
_TWO: Final = Struct(">qi")


class Kind(IntEnum):
    """What a record is about."""

    IDS = 1
    ADDRESS = 2
    QUEUE = 3
    MESSAGE = 4
    TAKEN = 5
    DELIVERIES = 6
    DUPLICATE = 7


_ADD: Final = int(Op.ADD)
_UPDATE: Final = int(Op.UPDATE)
_DELETE: Final = int(Op.DELETE)
_MESSAGE: Final = int(Kind.MESSAGE)
_TAKEN: Final = int(Kind.TAKEN)
# For the two records that durable messages make: half the time of calling the class.
_new: Final[_New] = tuple.__new__  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def delete(record_id: int) -> Record:
    """What had this id is over."""
    return _new(Record, (_DELETE, record_id, 0, b"", 0))


def ids(limit: int) -> Record:
    """Ids up to the limit may be given out."""
    return Record(_ADD, limit, Kind.IDS)


def address(op: Op, record_id: int, name: str, routing_types: frozenset[RoutingType], *, auto_created: bool) -> Record:
    """An address is there, or has other routing types now."""
    types: list[plain.Plain] = [int(one) for one in sorted(routing_types)]
    body = plain.encode([name, types, auto_created])
    return Record(op, record_id, Kind.ADDRESS, body)


def read_address(body: bytes) -> tuple[str, frozenset[RoutingType], bool]:
    """Name, routing types, auto-created."""
    match plain.decode(body):
        case [str(name), list(types), bool(auto_created)]:
            return name, frozenset(RoutingType(one) for one in types if isinstance(one, int)), auto_created
        case other:
            raise ValueError(f"no address record: {other!r}")


def queue(queue_id: int, config: QueueConfiguration) -> Record:
    """A queue is there."""
    return Record(_ADD, queue_id, Kind.QUEUE, plain.encode(queue_to_plain(config)))


def queue_to_plain(config: QueueConfiguration) -> plain.Plain:
    """A queue's attributes as a table."""
    values = {field.name: getattr(config, field.name) for field in fields(config)}
    return {name: int(value) if isinstance(value, RoutingType) else value for name, value in values.items()}


def read_queue(value: plain.Plain) -> QueueConfiguration:
    """The attributes again."""
    if not isinstance(value, dict) or not isinstance(value.get("routing_type"), int):
        raise TypeError(f"no queue record: {value!r}")
    table = {**value, "routing_type": RoutingType(value["routing_type"])}  # type: ignore[arg-type]
    return QueueConfiguration(**table)  # type: ignore[arg-type]


def queue_from_bytes(body: bytes) -> QueueConfiguration:
    """The attributes of a QUEUE record. Raises ValueError."""
    return read_queue(plain.decode(body))


def message(message_id: int, raw: bytes, queue_ids: Sequence[int]) -> Record:
    """A message is in these queues."""
    return Record(_ADD, message_id, _MESSAGE, b"".join((_COUNT.pack(len(queue_ids)), *map(_LONG.pack, queue_ids), raw)))


def record_bytes(raw: bytes, queues: int) -> int:
    """How large the body of a message's record is."""
    return _COUNT.size + _LONG.size * queues + len(raw)


def message_in_one(message_id: int, raw: bytes, queue: bytes) -> Record:
    """A message is in one queue, whose id is given by ``raw_id``."""
    return _new(Record, (_ADD, message_id, _MESSAGE, queue + raw, 0))


def raw_id(queue_id: int) -> bytes:
    """What begins the body of a message that is in this queue only."""
    return _COUNT.pack(1) + _LONG.pack(queue_id)


def read_message(body: bytes) -> tuple[list[int], bytes]:
    """Queue ids and the message."""
    (count,) = _COUNT.unpack_from(body)
    start = _COUNT.size
    end = start + 8 * count
    return [_LONG.unpack_from(body, at)[0] for at in range(start, end, 8)], body[end:]


def taken(message_id: int, queue_id: int) -> Record:
    """A queue is done with a message that others still have."""
    return Record(_UPDATE, message_id, _TAKEN, _LONG.pack(queue_id))


def read_taken(body: bytes) -> int:
    """The queue's id."""
    queue_id: int = _LONG.unpack(body)[0]
    return queue_id


def deliveries(message_id: int, queue_id: int, count: int) -> Record:
    """A message came back to a queue and has been delivered so often."""
    return Record(_UPDATE, message_id, Kind.DELIVERIES, _TWO.pack(queue_id, count))


def read_deliveries(body: bytes) -> tuple[int, int]:
    """The queue's id and the count."""
    queue_id, count = _TWO.unpack(body)
    return queue_id, count


def duplicate(record_id: int, name: str, key: bytes) -> Record:
    """A duplicate id was used at an address."""
    return Record(_ADD, record_id, Kind.DUPLICATE, plain.encode([name, key]))


def read_duplicate(body: bytes) -> tuple[str, bytes]:
    """The address and the duplicate id."""
    match plain.decode(body):
        case [str(name), bytes(key)]:
            return name, key
        case other:
            raise ValueError(f"no duplicate record: {other!r}")
