"""Random packets of every class and version, drawn from the declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from corewire import values
from corewire.wire import packets, spec, types
from corewire.wire.types import Group, IfEqual, IfNot, Remaining
from corewire.wire.versions import OLDEST, UNNEGOTIATED, VERSION, capabilities

if TYPE_CHECKING:
    from corewire.wire.spec import Field
    from corewire.wire.types import Construct

PACKETS: list[Any] = sorted(
    (cls for cls in (getattr(packets, name) for name in packets.__all__) if hasattr(cls, "TYPE")),
    key=lambda cls: cls.NAME,
)
VERSIONS = [UNNEGOTIATED, *range(OLDEST, VERSION + 1)]

versions = st.sampled_from(VERSIONS)
bytes_ = st.integers(-(2**7), 2**7 - 1)
ints = st.integers(-(2**31), 2**31 - 1)
longs = st.integers(-(2**63), 2**63 - 1)
blobs = st.binary(max_size=40)


def joined(text: str) -> str:
    """Join pairs of surrogates: what a reader of UTF-16 makes of them."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


any_character = st.characters(exclude_categories=())
texts = st.one_of(
    st.text(any_character, max_size=12),
    st.sampled_from(
        ["x" * 8, "x" * 9, "\u20ac" * 4094, "\U0001f600" * 2047, "x" * 4095, "\ud800" + "y" * 4095, "\ud800" * 9]
    ),
).map(joined)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """The outer form of a message: where its body ends is all that packets know of it."""
    body, headers = draw(blobs), draw(blobs)
    return (len(body) + 13).to_bytes(4, "big") + body + headers


def value(node: Construct) -> st.SearchStrategy[Any]:
    match node:
        case types.Variant():
            return messages() if isinstance(node.new, types.Rest) else value(node.old)
        case types.UpdateOrAdd():
            return st.sampled_from([0, 1])
        case types.Nullable():
            return st.none() | value(node.subcon)
        case types.OptionalData():
            return st.none() | blobs
        case types.ListOf():
            return st.lists(value(node.subcon), max_size=3)
        case types.Composite():
            return instances(node.cls, VERSION)
        case types.Tagged():
            return st.one_of([instances(cls, VERSION) for cls in node.classes.values()])
        case types.Known():
            return st.sampled_from(node.values)
        case types.Rest():
            return blobs
        case _:
            return PLAIN[node]


parameters = st.booleans() | ints | longs.map(values.Long) | st.integers(2**31, 2**63 - 1) | texts
PLAIN: dict[Construct, st.SearchStrategy[Any]] = {
    types.BYTE: bytes_,
    types.INT: ints,
    types.LONG: longs,
    types.BOOL: st.booleans(),
    types.DOUBLE: st.floats(allow_nan=False),
    types.DATA: blobs,
    types.STRING: texts,
    types.SIMPLE_STRING: texts,
    types.PARAMETERS: st.dictionaries(texts, parameters, max_size=3),
}


def is_there(field: Field, drawn: dict[str, Any]) -> bool:
    match field.presence:
        case IfEqual(name, wanted):
            return bool(drawn[name] == wanted)
        case IfNot(name, wanted):
            return bool(drawn[name] != wanted)
        case Group(number):
            return bool(drawn["groups_present"] >= number)
        case _:
            return True


@st.composite
def instances(draw: st.DrawFn, cls: type[object], version: int, *, wanted: str | None = None) -> Any:
    """A packet, or a composite, as a peer of ``version`` may write it; the field ``wanted`` is there and not None."""
    allowed = capabilities(version)
    fields = [field for field in spec.fields(cls) if field.layout is not None]
    counted = [field for field in spec.fields(cls) if field.layout is None]
    needs = {} if wanted is None else conditions(cls, wanted)
    drawn: dict[str, Any] = {field.name: draw(st.integers(0, field.default)) for field in counted}
    if counted and wanted is not None and wanted not in drawn:
        drawn[counted[0].name] = counted[0].default
    for field in fields:
        assert field.layout is not None
        some = value(field.layout)
        if field.since is not None and not getattr(allowed, field.since.capability):
            drawn[field.name] = field.default
        elif field.name in needs:
            drawn[field.name] = needs[field.name]
        elif not is_there(field, drawn):
            drawn[field.name] = None
        elif field.name == wanted:
            drawn[field.name] = draw(some.filter(lambda value: value is not None))
        else:
            drawn[field.name] = draw(st.none() | some if isinstance(field.presence, Remaining) else some)
    return cls(**{field.name: drawn[field.name] for field in spec.fields(cls)})


def conditions(cls: type[object], wanted: str) -> dict[str, Any]:
    """Return the values that earlier fields must have for one to be there."""
    presence = next(field.presence for field in spec.fields(cls) if field.name == wanted)
    match presence:
        case IfEqual(name, value):
            return {name: value}
        case IfNot(name, None):
            return {name: 1}
        case _:
            return {}
