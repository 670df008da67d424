"""
The words of a selector. Linear in the length of the text, whatever the text is.

The longest token wins, as in a generated lexer. Two kinds of comment make that delicate: ``--`` opens one only if a line end
follows somewhere (otherwise it is two minus signs), and ``/*`` only if ``*/`` does; so the last line end and the last ``*/``
are looked up once instead of searching to the end of the text at each minus sign.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple

from corewire.errors import InvalidFilterExpression
from corewire_server.core._selector_values import Value, decimal_literal, integer_literal

KEYWORDS = frozenset(
    ("NOT", "AND", "OR", "BETWEEN", "LIKE", "ESCAPE", "IN", "IS", "TRUE", "FALSE", "NULL", "XPATH", "XQUERY")
)

_PLAIN = r"[A-Za-z_$][A-Za-z0-9_$]*"
_HYPHENATED = r"[A-Za-z_$][A-Za-z0-9_$-]*"
_EXPONENT = r"[eE][+-]?[0-9]+"
_NUMBERS = (
    rf"(?P<float>[0-9]++\.[0-9]*(?:{_EXPONENT})?|\.[0-9]+(?:{_EXPONENT})?|[0-9]++{_EXPONENT})"
    r"|(?P<hex>0[xX][0-9a-fA-F]+)|(?P<decimal>[1-9][0-9]*[lL]?)|(?P<octal>0[0-7]*)"
)
_STRING = r"(?P<string>'(?:[^']++|'')*+')"
_QUOTED = r'(?P<quoted>"(?:[^"]++|"")*+")'
_SYMBOL = r"(?P<symbol><>|>=|<=|[=<>()+\-*/%,])"
_STRICT = re.compile(rf"{_NUMBERS}|(?P<word>{_PLAIN})|{_STRING}|{_QUOTED}|{_SYMBOL}")
_WITH_HYPHENS = re.compile(rf"{_NUMBERS}|(?P<word>{_HYPHENATED})|{_STRING}|{_SYMBOL}")
_BLANK = re.compile(r"[ \t\n\r\f]+")
_LINE_END = re.compile(r"\r\n|\r|\n")


class Kind(Enum):
    """What a token is."""

    SYMBOL = auto()  # text: the symbol
    KEYWORD = auto()  # text: in capitals
    IDENTIFIER = auto()  # text: the name
    STRING = auto()  # text: without quotes
    NUMBER = auto()  # number: its value
    END = auto()


class Token(NamedTuple):
    """One word of the text."""

    kind: Kind
    text: str
    position: int  # of its first character, from 0
    number: Value = None


def invalid(text: str, position: int, reason: str) -> InvalidFilterExpression:
    """Make the error for a text that is no selector; ``position`` counts characters from 0."""
    shown = text if len(text) <= 200 else text[:200] + "…"
    return InvalidFilterExpression(f"Invalid filter: {reason} at character {position}: {shown}")


def tokens(text: str, start: int, *, hyphens: bool) -> list[Token]:
    """
    Cut the text into tokens, END last.

    ``hyphens``: identifiers may contain hyphens, and double quotes do not exist. Raises InvalidFilterExpression.
    """
    words = _WITH_HYPHENS if hyphens else _STRICT
    last_line_end = max(text.rfind("\n"), text.rfind("\r"))
    last_comment_end = text.rfind("*/")
    found: list[Token] = []
    position = start
    while position < len(text):
        if blank := _BLANK.match(text, position):
            position = blank.end()
        elif text.startswith("--", position) and position < last_line_end:
            line_end = _LINE_END.search(text, position)
            assert line_end is not None
            position = line_end.end()
        elif text.startswith("/*", position) and position + 2 <= last_comment_end:
            position = text.index("*/", position + 2) + 2
        elif word := words.match(text, position):
            found.append(_token(text, word))
            position = word.end()
        else:
            raise invalid(text, position, f"{text[position]!r} begins no word")
    found.append(Token(Kind.END, "end", len(text)))
    return found


def _token(text: str, word: re.Match[str]) -> Token:
    image, position = word.group(), word.start()
    match word.lastgroup:
        case "symbol":
            return Token(Kind.SYMBOL, image, position)
        case "word":
            capitals = image.upper()
            if capitals in KEYWORDS:
                return Token(Kind.KEYWORD, capitals, position)
            return Token(Kind.IDENTIFIER, image, position)
        case "string":
            return Token(Kind.STRING, image[1:-1].replace("''", "'"), position)
        case "quoted":
            return Token(Kind.IDENTIFIER, image[1:-1].replace('""', '"'), position)
        case "float":
            return Token(Kind.NUMBER, image, position, float(image))
        case form:
            return Token(Kind.NUMBER, image, position, _integer(text, position, image, form))


def _integer(text: str, position: int, image: str, form: str | None) -> Value:
    try:
        if form == "decimal":
            return decimal_literal(image.rstrip("lL"))
        return integer_literal(image[2:], 16) if form == "hex" else integer_literal(image, 8)
    except ValueError as error:
        raise invalid(text, position, str(error)) from None
