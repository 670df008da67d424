"""Random packets of every class and version, drawn from the declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from tests.engine.wire_samples import is_there

from corewire import values
from corewire.wire import spec, types
from corewire.wire.types import Remaining
from corewire.wire.versions import OLDEST, UNNEGOTIATED, VERSION, capabilities

if TYPE_CHECKING:
    from corewire.wire.types import Construct

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
texts = st.text(any_character, max_size=12).map(joined)


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


@st.composite
def instances(draw: st.DrawFn, cls: type[object], version: int) -> Any:
    """A packet, or a composite, as a peer of ``version`` may write it."""
    allowed = capabilities(version)
    fields = spec.fields(cls)
    drawn: dict[str, Any] = {
        field.name: draw(st.integers(0, field.default)) for field in fields if field.layout is None
    }
    for field in fields:
        if field.layout is None:
            continue
        some = value(field.layout)
        if field.since is not None and not getattr(allowed, field.since.capability):
            drawn[field.name] = field.default
        elif not is_there(field, drawn):
            drawn[field.name] = None
        else:
            drawn[field.name] = draw(st.none() | some if isinstance(field.presence, Remaining) else some)
    return cls(**{field.name: drawn[field.name] for field in fields})
