"""
The construct view of the packets: the reference that the generated codec is tested against, and what ``explain`` reads with.

``fields`` resolves a class's annotations; ``layout`` makes of them a construct ``Struct`` for one version, where everything that
depends on the version is decided. Slow and plain on purpose. The only module beside ``types.py`` that imports construct.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import pairwise
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import construct as c

from corewire.wire import types
from corewire.wire.framing import HEADER_SIZE
from corewire.wire.types import Construct, Group, IfEqual, IfNot, NotOnTheWire, Remaining, Since, Subconstruct
from corewire.wire.versions import Capabilities, capabilities

if TYPE_CHECKING:
    from collections.abc import Iterator

P = TypeVar("P")
_fields: dict[type[object], tuple[Field, ...]] = {}
_layouts: dict[tuple[type[object], int], Construct] = {}


@dataclass(frozen=True, slots=True)
class Field:
    """A field as declared: ``layout`` is None for the count of optional groups, which is not on the wire."""

    name: str
    layout: Construct | None
    since: Since | None
    presence: Remaining | Group | IfEqual | IfNot | None
    default: Any


def _metadata(hint: Any) -> Iterator[Any]:
    """Yield what the ``Annotated``s in ``hint`` say, through unions with None."""
    if get_origin(hint) is Annotated:
        yield from hint.__metadata__
        yield from _metadata(hint.__origin__)
    elif get_origin(hint) in (Union, UnionType):
        for part in get_args(hint):
            if part is not NoneType:
                yield from _metadata(part)


def fields(cls: type[object]) -> tuple[Field, ...]:
    """Return the declared fields of a packet or composite, in wire order."""
    known = _fields.get(cls)
    if known is None:
        known = _fields[cls] = _resolve_fields(cls)
    return known


def _resolve_fields(cls: Any) -> tuple[Field, ...]:
    hints = get_type_hints(cls, localns=vars(types), include_extras=True)
    found: list[Field] = []
    for field in dataclasses.fields(cls):
        marks = list(_metadata(hints[field.name]))
        layouts: list[Construct] = [mark for mark in marks if isinstance(mark, c.Construct)]
        found.append(
            Field(
                name=field.name,
                layout=None if NotOnTheWire in marks else layouts[0],
                since=next((mark for mark in marks if isinstance(mark, Since)), None),
                presence=next((mark for mark in marks if isinstance(mark, Remaining | Group | IfEqual | IfNot)), None),
                default=field.default,
            )
        )
    return tuple(found)


# -- the reference -------------------------------------------------------------------------------------------------------


def _left(stream: Any, path: Any) -> int:
    at = c.stream_tell(stream, path)
    size = c.stream_seek(stream, 0, 2, path)
    c.stream_seek(stream, at, 0, path)
    return int(size - at)


class IfRemaining(Subconstruct):
    """Read if enough bytes are left, written unless None."""

    def __init__(self, subcon: Construct, count: int) -> None:
        super().__init__(subcon)
        self.count = count

    def _parse(self, stream: Any, context: Any, path: Any) -> Any:
        return self.subcon._parsereport(stream, context, path) if _left(stream, path) >= self.count else None

    def _build(self, obj: Any, stream: Any, context: Any, path: Any) -> Any:
        if obj is not None:
            self.subcon._build(obj, stream, context, path)
        return obj


class GroupMember(Subconstruct):
    """A field of an optional group: the first of the group decides whether the group is there."""

    def __init__(self, subcon: Construct, number: int, *, first: bool) -> None:
        super().__init__(subcon)
        self.number, self.first = number, first

    def _parse(self, stream: Any, context: Any, path: Any) -> Any:
        if self.first and _left(stream, path) > 0:
            context["groups_present"] = self.number
        there = context.get("groups_present", 0) >= self.number
        return self.subcon._parsereport(stream, context, path) if there else None

    def _build(self, obj: Any, stream: Any, context: Any, path: Any) -> Any:
        if context["groups_present"] >= self.number:
            self.subcon._build(obj, stream, context, path)
        return obj


class Anchored(Construct):
    """All bytes but the last few, which belong to the fields behind it."""

    def __init__(self, trailer: int) -> None:
        super().__init__()
        self.trailer = trailer

    def _parse(self, stream: Any, context: Any, path: Any) -> bytes:
        return bytes(c.stream_read(stream, _left(stream, path) - self.trailer, path))

    def _build(self, obj: Any, stream: Any, context: Any, path: Any) -> Any:
        c.stream_write(stream, obj, len(obj), path)
        return obj


class Instance(types.Adapter):
    """A composite as an instance of its dataclass."""

    def __init__(self, subcon: Construct, cls: type[object]) -> None:
        super().__init__(subcon)
        self.cls = cls

    def _decode(self, obj: Any, context: Any, path: Any) -> Any:
        return _instance(self.cls, obj)

    def _encode(self, obj: Any, context: Any, path: Any) -> dict[str, Any]:
        return _values(obj)


class ByClassName(Construct):
    """A Java class name, then the composite it stands for."""

    def __init__(self, layouts: dict[str, Instance]) -> None:
        super().__init__()
        self.layouts = layouts

    def _parse(self, stream: Any, context: Any, path: Any) -> Any:
        name = types.STRING._parsereport(stream, context, path)
        if name not in self.layouts:
            raise c.ValidationError(f"unknown type {name!a}", path=path)
        return self.layouts[name]._parsereport(stream, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: Any) -> Any:
        name, layout = next((name, layout) for name, layout in self.layouts.items() if type(obj) is layout.cls)
        types.STRING._build(name, stream, context, path)
        layout._build(obj, stream, context, path)
        return obj


def _instance(cls: type[P], container: Any) -> P:
    return cls(**{field.name: container[field.name] for field in fields(cls)})


def _values(obj: object) -> dict[str, Any]:
    return {field.name: getattr(obj, field.name) for field in fields(obj.__class__)}


def _resolved(node: Construct, allowed: Capabilities, trailer: int) -> Construct:
    """Put layouts where declarations only name them, and decide what depends on the version."""
    match node:
        case types.Variant():
            return _resolved(node.new if getattr(allowed, node.capability) else node.old, allowed, trailer)
        case types.Composite():
            return Instance(layout(node.cls, allowed.version), node.cls)
        case types.Tagged():
            return ByClassName(
                {name: Instance(layout(cls, allowed.version), cls) for name, cls in node.classes.items()}
            )
        case types.Rest():
            return Anchored(trailer)
        case types.Nullable():
            return types.Nullable(_resolved(node.subcon, allowed, trailer), node.present)
        case types.ListOf():
            return types.ListOf(_resolved(node.subcon, allowed, trailer))
        case types.Message1X():
            return types.Message1X(_resolved(node.subcon, allowed, trailer))
        case _:
            return node


def _present(field: Field, node: Construct, *, first: bool) -> Construct:
    match field.presence:
        case Remaining(count):
            return IfRemaining(node, count)
        case Group(number):
            return GroupMember(node, number, first=first)
        case IfEqual(name, value):
            return c.If(lambda this: this[name] == value, node)
        case IfNot(name, value):
            return c.If(lambda this: this[name] != value, node)
        case _:
            return node


def layout(cls: type[object], version: int) -> Construct:
    """Return the construct ``Struct`` of a packet's payload, or of a composite, as ``version`` has it."""
    known = _layouts.get((cls, version))
    if known is None:
        known = _layouts[cls, version] = _make_layout(cls, version)
    return known


def _make_layout(cls: type[object], version: int) -> Construct:
    allowed = capabilities(version)
    nodes: list[Construct] = []
    trailer, declared = 0, fields(cls)
    for at in range(len(declared) - 1, -1, -1):  # from the end, so that what is anchored there is known
        field = declared[at]
        if field.layout is None:
            node: Construct = c.Computed(lambda this: this.get("groups_present", 0))
        elif field.since is not None and not getattr(allowed, field.since.capability):
            node = c.Computed(field.default)
        else:
            first = at == 0 or declared[at - 1].presence != field.presence
            inner = _resolved(field.layout, allowed, trailer)
            node = _present(field, inner, first=first)
            trailer += _size(inner)
        nodes.append(field.name / node)
    return c.Struct(*reversed(nodes))


def _size(node: Construct) -> int:
    try:
        return node.sizeof()
    except c.SizeofError:
        return 0


def parse(cls: type[P], payload: bytes, version: int) -> tuple[P, int]:
    """Decode a payload: the packet, and how many bytes it has. Raises construct's and codecs' own errors."""
    whole = c.Struct("value" / layout(cls, version), "size" / c.Tell).parse(payload)
    return _instance(cls, whole.value), int(whole.size)


def build(packet: object, version: int) -> bytes:
    """Encode a packet's payload. Raises construct's own errors."""
    payload: bytes = layout(packet.__class__, version).build(_values(packet))
    return payload


def located(cls: type[object], frame: bytes, version: int) -> list[tuple[int, str, Any]]:
    """Return where each field of a frame that can be decoded begins, its name and its value; absent ones are left out."""
    struct: Any = layout(cls, version)
    nodes = [node for sub in struct.subcons for node in (f"{sub.name}@" / c.Tell, sub)]
    found = c.Struct(*nodes, "@" / c.Tell).parse(frame[HEADER_SIZE:])
    names = [field.name for field in fields(cls)]
    marks = [int(found[f"{name}@"]) for name in (*names, "")]
    return [
        (HEADER_SIZE + start, name, found[name])
        for name, (start, end) in zip(names, pairwise(marks), strict=True)
        if end > start
    ]
