"""The tree that a selector is parsed into. Every node knows its depth, which the parser limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from corewire_server.core._selector_like import LikePattern
    from corewire_server.core._selector_values import Value


@dataclass(frozen=True, slots=True)
class Identifier:
    """A name whose value the message has."""

    name: str
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant; TRUE, FALSE and NULL are boolean expressions, others are not."""

    value: Value
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Negate:
    """Unary minus."""

    operand: Node
    depth: int


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``+ - * / %``."""

    symbol: str
    left: Node
    right: Node
    depth: int


@dataclass(frozen=True, slots=True)
class Not:
    """NOT of a boolean expression or an identifier."""

    operand: Node
    depth: int


@dataclass(slots=True)
class Logic:
    """AND or OR of two and more; the parser appends to the last one made."""

    symbol: str
    operands: list[Node] = field(default_factory=list["Node"])
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Compare:
    """``= < <= > >=``. IS NULL is equality with the literal NULL."""

    symbol: str
    left: Node
    right: Node
    depth: int


@dataclass(frozen=True, slots=True)
class Between:
    """BETWEEN; ``outside``: NOT BETWEEN."""

    value: Node
    low: Node
    high: Node
    outside: bool
    depth: int


@dataclass(frozen=True, slots=True)
class Like:
    """LIKE."""

    operand: Node
    pattern: LikePattern
    depth: int


@dataclass(frozen=True, slots=True)
class In:
    """IN; ``outside``: NOT IN."""

    name: str
    members: frozenset[str]
    outside: bool
    depth: int = 1


Node: TypeAlias = Identifier | Literal | Negate | Arithmetic | Not | Logic | Compare | Between | Like | In


def is_boolean(node: Node) -> bool:
    """Whether this is an expression of truth by its form (an identifier is none, but may stand for one)."""
    if isinstance(node, Literal):
        return node.value is None or isinstance(node.value, bool)
    return not isinstance(node, Identifier | Negate | Arithmetic)
