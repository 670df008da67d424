"""Values that packets of several kinds share, laid out field by field like packets but without a type code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    from corewire.wire.types import (
        Byte,
        ConnectorParameters,
        Data,
        IfEqual,
        IfNot,
        Int,
        Long,
        Longs,
        NullableSimpleString,
        PersisterId,
        String,
    )


@dataclass(slots=True, frozen=True)
class Xid:
    """A branch of a distributed transaction. On the wire the branch qualifier comes first."""

    format_id: Int
    branch_qualifier: Data
    global_transaction_id: Data


@dataclass(slots=True)
class TransportConfiguration:
    """
    How a node can be reached.

    Parameters of real peers are mostly strings, ``port`` and ``sslEnabled`` too; an ``int`` is written with 32 bits where it
    fits, ``values.Long`` always with 64. Keys that begin with ``EXTRA`` are the connector's extra properties.
    """

    EXTRA = "$.EP."

    name: String
    factory_class_name: String
    params: ConnectorParameters = field(default_factory=dict[str, bool | int | str])


@dataclass(slots=True)
class PersistedMessage:
    """A message as the persister of ordinary core messages writes it."""

    persister_id: PersisterId
    message_id: Long
    address: NullableSimpleString
    message: Data


@dataclass(slots=True)
class PagedMessage:
    """A message in a page file: a large one as its headers, any other as its persister wrote it."""

    transaction_id: Long
    large_type: Byte  #: 0 none, 1 core large, -1 old core large, 2 another protocol's
    headers: Annotated[Data | None, IfEqual("large_type", 1)]
    persisted: Annotated[PersistedMessage | None, IfNot("large_type", 1)]
    queue_ids: Longs
