"""Producers: their names and their credits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from corewire.wire.types import Int, NullableSimpleString, SimpleString


@dataclass(slots=True)
class CreateProducer:
    TYPE: ClassVar[int] = -20
    NAME: ClassVar[str] = "CREATE_PRODUCER"

    id: Int
    address: NullableSimpleString


@dataclass(slots=True)
class RemoveProducer:
    TYPE: ClassVar[int] = -21
    NAME: ClassVar[str] = "REMOVE_PRODUCER"

    id: Int


@dataclass(slots=True)
class SessionProducerRequestCredits:
    TYPE: ClassVar[int] = 79
    NAME: ClassVar[str] = "SESS_PRODUCER_REQUEST_CREDITS"

    credits: Int
    address: SimpleString


@dataclass(slots=True)
class SessionProducerCredits:
    TYPE: ClassVar[int] = 80
    NAME: ClassVar[str] = "SESS_PRODUCER_CREDITS"

    credits: Int
    address: SimpleString


@dataclass(slots=True)
class SessionProducerFailCredits:
    """The address is full and refuses messages."""

    TYPE: ClassVar[int] = 82
    NAME: ClassVar[str] = "SESS_PRODUCER_FAIL_CREDITS"

    credits: Int
    address: SimpleString
