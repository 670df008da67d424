"""
The wire's vocabulary: every type that a field of a packet may have, each an ordinary Python type annotated with its layout.

A packet is a dataclass whose annotations name these types, so it reads like the specification (docs/protocol/packets.md).
``spec.py`` turns the annotations into a construct ``Struct``, and ``scripts/gen_codec.py`` walks the same declarations to write
``_codec/``. Only those two need this module at run time; packet modules import it for type checkers alone, so that
construct is not needed to speak the protocol.

What stands beside the layout in an ``Annotated`` says when the field is on the wire at all:

- ``Since(capability)``: only if the negotiated version has that capability (``versions.Capabilities``); otherwise the field
  has its default.
- ``Remaining(n)``: written unless None; read if at least n bytes are left, else None.
- ``Group(n)``: belongs to optional group n at the end of the packet. Old writers stop after some group, so the packet's
  field ``groups_present`` tells how many are there; fields of absent groups are None.
- ``IfEqual(field, value)`` and ``IfNot(field, value)``: depends on an earlier field; otherwise None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import construct as c

from corewire import values
from corewire.wire.packets import composites, federation
from corewire.wire.primitives import parameter_tag

if TYPE_CHECKING:
    Adapter = c.Adapter[Any, Any, Any, Any]
    Construct = c.Construct[Any, Any]
    Subconstruct = c.Subconstruct[Any, Any, Any, Any]
else:
    Adapter, Construct, Subconstruct = c.Adapter, c.Construct, c.Subconstruct

# -- when a field is on the wire ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Since:
    capability: str


@dataclass(frozen=True, slots=True)
class Remaining:
    count: int = 1


@dataclass(frozen=True, slots=True)
class Group:
    number: int


@dataclass(frozen=True, slots=True)
class IfEqual:
    field: str
    value: int | bool | None


@dataclass(frozen=True, slots=True)
class IfNot:
    field: str
    value: int | bool | None


class NotOnTheWire:
    """The field counts the groups that are."""


# -- layouts ---------------------------------------------------------------------------------------------------------------


class Boolean(Adapter):
    """One byte: FF or 00; any other but 00 is read as true."""

    def _decode(self, obj: Any, context: Any, path: Any) -> bool:
        return bool(obj != 0)

    def _encode(self, obj: Any, context: Any, path: Any) -> int:
        return 0xFF if obj else 0


class Known(Adapter):
    """A number out of a list: any other is an error, because what follows depends on it."""

    def __init__(self, subcon: Construct, *values: int) -> None:
        super().__init__(subcon)
        self.values = values

    def _decode(self, obj: Any, context: Any, path: Any) -> int:
        if obj not in self.values:
            raise c.ValidationError(f"unknown type {obj}", path=path)
        return int(obj)

    _encode = _decode


class Text(Adapter):
    """Bytes that are UTF-16 units; a lone surrogate is a unit like any other."""

    def __init__(self, subcon: Construct, encoding: str) -> None:
        super().__init__(subcon)
        self.encoding = encoding

    def _decode(self, obj: Any, context: Any, path: Any) -> str:
        return bytes(obj).decode(self.encoding, "surrogatepass")

    def _encode(self, obj: Any, context: Any, path: Any) -> bytes:
        return str(obj).encode(self.encoding, "surrogatepass")


class Units(Adapter):
    """CESU-8: each UTF-16 unit by itself in one to three bytes."""

    def _decode(self, obj: Any, context: Any, path: Any) -> str:
        units = bytes(obj).decode("utf-8", "surrogatepass")
        if any(unit > "\uffff" for unit in units):
            raise c.StringError("a unit of four bytes", path=path)
        return "".join(units).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")

    def _encode(self, obj: Any, context: Any, path: Any) -> bytes:
        raw = str(obj).encode("utf-16-le", "surrogatepass")
        units = (raw[at] | raw[at + 1] << 8 for at in range(0, len(raw), 2))
        return b"".join(chr(unit).encode("utf-8", "surrogatepass") for unit in units)


def unit_count(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class JavaString(Construct):
    """The number of UTF-16 units, then one of three encodings chosen by that number."""

    _SHORT, _LONG = 9, 4095

    def _form(self, units: int) -> Construct:
        if units < self._SHORT:
            return Text(c.Bytes(2 * units), "utf-16-be")
        return Units(c.Prefixed(c.Int16ub, c.GreedyBytes)) if units < self._LONG else SIMPLE_STRING

    def _parse(self, stream: Any, context: Any, path: Any) -> str:
        units = int(c.Int32sb._parsereport(stream, context, path))
        text = str(self._form(units)._parsereport(stream, context, path))
        if unit_count(text) != units:
            raise c.StringError(f"{unit_count(text)} units where {units} were announced", path=path)
        return text

    def _build(self, obj: Any, stream: Any, context: Any, path: Any) -> Any:
        units = unit_count(obj)
        c.Int32sb._build(units, stream, context, path)
        self._form(units)._build(obj, stream, context, path)
        return obj


class Nullable(Subconstruct):
    """A byte that is 00 for null, then the value; writers mark presence by 01 or, where the flag is a packet's bool, FF."""

    def __init__(self, subcon: Construct, present: int) -> None:
        super().__init__(subcon)
        self.present = present

    def _parse(self, stream: Any, context: Any, path: Any) -> Any:
        if c.stream_read(stream, 1, path) == b"\0":
            return None
        return self.subcon._parsereport(stream, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: Any) -> Any:
        c.stream_write(stream, bytes([0 if obj is None else self.present]), 1, path)
        if obj is not None:
            self.subcon._build(obj, stream, context, path)
        return obj


class OptionalData(Construct):
    """Length and bytes, where a length of -1 says that there is nothing at all."""

    def _parse(self, stream: Any, context: Any, path: Any) -> bytes | None:
        size = int(c.Int32sb._parsereport(stream, context, path))
        return None if size == -1 else bytes(c.stream_read(stream, size, path))

    def _build(self, obj: Any, stream: Any, context: Any, path: Any) -> Any:
        c.Int32sb._build(-1 if obj is None else len(obj), stream, context, path)
        c.stream_write(stream, obj or b"", len(obj or b""), path)
        return obj


class ListOf(Subconstruct):
    """A count, then as many values."""

    def _parse(self, stream: Any, context: Any, path: Any) -> list[Any]:
        count = int(c.Int32sb._parsereport(stream, context, path))
        if count < 0:
            raise c.RangeError(f"negative count {count}", path=path)
        return [self.subcon._parsereport(stream, context, path) for _ in range(count)]

    def _build(self, obj: Any, stream: Any, context: Any, path: Any) -> Any:
        c.Int32sb._build(len(obj), stream, context, path)
        for item in obj:
            self.subcon._build(item, stream, context, path)
        return obj


class Parameters(Adapter):
    """A connector's parameters: pairs of a key and a tagged value, in the order of the sender's hash map."""

    def _decode(self, obj: Any, context: Any, path: Any) -> dict[str, Any]:
        return {pair.key: values.Long(pair.value) if pair.tag == _LONG else pair.value for pair in obj}

    def _encode(self, obj: Any, context: Any, path: Any) -> list[dict[str, Any]]:
        return [{"key": key, "tag": parameter_tag(value), "value": value} for key, value in obj.items()]


class Composite(Construct):
    """A dataclass of ``packets/composites.py`` or ``packets/federation.py``; ``spec.py`` puts its layout here."""

    def __init__(self, cls: type[object]) -> None:
        super().__init__()
        self.cls = cls


class Tagged(Construct):
    """The name of a Java class, then the composite that has its fields."""

    def __init__(self, **classes: type[object]) -> None:
        super().__init__()
        self.classes = {f"{federation.JAVA_PACKAGE}.{name}": cls for name, cls in classes.items()}


class Variant(Construct):
    """Another layout for peers without the capability."""

    def __init__(self, capability: str, new: Construct, old: Construct) -> None:
        super().__init__()
        self.capability, self.new, self.old = capability, new, old


class Rest(Construct):
    """All bytes up to the fields that are anchored at the end of the frame; ``spec.py`` knows how many those have."""


class Message1X(Adapter):
    """The message as 1.x peers write it: positions in the frame, and one more between body and headers."""

    def _decode(self, obj: Any, context: Any, path: Any) -> bytes:
        raw = bytes(obj)
        body_end = int.from_bytes(raw[:4], "big", signed=True) - 13
        if not 4 <= body_end <= len(raw) - 4:
            raise c.RangeError("the body's end lies outside the message", path=path)
        if int.from_bytes(raw[body_end : body_end + 4], "big", signed=True) != len(raw) + 13:
            raise c.RangeError("the message's end is not where it is said to be", path=path)
        return (body_end + 9).to_bytes(4, "big") + raw[4:body_end] + raw[body_end + 4 :]

    def _encode(self, obj: Any, context: Any, path: Any) -> bytes:
        raw = bytes(obj)
        body_end = int.from_bytes(raw[:4], "big", signed=True) - 9
        if not 4 <= body_end <= len(raw):
            raise c.RangeError("the body's end lies outside the message", path=path)
        end_of_body, end_of_message = (body_end + 13).to_bytes(4, "big"), (len(raw) + 17).to_bytes(4, "big")
        return end_of_body + raw[4:body_end] + end_of_message + raw[body_end:]


class UpdateOrAdd(Adapter):
    """Before 2.18 a record was an update or not; now 0 is update, 1 is add."""

    def _decode(self, obj: Any, context: Any, path: Any) -> int:
        return 0 if obj else 1

    def _encode(self, obj: Any, context: Any, path: Any) -> bool:
        return bool(obj == 0)


BYTE, INT, LONG, DOUBLE = c.Int8sb, c.Int32sb, c.Int64sb, c.Float64b
BOOL = Boolean(c.Int8ub)
DATA = c.Prefixed(INT, c.GreedyBytes)
SIMPLE_STRING = Text(DATA, "utf-16-le")
STRING = JavaString()
_LONG = 2
_VALUES: dict[Any, Construct] = {0: BOOL, 1: INT, _LONG: LONG, 3: STRING}
PARAMETERS = Parameters(
    ListOf(c.Struct("key" / STRING, "tag" / BYTE, "value" / c.Switch(c.this.tag, _VALUES, default=c.Error)))
)
_01, _FF = 0x01, 0xFF

# -- the names that packets use ------------------------------------------------------------------------------------------

Byte: TypeAlias = Annotated[int, BYTE]
Int: TypeAlias = Annotated[int, INT]
Long: TypeAlias = Annotated[int, LONG]
Double: TypeAlias = Annotated[float, DOUBLE]
Bool: TypeAlias = Annotated[bool, BOOL]
String: TypeAlias = Annotated[str, STRING]
SimpleString: TypeAlias = Annotated[str, SIMPLE_STRING]
Data: TypeAlias = Annotated[bytes, DATA]
NullableString: TypeAlias = Annotated[str | None, Nullable(STRING, _01)]
NullableSimpleString: TypeAlias = Annotated[str | None, Nullable(SIMPLE_STRING, _01)]
NullableBool: TypeAlias = Annotated[bool | None, Nullable(BOOL, _FF)]
NullableInt: TypeAlias = Annotated[int | None, Nullable(INT, _FF)]
NullableLong: TypeAlias = Annotated[int | None, Nullable(LONG, _FF)]
BufferNullableBool: TypeAlias = Annotated[bool | None, Nullable(BOOL, _01)]
BufferNullableInt: TypeAlias = Annotated[int | None, Nullable(INT, _01)]
BufferNullableLong: TypeAlias = Annotated[int | None, Nullable(LONG, _01)]

Bytes: TypeAlias = Annotated[list[int], ListOf(BYTE)]
Longs: TypeAlias = Annotated[list[int], ListOf(LONG)]
Strings: TypeAlias = Annotated[list[str], ListOf(STRING)]
SimpleStrings: TypeAlias = Annotated[list[str], ListOf(SIMPLE_STRING)]
ConnectorParameters: TypeAlias = Annotated[dict[str, bool | int | str], PARAMETERS]

Operation: TypeAlias = Annotated[int, Variant("replication_operation", BYTE, UpdateOrAdd(BOOL))]
PageNumber: TypeAlias = Annotated[int, Variant("long_page_numbers", LONG, INT)]
Message: TypeAlias = Annotated[bytes, Variant("new_addressing", Rest(), Message1X(Rest()))]
Remainder: TypeAlias = Annotated[bytes, Rest()]
FileType: TypeAlias = Annotated[int, Known(BYTE, 0, 1, 2)]
PersisterId: TypeAlias = Annotated[int, Known(BYTE, 1)]
MaybeData: TypeAlias = Annotated[bytes | None, OptionalData()]

Xid: TypeAlias = Annotated[composites.Xid, Composite(composites.Xid)]
Xids: TypeAlias = Annotated[list[composites.Xid], ListOf(Composite(composites.Xid))]
Connector: TypeAlias = Annotated[composites.TransportConfiguration, Composite(composites.TransportConfiguration)]
OptionalConnector: TypeAlias = Annotated[
    composites.TransportConfiguration | None, Nullable(Composite(composites.TransportConfiguration), _FF)
]
PagedMessage: TypeAlias = Annotated[composites.PagedMessage, Composite(composites.PagedMessage)]
PersistedMessage: TypeAlias = Annotated[composites.PersistedMessage, Composite(composites.PersistedMessage)]
OptionalCredentials: TypeAlias = Annotated[
    federation.FederationCredentials | None, Nullable(Composite(federation.FederationCredentials), _FF)
]
FederationPolicies: TypeAlias = Annotated[
    list[federation.FederationPolicy],
    ListOf(
        Tagged(
            FederationQueuePolicyConfiguration=federation.FederationQueuePolicy,
            FederationAddressPolicyConfiguration=federation.FederationAddressPolicy,
            FederationPolicySet=federation.FederationPolicySet,
        )
    ),
]
FederationTransformers: TypeAlias = Annotated[
    list[federation.FederationTransformer], ListOf(Composite(federation.FederationTransformer))
]
TransformerProperties: TypeAlias = Annotated[
    list[federation.TransformerProperty], ListOf(Composite(federation.TransformerProperty))
]
QueueMatchers: TypeAlias = Annotated[list[federation.QueueMatcher], ListOf(Composite(federation.QueueMatcher))]
FederationConnection: TypeAlias = Annotated[federation.FederationConnection, Composite(federation.FederationConnection)]
FederationStream: TypeAlias = Annotated[federation.FederationStream, Composite(federation.FederationStream)]
GroupCount: TypeAlias = Annotated[int, NotOnTheWire]
