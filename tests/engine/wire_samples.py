"""One whole packet of every class, and every way to change one field of it, from the declarations."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from corewire import values
from corewire.wire import packets, spec, types
from corewire.wire.types import Group, IfEqual, IfNot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corewire.wire.spec import Field
    from corewire.wire.types import Construct

PACKETS: list[Any] = sorted(
    (cls for cls in (getattr(packets, name) for name in dir(packets)) if hasattr(cls, "TYPE")),
    key=lambda cls: cls.NAME,
)
SIMPLE: dict[Construct, list[Any]] = {
    types.BYTE: [0, 1, -128, 127],
    types.INT: [1, 0, -(2**31), 2**31 - 1],
    types.LONG: [1, 0, -(2**63), 2**63 - 1],
    types.DOUBLE: [0.5, -1.0],
    types.BOOL: [False, True],
    types.DATA: [b"data", b"dat", b""],
    types.STRING: ["text", "t\ud800xt", "a longer text", "a longer t\u00e9xt", ""],
    types.SIMPLE_STRING: ["text", "t\ud800xt", ""],
    types.PARAMETERS: [{"key": "text"}, {"key": True}, {"key": 1}, {"key": values.Long(1)}, {"other": "text"}, {}],
}


def is_there(field: Field, given: dict[str, Any]) -> bool:
    """Tell whether a field is on the wire, given the values of the fields that it hangs on."""
    match field.presence:
        case IfEqual(name, wanted):
            return bool(given[name] == wanted)
        case IfNot(name, wanted):
            return bool(given[name] != wanted)
        case Group(number):
            return bool(given["groups_present"] >= number)
        case _:
            return True


def conditions(cls: type[object], wanted: str) -> dict[str, Any]:
    """Return the values that other fields must have for one to be there."""
    presence = next(field.presence for field in spec.fields(cls) if field.name == wanted)
    return {presence.field: presence.value} if isinstance(presence, IfEqual) else {}


def sample(cls: type[Any], **given: Any) -> Any:
    """A packet or composite with all its optional groups and the given values."""
    whole = {field.name: field.default for field in spec.fields(cls) if field.layout is None} | given
    for field in spec.fields(cls):
        if not is_there(field, whole):
            whole[field.name] = None
        elif field.name not in whole:
            assert field.layout is not None
            whole[field.name] = next(variants(field.layout))
    return cls(**whole)


def changes(cls: type[object], name: str, packet: Any) -> Iterator[Any]:
    """Yield other values for a field."""
    field = next(field for field in spec.fields(cls) if field.name == name)
    present = getattr(packet, name)
    if field.layout is None:
        yield from range(present)
    else:
        yield from (value for value in variants(field.layout) if repr(value) != repr(present))


def variants(node: Construct) -> Iterator[Any]:
    """Yield values that are all different, none of them None but where null is a value of its own."""
    match node:
        case types.Variant():
            if isinstance(node.new, types.Rest):
                yield from (b"\0\0\0\x0d" + bytes(30), b"\0\0\0\x0e" + bytes(30), b"\0\0\0\x0d" + bytes(31))
            else:
                yield from (0, 1, 2)
        case types.Nullable():
            yield from variants(node.subcon)
            yield None
        case types.OptionalData():
            yield from (b"data", b"", None)
        case types.ListOf():
            items = list(variants(node.subcon))
            yield from ([item] for item in items)
            yield from ([items[0], items[0]], [])
        case types.Composite():
            yield from of_class(node.cls)
        case types.Tagged():
            for cls in node.classes.values():
                yield from of_class(cls)
        case types.Known():
            yield from node.values
        case types.Rest():
            yield from (b"rest", b"res", b"")
        case _:
            yield from SIMPLE[node]


def of_class(cls: type[Any]) -> Iterator[Any]:
    """Yield a composite and all that differ from it in one field."""
    yield sample(cls)
    for field in spec.fields(cls):
        needed = conditions(cls, field.name)
        base = sample(cls, **needed)
        yield from (
            dataclasses.replace(sample(cls, **needed, **{field.name: value}))
            for value in changes(cls, field.name, base)
        )
