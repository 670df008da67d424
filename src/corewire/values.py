"""The words that callers and the engine share: Java's number types, destinations, headers, ids; queues, addresses and brokers as they are asked for and told of."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from struct import error as StructError
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, TypedDict

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from corewire.client.config import Endpoint

_FLOAT = Struct(">f")
_INT_MIN, _INT_MAX = -(1 << 31), (1 << 31) - 1
_INT = Struct(">i")
_TWO_INTS = Struct(">ii")
_URL_SAFE = str.maketrans("+/", "-_")


class RoutingType(IntEnum):
    """To whom an address gives a message: to each of its queues, or to one of them."""

    MULTICAST = 0
    ANYCAST = 1


# Where messages are made: an enum looks its members up in Python code.
_MULTICAST: Final = RoutingType.MULTICAST
_ANYCAST: Final = RoutingType.ANYCAST


class MessageType(IntEnum):
    """What the body of a message holds. 7 and 8 carry messages of other protocols between brokers."""

    DEFAULT = 0
    OBJECT = 2
    TEXT = 3
    BYTES = 4
    MAP = 5
    STREAM = 6
    EMBEDDED = 7
    LARGE_EMBEDDED = 8


class AckMode(IntEnum):
    """When a received message counts as consumed (values as in JMS)."""

    AUTO = 1  #: when the application comes back for the next one, or closes the consumer without an exception
    CLIENT = 2  #: acknowledge(): this and everything that the session handed out before
    DUPS_OK = 3  #: as AUTO, but told to the broker in batches
    PRE = 100  #: the broker forgets it before delivery
    INDIVIDUAL = 101  #: acknowledge(): this message only


# -- Java's types ----------------------------------------------------------------------------------------------------
# A Python int travels as Java int if it fits 32 bits, else as long; a float as double. The classes below force the other
# Java types, and are what a decoded value of that type is, so a forwarded message keeps its types.


class _Sized(int):
    """An int of a given number of bits."""

    __slots__ = ()
    BITS = 0

    def __new__(cls, value: int | str = 0) -> Self:
        number = super().__new__(cls, value)
        if not -(1 << (cls.BITS - 1)) <= number < 1 << (cls.BITS - 1):
            raise ValueError(f"{cls.__name__} has {cls.BITS} bits, {int(number)} has more")
        return number

    def __repr__(self) -> str:
        return f"{type(self).__name__}({int(self)})"

    def __str__(self) -> str:
        return int.__repr__(self)


class Byte(_Sized):
    """A Java byte: -128..127. Raises ValueError beyond."""

    __slots__ = ()
    BITS = 8


class Short(_Sized):
    """A Java short: 16 bits, signed. Raises ValueError beyond."""

    __slots__ = ()
    BITS = 16


class Long(_Sized):
    """A Java long: 64 bits, signed, also for small numbers. Raises ValueError beyond."""

    __slots__ = ()
    BITS = 64


class Float(float):
    """A Java float: rounded to 32 bits at once. Raises ValueError if it is too large for that."""

    __slots__ = ()

    def __new__(cls, value: float | str = 0.0) -> Self:
        try:
            (rounded,) = _FLOAT.unpack(_FLOAT.pack(float(value)))
        except OverflowError:
            raise ValueError(f"{value} is too large for a Java float") from None
        return super().__new__(cls, rounded)

    def __repr__(self) -> str:
        return f"Float({float.__repr__(self)})"

    def __str__(self) -> str:
        return float.__repr__(self)


class Char(str):
    """A Java char: one UTF-16 unit, which may be half of a surrogate pair. Raises ValueError otherwise."""

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        if len(value) != 1 or value > "\uffff":
            raise ValueError(f"Char is one character up to U+FFFF, not {value!r}")
        return super().__new__(cls, value)

    def __repr__(self) -> str:
        return f"Char({str.__repr__(self)})"


PropertyValue: TypeAlias = bool | int | float | str | bytes | None


# -- bodies ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Object:
    """Body of an OBJECT message: Java serialisation, opaque and never decoded."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Json:
    """Body of a TEXT message holding JSON; the content type is set to application/json."""

    value: Any


# None: DEFAULT, empty. str: TEXT. bytes-like: BYTES. Mapping: MAP (flat). Sequence: STREAM (flat).
Body: TypeAlias = (
    str | bytes | bytearray | memoryview | Json | Object | Mapping[str, PropertyValue] | Sequence[PropertyValue] | None
)


# -- destinations --------------------------------------------------------------------------------------------------------


def _check_name(name: str) -> None:
    if not name:
        raise ValueError("a destination has a name")


@dataclass(frozen=True, slots=True)
class Queue:
    """Point to point: an anycast queue, ``name`` or ``address::queue``. ``str()`` is what JMSReplyTo carries."""

    name: str
    temporary: bool = False

    def __post_init__(self) -> None:
        _check_name(self.name)

    def __str__(self) -> str:
        return f"temp-queue://{self.name}" if self.temporary else f"queue://{self.name}"

    @property
    def routing_type(self) -> RoutingType:
        """ANYCAST."""
        return _ANYCAST


@dataclass(frozen=True, slots=True)
class Topic:
    """Publish and subscribe: a multicast address. ``str()`` is what JMSReplyTo carries."""

    name: str
    temporary: bool = False

    def __post_init__(self) -> None:
        _check_name(self.name)

    def __str__(self) -> str:
        return f"temp-topic://{self.name}" if self.temporary else f"topic://{self.name}"

    @property
    def routing_type(self) -> RoutingType:
        """MULTICAST."""
        return _MULTICAST


@dataclass(frozen=True, slots=True)
class Address:
    """A bare core address: no routing type is put on messages, nothing is created for it."""

    name: str

    def __post_init__(self) -> None:
        _check_name(self.name)

    def __str__(self) -> str:
        return f"address://{self.name}"

    @property
    def routing_type(self) -> None:
        """None: all queues of the address, of either kind."""
        return None


Destination: TypeAlias = Queue | Topic | Address


def destination(text: str) -> Destination:
    """Read a destination: ``orders`` or ``queue://orders``, ``topic://prices``, ``temp-queue://x``, ``temp-topic://x``, ``address://a``.

    Raises ValueError for another prefix or no name; ``Queue("a://b")`` is there for a queue that is really called so.
    """
    scheme, mark, name = text.partition("://")
    if not mark:
        return Queue(text)
    match scheme:
        case "queue":
            return Queue(name)
        case "topic":
            return Topic(name)
        case "temp-queue":
            return Queue(name, temporary=True)
        case "temp-topic":
            return Topic(name, temporary=True)
        case "address":
            return Address(name)
        case _:
            raise ValueError(
                f"{text!r}: a destination begins queue://, topic://, temp-queue://, temp-topic://, address://"
            )


# -- headers and ids -------------------------------------------------------------------------------------------------------


class Headers(TypedDict, total=False):
    """Everything about a message but its body, as keyword arguments. Absent means the default."""

    durable: bool  #: True
    priority: int  #: 4; 0..9
    ttl: float | timedelta  #: seconds; none
    delivery_delay: float | timedelta  #: seconds; none
    deliver_at: datetime  #: aware; excludes delivery_delay
    properties: Mapping[str, PropertyValue]
    correlation_id: str | bytes
    reply_to: str | Destination
    jms_type: str
    group_id: str
    group_sequence: int  #: -1 closes the group
    duplicate_id: str | bytes
    last_value: str  #: key of a last-value queue
    content_type: str
    message_id: str  #: "ID:<uuid>", of version 1 as uuid.uuid1() makes them (Java changes others); generated


@dataclass(frozen=True, slots=True)
class Xid:
    """Name of a branch of a distributed transaction. Raises ValueError if a part is out of its range.

    ``str()`` is what Artemis writes in its lists and logs, without Java's identity number; `parse` reads both.
    """

    format_id: int  #: 32 bits, signed
    global_transaction_id: bytes  #: 1..64 bytes
    branch_qualifier: bytes  #: 0..64 bytes

    def __post_init__(self) -> None:
        if not _INT_MIN <= self.format_id <= _INT_MAX:
            raise ValueError("format_id has 32 bits")
        if not 1 <= len(self.global_transaction_id) <= 64:
            raise ValueError("global_transaction_id has 1 to 64 bytes")
        if len(self.branch_qualifier) > 64:
            raise ValueError("branch_qualifier has at most 64 bytes")

    def __str__(self) -> str:
        branch, whole = _dotted(self.branch_qualifier), _dotted(self.global_transaction_id)
        return f"Xid (bq:{branch} formatID:{self.format_id} gtxid:{whole} base64:{self.base64})"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``str(xid)``, or a line of the management operation ``listPreparedTransactions``. Raises ValueError for others."""
        _, _, rest = text.partition("bq:")
        branch, _, rest = rest.partition(" formatID:")
        format_id, _, rest = rest.partition(" gtxid:")
        whole, _, _ = rest.partition(" ")
        try:
            return cls(int(format_id), _undotted(whole), _undotted(branch))
        except ValueError as error:
            raise ValueError(f"{text!r} names no branch: {error}") from None

    @property
    def base64(self) -> str:
        """What management operations call it (Artemis: ``XidImpl.toBase64String``). The parts cannot be told from it again.

        Java takes the bytes of the format id modulo 255 there, lowest first, so two ids may look alike.
        """
        form = (self.format_id >> shift for shift in (0, 8, 16, 24))
        tail = bytes((abs(part) % 255 * (1 if part >= 0 else -1)) & 0xFF for part in form)
        text = b2a_base64(self.branch_qualifier + self.global_transaction_id + tail, newline=False)
        return text.decode().translate(_URL_SAFE)

    def to_bytes(self) -> bytes:
        """As it stands in packets and journals: format id, then branch qualifier and global id, each behind its length."""
        branch, whole = self.branch_qualifier, self.global_transaction_id
        head, middle = _TWO_INTS.pack(self.format_id, len(branch)), _INT.pack(len(whole))
        return b"".join((head, branch, middle, whole))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote. Raises ValueError for anything else."""
        try:
            format_id, size = _TWO_INTS.unpack_from(data)
            branch = data[8 : 8 + size]
            (rest,) = _INT.unpack_from(data, 8 + size)
        except StructError:
            raise ValueError(f"{len(data)} bytes are no Xid") from None
        if size < 0 or rest < 0 or 12 + size + rest != len(data):
            raise ValueError(f"the lengths in a Xid of {len(data)} bytes lie")
        return cls(format_id, data[12 + size :], branch)


def _dotted(data: bytes) -> str:
    return ".".join(str(byte - 256 if byte > 127 else byte) for byte in data)


def _undotted(text: str) -> bytes:
    numbers = (int(part) for part in text.split(".")) if text else ()
    return bytes(number + 256 if number < 0 else number for number in numbers)


# -- what a broker is asked and tells ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueConfiguration:
    """A queue to create. Names are Artemis'; None means: as the address settings say. -1 means unlimited or off, as there."""

    name: str
    address: str | None = None  #: None: the name
    routing_type: RoutingType | None = None
    filter_string: str | None = None
    durable: bool = True
    temporary: bool = False
    auto_created: bool = False
    max_consumers: int | None = None
    purge_on_no_consumers: bool | None = None
    exclusive: bool | None = None
    group_rebalance: bool | None = None
    group_rebalance_pause_dispatch: bool | None = None
    group_buckets: int | None = None
    group_first_key: str | None = None
    last_value: bool | None = None
    last_value_key: str | None = None
    non_destructive: bool | None = None
    enabled: bool | None = None
    consumers_before_dispatch: int | None = None
    delay_before_dispatch_ms: int | None = None
    auto_delete: bool | None = None
    auto_delete_delay_ms: int | None = None
    auto_delete_message_count: int | None = None
    ring_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueInfo:
    """Answer to a queue query. With ``exists=False`` the rest are the defaults that a created queue would get."""

    exists: bool
    configuration: QueueConfiguration
    consumer_count: int
    message_count: int
    auto_create_queues: bool
    default_consumer_window_bytes: int | None
    configuration_managed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressInfo:
    """Answer to an address (binding) query."""

    exists: bool
    name: str
    queue_names: Sequence[str]
    routing_types: frozenset[RoutingType]
    auto_create_queues: bool
    auto_create_addresses: bool
    default_purge_on_no_consumers: bool
    default_max_consumers: int
    default_exclusive: bool | None
    default_last_value: bool | None
    default_last_value_key: str | None
    default_non_destructive: bool | None
    default_consumers_before_dispatch: int | None
    default_delay_before_dispatch_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopologyMember:
    """One node of a cluster: a primary, its backup, or both."""

    node_id: str
    primary: Endpoint | None
    backup: Endpoint | None
    backup_group: str | None
    scale_down_group: str | None
    version: int


@dataclass(frozen=True, slots=True)
class Topology:
    """The nodes that a client knows of, in the order in which it heard of them."""

    members: tuple[TopologyMember, ...]
