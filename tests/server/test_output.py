"""Rows in three forms."""

from __future__ import annotations

import io

import pytest

from corewire_server.cli.output import Form, cell, write_rows

ROWS = [("orders", 3, None), ("a\tb", 0, True)]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        (Form.TSV, "name\tcount\tpaused\norders\t3\t\na\\tb\t0\ttrue\n"),
        (Form.JSON, '{"name": "orders", "count": 3, "paused": null}\n{"name": "a\\tb", "count": 0, "paused": true}\n'),
    ],
)
def test_rows_for_programs(form: Form, wanted: str) -> None:
    out = io.StringIO()
    write_rows(out, form, ("name", "count", "paused"), ROWS)
    assert out.getvalue() == wanted


def test_rows_for_people_stand_in_columns() -> None:
    out = io.StringIO()
    write_rows(out, Form.TABLE, ("name", "count", "paused"), ROWS)
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines == [["name", "count", "paused"], ["orders", "3"], ["a\\tb", "0", "true"]]


def test_a_table_without_colours_is_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    write_rows(out, Form.TABLE, ("name", "count", "paused"), ROWS)
    assert "\x1b" not in out.getvalue()


def test_the_form_follows_who_reads() -> None:
    assert Form.of(Terminal(), as_json=False) is Form.TABLE
    assert Form.of(io.StringIO(), as_json=False) is Form.TSV
    assert Form.of(Terminal(), as_json=True) is Form.JSON


def test_a_cell_has_no_line_ends() -> None:
    assert cell("a\\b\r\n\t") == "a\\\\b\\r\\n\\t"
    assert cell({"a": 1}) == '{"a": 1}'
