"""Durations as they are typed."""

from __future__ import annotations

import pytest

from corewire_server.cli.durations import seconds


@pytest.mark.parametrize(
    ("text", "bare", "wanted"),
    [
        ("500ms", "s", 0.5),
        ("30s", "ms", 30),
        ("5m", "ms", 300),
        ("1.5h", "ms", 5400),
        ("250", "ms", 0.25),
        (" 2 ", "s", 2),
    ],
)
def test_units_and_bare_numbers(text: str, bare: str, wanted: float) -> None:
    assert seconds(text, bare=bare) == pytest.approx(wanted)


@pytest.mark.parametrize("text", ["", "abc", "-1s", "1d", "1 s 2", "٣s.", "1e3"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        seconds(text, bare="s")
