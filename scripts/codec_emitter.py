"""
What ``gen_codec.py`` writes of one packet or composite: the two functions that encode and decode it.

Walks what ``corewire.wire.spec.fields`` resolves, so there is one source for the reference and the codec. Neighbouring fields of
fixed size become one ``struct`` call; everything else is a call of ``corewire.wire.primitives``.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from corewire.wire import spec, types
from corewire.wire.types import Construct, Group, IfEqual, IfNot, Remaining, Since

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from corewire.wire.spec import Field


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def qualified(cls: type[object]) -> str:
    """Return how generated code names a class: of packets, a module has those of its own family only."""
    module = "packets" if hasattr(cls, "TYPE") else cls.__module__.rpartition(".")[2]
    return f"{module}.{cls.__name__}"


# -- one value ---------------------------------------------------------------------------------------------------------

STRUCT_CODES = {types.BYTE: "b", types.INT: "i", types.LONG: "q", types.DOUBLE: "d", types.BOOL: "?"}
SIZES = {"b": 1, "?": 1, "i": 4, "q": 8, "d": 8}
NAMES = {
    types.BYTE: "byte",
    types.INT: "int",
    types.LONG: "long",
    types.BOOL: "bool",
    types.DATA: "data",
    types.SIMPLE_STRING: "simple_string",
    types.STRING: "string",
    types.PARAMETERS: "parameters",
}


def value_name(node: Construct) -> str | None:
    """Return the name that the reader and the writer of this layout share, if they need no more arguments."""
    if node in NAMES:
        return NAMES[node]
    match node:
        case types.OptionalData():
            return "optional_data"
        case types.UpdateOrAdd():
            return "update"
        case types.Composite():
            return snake(node.cls.__name__)
        case _:
            return None


def reader(node: Construct, frame: str = "frame, at, end") -> str:
    """Return the expression that reads a value and where it ends."""
    name = value_name(node)
    if name is not None:
        return f"read_{name}({frame})"
    match node:
        case types.Nullable():
            return f"read_nullable({frame}, {function('read', node.subcon)})"
        case types.ListOf():
            return f"read_list({frame}, {function('read', node.subcon)})"
        case types.Known():
            return f"read_known({frame}, {node.values!r})"
        case _:
            raise TypeError(f"no reader for {node!r}")


def writer(node: Construct, value: str) -> str:
    """Return the expression that is a value's bytes."""
    name = value_name(node)
    if name is not None:
        return f"put_{name}({value})"
    match node:
        case types.Nullable():
            flag = "FLAG" if node.present == 0xFF else "PRESENT"
            return f"put_nullable({value}, {function('put', node.subcon)}, {flag})"
        case types.ListOf():
            return f"put_list({value}, {function('put', node.subcon)})"
        case types.Known():
            return f"put_known({value}, {node.values!r})"
        case types.Variant():
            new, old = writer(node.new, value), writer(node.old, value)
            return f"{new} if allowed.{node.capability} else {old}"
        case types.Rest():
            return value
        case types.Message1X():
            return f"put_message_1x({value})"
        case _:
            raise TypeError(f"no writer for {node!r}")


def function(verb: str, node: Construct) -> str:
    if isinstance(node, types.Tagged):
        return f"{verb}_policy"
    name = value_name(node)
    if name is None:
        raise TypeError(f"no function for {node!r}")
    return f"{verb}_{name}"


def takes_none(node: Construct) -> bool:
    return isinstance(node, types.Nullable | types.OptionalData)


def is_rest(node: Construct) -> bool:
    return isinstance(node, types.Rest) or (isinstance(node, types.Variant) and is_rest(node.new))


# -- one packet ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Condition:
    """When a run of neighbouring fields is on the wire."""

    since: Since | None
    presence: Remaining | Group | IfEqual | IfNot | None

    @property
    def always(self) -> bool:
        return self.since is None and self.presence is None

    @property
    def may_end_before(self) -> bool:
        """Tell whether None is how a packet says that the field is absent."""
        return isinstance(self.presence, Remaining)

    def gate(self) -> str:
        return "" if self.since is None else f"allowed.{self.since.capability}"

    def when_writing(self, first: str) -> str:
        match self.presence:
            case Remaining():
                return f"value.{first} is not None"
            case Group(number):
                return f"value.groups_present >= {number}"
            case _:
                return self.comparison("value.")

    def when_reading(self) -> str:
        match self.presence:
            case Remaining(count):
                return f"end - at >= {count}"
            case Group():
                return "at < end"
            case _:
                return self.comparison("")

    def comparison(self, owner: str) -> str:
        if not isinstance(self.presence, IfEqual | IfNot):
            return ""
        name, wanted, equal = f"{owner}{self.presence.field}", self.presence.value, isinstance(self.presence, IfEqual)
        if wanted is False:
            return f"not {name}" if equal else name
        operators = ("is", "is not") if wanted is None else ("==", "!=")
        return f"{name} {operators[not equal]} {wanted!r}"


@dataclass
class Emitter:
    """Collects the lines of one class's two functions."""

    cls: type[object]
    structs: set[str]
    lines: list[str] = field(default_factory=list)
    anchored: bool = False  # what follows was counted from the frame's end, so it is there

    def __post_init__(self) -> None:
        self.fields = spec.fields(self.cls)
        self.packet = hasattr(self.cls, "TYPE")
        self.qualified = qualified(self.cls)
        hints = inspect.get_annotations(self.cls)
        self.optional = {name for name, hint in hints.items() if "None" in str(hint)} | {
            item.name for item in self.fields if item.layout is not None and takes_none(item.layout)
        }

    def runs(self) -> Iterator[tuple[Condition, list[Field]]]:
        """Yield neighbouring fields that are there under one condition."""
        on_the_wire = [item for item in self.fields if item.layout is not None]
        for condition, run in groupby(on_the_wire, key=lambda item: Condition(item.since, item.presence)):
            yield condition, list(run)

    def fused(self, run: list[Field]) -> Iterator[list[Field]]:
        """Cut a run into single fields and stretches of fixed size."""
        for fixed, stretch in groupby(run, key=lambda item: item.layout in STRUCT_CODES):
            if fixed:
                yield list(stretch)
            else:
                yield from ([item] for item in stretch)

    def struct(self, stretch: list[Field], boolean: str) -> str:
        """Return the name of the Struct; a bool is read as ``?`` and written as ``b``, -1 for true."""
        codes = "".join(STRUCT_CODES[item.layout] for item in stretch).replace("?", boolean)
        self.structs.add(codes)
        return "_" + codes.replace("?", "B")

    # -- encoding

    def encode(self) -> list[str]:
        name, arguments = snake(self.cls.__name__), ", allowed: Capabilities" if self.packet else ""
        prefix = "encode" if self.packet else "put"
        body = self.encode_body()
        return ["", "", f"def {prefix}_{name}(value: {self.qualified}{arguments}) -> bytes:", *indented(body)]

    def encode_body(self) -> list[str]:
        runs = list(self.runs())
        if all(condition.always for condition, _ in runs):
            parts = [part for _, run in runs for part in self.parts(run)]
            if len(parts) > 1:
                return [f"return b''.join(({', '.join(parts)}))"]
            return [f"return {parts[0] if parts else 'b' + repr('')}"]
        lines = ["parts: list[bytes] = []"]
        for condition, run in runs:
            optional = not condition.always and not condition.may_end_before
            added = [f"parts.append({part})" for part in self.parts(run, optional=optional)]
            terms = [term for term in (condition.gate(), condition.when_writing(run[0].name)) if term]
            lines += [f"if {' and '.join(terms)}:", *indented(added)] if terms else added
        return [*lines, "return b''.join(parts)"]

    def parts(self, run: list[Field], *, optional: bool = False) -> Iterator[str]:
        for stretch in self.fused(run):
            first = stretch[0]
            assert first.layout is not None
            if first.layout not in STRUCT_CODES:
                yield writer(first.layout, self.argument(first, optional=optional))
                continue
            values = [
                ("-" if item.layout is types.BOOL else "") + self.argument(item, optional=optional) for item in stretch
            ]
            yield f"{self.struct(stretch, 'b')}.pack({', '.join(values)})"

    def argument(self, item: Field, *, optional: bool) -> str:
        if optional and item.name in self.optional and item.layout is not None and not takes_none(item.layout):
            return f"need(value.{item.name}, {item.name!r})"
        return f"value.{item.name}"

    # -- decoding

    def decode(self) -> list[str]:
        name, arguments = snake(self.cls.__name__), ", allowed: Capabilities" if self.packet else ""
        prefix = "decode" if self.packet else "read"
        self.lines = []
        declared = [item for item in self.fields if item.layout is None]
        self.lines += [f"{item.name} = 0" for item in declared]
        for condition, run in self.runs():
            self.decode_run(condition, run)
        arguments_of_class = ", ".join(item.name for item in self.fields)
        return [
            *("", "", f"def {prefix}_{name}("),
            f"    frame: bytes, at: int, end: int{arguments}",
            f") -> tuple[{self.qualified}, int]:",
            *indented([*self.lines, f"return {self.qualified}({arguments_of_class}), at"]),
        ]

    def decode_run(self, condition: Condition, run: list[Field]) -> None:
        """Give the fields what they are when absent, then read them where they are there."""
        body = list(self.reads(run))
        if condition.always:
            self.lines += body
            return
        gated = condition.since is not None
        for item in run:
            self.lines.append(f"{item.name}: {self.python_type(item)} = {(item.default if gated else None)!r}")
        if isinstance(condition.presence, Group):
            body.insert(0, f"groups_present = {condition.presence.number}")
        reading = condition.when_reading()
        if reading:
            body = [f"if {reading}:", *indented(body)]
        if gated:
            absent = [f"{item.name} = None" for item in run if condition.may_end_before]
            body = [f"if {condition.gate()}:", *indented([*absent, *body])]
        self.lines += body

    def python_type(self, item: Field) -> str:
        kinds = {"b": "int", "i": "int", "q": "int", "d": "float", "?": "bool"}
        node = item.layout
        assert node is not None
        inner = node.subcon if isinstance(node, types.Nullable) else node
        if inner in STRUCT_CODES:
            kind = kinds[STRUCT_CODES[inner]]
        elif isinstance(inner, types.ListOf):
            kind = "list[int]"
        elif isinstance(inner, types.Composite):
            kind = qualified(inner.cls)
        elif isinstance(inner, types.Known):
            kind = "int"
        else:
            kind = "str" if inner in (types.STRING, types.SIMPLE_STRING) else "bytes"
        return f"{kind} | None" if item.name in self.optional else kind

    def reads(self, run: list[Field]) -> Iterator[str]:
        for stretch in self.fused(run):
            first = stretch[0]
            assert first.layout is not None
            if is_rest(first.layout):
                yield from self.rest(first)
            elif isinstance(first.layout, types.Variant):
                new, old = first.layout.new, first.layout.old
                yield f"if allowed.{first.layout.capability}:"
                yield f"    {first.name}, at = {reader(new)}"
                yield "else:"
                yield f"    {first.name}, at = {reader(old)}"
            elif first.layout not in STRUCT_CODES:
                yield f"{first.name}, at = {reader(first.layout)}"
            else:
                size = sum(SIZES[STRUCT_CODES[item.layout]] for item in stretch)
                sure = self.anchored or (isinstance(first.presence, Remaining) and first.presence.count == size)
                names = ", ".join(item.name for item in stretch)
                if not sure:
                    yield f"if end - at < {size}:"
                    yield f"    raise truncated(at, end, {size})"
                targets = names if len(stretch) > 1 else f"({names},)"
                yield f"{targets} = {self.struct(stretch, '?')}.unpack_from(frame, at)"
                yield f"at += {size}"

    def rest(self, item: Field) -> Iterator[str]:
        """Read what is bounded by the fields behind it, which are of fixed size and anchored at the frame's end."""
        always, gated = 0, []
        for behind in self.fields[self.fields.index(item) + 1 :]:
            size = SIZES[STRUCT_CODES[behind.layout]] if behind.layout is not None else 0
            if behind.since is None:
                always += size
            else:
                gated.append((behind.since.capability, size))
        self.anchored = True
        if not always:
            yield from (f"{item.name} = frame[at:end]", "at = end")
            return
        yield f"stop = end - {always}"
        for capability, size in gated:
            yield f"if allowed.{capability}:"
            yield f"    stop -= {size}"
        yield "if stop < at:"
        yield "    raise truncated(at, end, end - stop)"
        yield f"{item.name} = frame[at:stop]"
        if isinstance(item.layout, types.Variant):
            yield f"if not allowed.{item.layout.capability}:"
            yield f"    {item.name} = read_message_1x({item.name}, at)"
        yield "at = stop"


def indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" if line else line for line in lines]
