"""Rows for people and for programs: a table on a terminal, tab-separated text in a pipe, JSON Lines if asked for."""

from __future__ import annotations

import json
import os
from enum import Enum
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Form(Enum):
    """How rows are written."""

    TABLE = "table"
    TSV = "tsv"
    JSON = "json"

    @classmethod
    def of(cls, stream: TextIO, *, as_json: bool) -> Form:
        """Choose for a stream: JSON if asked for, else by what reads it."""
        if as_json:
            return cls.JSON
        return cls.TABLE if stream.isatty() else cls.TSV


def write_rows(
    stream: TextIO, form: Form, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, head: bool = True
) -> None:
    """Write rows. A table is written when all are there, the other forms row by row. ``head``: TSV, names above them."""
    match form:
        case Form.JSON:
            for row in rows:
                stream.write(json.dumps(dict(zip(columns, row, strict=True))) + "\n")
        case Form.TSV:
            if head:
                stream.write("\t".join(columns) + "\n")
            for row in rows:
                stream.write("\t".join(map(cell, row)) + "\n")
        case Form.TABLE:
            from rich.console import Console
            from rich.table import Table

            bold = not os.environ.get("NO_COLOR")  # rich leaves out colours only
            table = Table(*columns, box=None, header_style="bold" if bold else "")
            for row in rows:
                table.add_row(*map(cell, row))
            Console(file=stream).print(table)


def cell(value: object) -> str:
    """Write a value so that it stays in its cell: tabs and line ends are escaped; nothing is empty."""
    if value is None:
        return ""
    text = (
        value if isinstance(value, str) else json.dumps(value) if isinstance(value, dict | list | bool) else str(value)
    )
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\r", "\\r").replace("\n", "\\n")
