"""
From words to a tree, by operator precedence with two explicit stacks, so that no nesting can exhaust Python's own.

Rising precedence, all left-associative: OR; AND; ``= <>`` and IS [NOT] NULL; ``< <= > >=`` and [NOT] LIKE, BETWEEN, IN; ``+ -``;
``* / %``; the prefixes ``+ - NOT``. NOT therefore binds tighter than a comparison. The operator stack also holds opened
parentheses and opened BETWEENs, which end a reduction: the AND that meets an opened BETWEEN is its own.

What a tree may be is checked where a node is made, as the reference does: nothing is left for the time of evaluation but
the types of properties. The tree's depth is limited, because evaluation does recurse; AND and OR chains count as one level.
"""

from __future__ import annotations

from corewire_server.core._selector_lexer import Kind, Token, invalid, tokens
from corewire_server.core._selector_like import like_pattern
from corewire_server.core._selector_tree import (
    Arithmetic,
    Between,
    Compare,
    Identifier,
    In,
    Like,
    Literal,
    Logic,
    Negate,
    Node,
    Not,
    is_boolean,
)

DEPTH_MAX = 200  # levels of the tree


_OPEN = {"(": 0, "BETWEEN": 0, "NOT BETWEEN": 0}  # on the operator stack until closed
_PRECEDENCE = {
    "OR": 1,
    "AND": 2,
    "=": 3,
    "<>": 3,
    "<": 4,
    "<=": 4,
    ">": 4,
    ">=": 4,
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
    "%": 6,
}
_CLOSED_BETWEEN = {"BETWEEN": "BETWEEN AND", "NOT BETWEEN": "NOT BETWEEN AND"}
_LEVELS = _OPEN | _PRECEDENCE | dict.fromkeys(_CLOSED_BETWEEN.values(), 4) | {"NOT": 7, "NEGATE": 7}
_EQUALITY, _COMPARISON, _TIGHTEST, _NEVER = 3, 4, 8, 9


def parse(text: str, start: int, *, hyphens: bool) -> tuple[Node, tuple[str, ...]]:
    """Parse the text from ``start``: the tree, and the identifiers in it. Raises InvalidFilterExpression."""
    words = tokens(text, start, hyphens=hyphens)
    names = dict.fromkeys(token.text for token in words if token.kind is Kind.IDENTIFIER)
    return _Parser(text, words).run(), tuple(names)


class _Parser:
    """One use of it parses one text."""

    def __init__(self, text: str, words: list[Token]) -> None:
        self._text = text
        self._words = words
        self._next = 0
        self._operands: list[Node] = []
        self._operators: list[tuple[str, int]] = []  # and where each stands
        self._tightest = (
            _TIGHTEST  # the highest precedence that may follow: after IS NULL no LIKE, after LIKE no arithmetic
        )

    def run(self) -> Node:
        wants_operand = True
        while True:
            token = self._take()
            if wants_operand:
                wants_operand = self._operand(token)
            elif token.kind is Kind.END:
                break
            else:
                wants_operand = self._operator(token)
        self._reduce(1)
        if self._operators:
            symbol, position = self._operators[-1]
            raise invalid(self._text, position, f"{symbol} is not complete")
        (node,) = self._operands
        return self._truth(node, 0)

    # -- words -------------------------------------------------------------------------------------------------------

    def _take(self) -> Token:
        token = self._words[self._next]
        self._next += 1
        return token

    def _expect(self, kind: Kind, text: str | None = None) -> Token:
        token = self._take()
        if token.kind is not kind or (text is not None and token.text != text):
            raise invalid(self._text, token.position, f"expected {text or 'a string'}, found {token.text}")
        return token

    def _accept(self, kind: Kind, text: str) -> bool:
        token = self._words[self._next]
        found = token.kind is kind and token.text == text
        self._next += found
        return found

    def _operand(self, token: Token) -> bool:
        """Take a word where a value may begin; tell whether one is still wanted."""
        match token.kind, token.text:
            case Kind.SYMBOL, "(":
                self._operators.append(("(", token.position))
                return True
            case Kind.SYMBOL, "+":
                return True
            case Kind.SYMBOL, "-":
                self._operators.append(("NEGATE", token.position))
                return True
            case Kind.KEYWORD, "NOT":
                self._operators.append(("NOT", token.position))
                return True
            case _:
                self._operands.append(self._primary(token))
                self._tightest = _TIGHTEST
                return False

    def _primary(self, token: Token) -> Node:
        match token.kind, token.text:
            case Kind.IDENTIFIER, name:
                return Identifier(name)
            case Kind.STRING, text:
                return Literal(text)
            case Kind.NUMBER, _:
                return Literal(token.number)
            case Kind.KEYWORD, "TRUE":
                return Literal(True)
            case Kind.KEYWORD, "FALSE":
                return Literal(False)
            case Kind.KEYWORD, "NULL":
                return Literal(None)
            case Kind.KEYWORD, "XQUERY":  # Artemis takes it and never evaluates it
                self._expect(Kind.STRING)
                return Literal(False)
            case Kind.KEYWORD, "XPATH":
                raise invalid(self._text, token.position, "XPATH is not built")
            case _:
                raise invalid(self._text, token.position, f"expected a value, found {token.text}")

    def _operator(self, token: Token) -> bool:
        """Take a word where a value may go on or end; tell whether a value is wanted now."""
        match token.kind, token.text:
            case Kind.SYMBOL, ")":
                self._reduce(1)
                if not self._operators or self._operators[-1][0] != "(":
                    raise invalid(self._text, token.position, "unexpected )")
                self._operators.pop()
                self._tightest = _TIGHTEST
                return False
            case Kind.KEYWORD, "AND" if self._closes_between():
                symbol, position = self._operators.pop()
                self._operators.append((_CLOSED_BETWEEN[symbol], position))
                return True
            case ((Kind.SYMBOL | Kind.KEYWORD), symbol) if _PRECEDENCE.get(symbol, _NEVER) <= self._tightest:
                self._reduce(_PRECEDENCE[symbol])
                self._operators.append((symbol, token.position))
                return True
            case Kind.KEYWORD, "IS":
                self._reduce(_EQUALITY)
                self._is_null(token.position)
                self._tightest = _EQUALITY
                return False
            case Kind.KEYWORD, ("NOT" | "LIKE" | "BETWEEN" | "IN") if self._tightest >= _COMPARISON:
                self._reduce(_COMPARISON)
                self._tightest = _COMPARISON
                return self._predicate(token)
            case _:
                raise invalid(self._text, token.position, f"unexpected {token.text}")

    def _closes_between(self) -> bool:
        """Whether an AND here is that of an opened BETWEEN: nothing but arithmetic stands between them."""
        for symbol, _ in reversed(self._operators):
            if _LEVELS[symbol] <= _COMPARISON:
                if symbol not in _CLOSED_BETWEEN:
                    return False
                self._reduce(_COMPARISON + 1)
                return True
        return False

    def _predicate(self, token: Token) -> bool:
        """LIKE, BETWEEN or IN, perhaps with a NOT before."""
        negated = token.text == "NOT"
        if negated:
            token = self._take()
        match token.kind, token.text:
            case Kind.KEYWORD, "BETWEEN":
                self._operators.append(("NOT BETWEEN" if negated else "BETWEEN", token.position))
                return True
            case Kind.KEYWORD, "LIKE":
                node = self._like(token.position)
                self._operands.append(self._not(node, token.position) if negated else node)
                return False
            case Kind.KEYWORD, "IN":
                self._in(token.position, negated=negated)
                return False
            case _:
                raise invalid(self._text, token.position, f"expected LIKE, BETWEEN or IN, found {token.text}")

    # -- nodes -------------------------------------------------------------------------------------------------------

    def _is_null(self, position: int) -> None:
        negated = self._accept(Kind.KEYWORD, "NOT")
        self._expect(Kind.KEYWORD, "NULL")
        operand = self._operands.pop()
        node = Compare("=", operand, Literal(None), self._depth(position, operand))
        self._operands.append(self._not(node, position) if negated else node)

    def _like(self, position: int) -> Node:
        pattern = self._expect(Kind.STRING).text
        escape = None
        if self._accept(Kind.KEYWORD, "ESCAPE"):
            token = self._expect(Kind.STRING)
            escape = token.text
            if len(escape) != 1 or escape > "\uffff":
                raise invalid(self._text, token.position, "ESCAPE takes one character")
        operand = self._operands.pop()
        return Like(operand, like_pattern(pattern, escape), self._depth(position, operand))

    def _in(self, position: int, *, negated: bool) -> None:
        operand = self._operands.pop()
        if not isinstance(operand, Identifier):
            raise invalid(self._text, position, "IN takes an identifier")
        self._expect(Kind.SYMBOL, "(")
        members = {self._expect(Kind.STRING).text}
        while self._accept(Kind.SYMBOL, ","):
            members.add(self._expect(Kind.STRING).text)
        self._expect(Kind.SYMBOL, ")")
        self._operands.append(In(operand.name, frozenset(members), negated))

    def _reduce(self, level: int) -> None:
        """Make nodes of all operators on the stack that bind at least as tightly as ``level``, down to an opened one."""
        while self._operators and _LEVELS[self._operators[-1][0]] >= level:
            symbol, position = self._operators.pop()
            right = self._operands.pop()
            if symbol == "NOT":
                self._operands.append(self._not(right, position))
            elif symbol == "NEGATE":
                self._operands.append(Negate(right, self._depth(position, right)))
            else:
                left = self._operands.pop()
                self._operands.append(self._binary(symbol, left, right, position))
        if level <= _COMPARISON and self._operators and self._operators[-1][0] in _CLOSED_BETWEEN:
            raise invalid(self._text, self._operators[-1][1], "BETWEEN without AND")

    def _binary(self, symbol: str, left: Node, right: Node, position: int) -> Node:
        match symbol:
            case "AND" | "OR":
                return self._logic(symbol, left, right, position)
            case "=" | "<>":
                self._check_equality(left, right, position)
                node = Compare("=", left, right, self._depth(position, left, right))
                return node if symbol == "=" else self._not(node, position)
            case "<" | "<=" | ">" | ">=":
                self._check_order(position, left, right)
                return Compare(symbol, left, right, self._depth(position, left, right))
            case "BETWEEN AND" | "NOT BETWEEN AND":
                value = self._operands.pop()
                self._check_order(position, value, left, right)
                depth = self._depth(position, value, left, right)
                return Between(value, left, right, symbol.startswith("NOT"), depth)
            case _:
                return Arithmetic(symbol, left, right, self._depth(position, left, right))

    def _logic(self, symbol: str, left: Node, right: Node, position: int) -> Node:
        left, right = self._truth(left, position), self._truth(right, position)
        node = (
            left
            if isinstance(left, Logic) and left.symbol == symbol
            else Logic(symbol, [left], self._depth(position, left))
        )
        node.operands.append(right)
        node.depth = max(node.depth, self._depth(position, right))
        return node

    def _not(self, operand: Node, position: int) -> Node:
        return Not(self._truth(operand, position), self._depth(position, operand))

    def _truth(self, node: Node, position: int) -> Node:
        if not is_boolean(node) and not isinstance(node, Identifier):
            raise invalid(self._text, position, "an expression is neither true nor false")
        return node

    def _check_equality(self, left: Node, right: Node, position: int) -> None:
        if any(isinstance(node, Literal) and node.value is None for node in (left, right)):
            raise invalid(self._text, position, "NULL cannot be compared: use IS NULL")
        if isinstance(left, Literal) and isinstance(right, Literal) and is_boolean(left) and not is_boolean(right):
            raise invalid(self._text, position, "a boolean cannot be compared with this")

    def _check_order(self, position: int, *nodes: Node) -> None:
        for node in nodes:
            if is_boolean(node) or (isinstance(node, Literal) and isinstance(node.value, str)):
                raise invalid(self._text, position, "strings and booleans have no order")

    def _depth(self, position: int, *nodes: Node) -> int:
        depth = 1 + max(node.depth for node in nodes)
        if depth > DEPTH_MAX:
            raise invalid(self._text, position, f"nested more than {DEPTH_MAX} levels deep")
        return depth
