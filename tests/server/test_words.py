"""Where options may stand, and what is said of those that are not there."""

from __future__ import annotations

import os

import pytest

from corewire_server.cli.words import arrange, unknown_option


@pytest.mark.parametrize(
    ("words", "arranged"),
    [
        (["produce", "q", "x"], ["produce", "q", "x"]),
        (["--url", "tcp://h:1", "produce", "q"], ["produce", "--url", "tcp://h:1", "q"]),
        (["--url=tcp://h:1", "-v", "produce", "q"], ["produce", "--url=tcp://h:1", "-v", "q"]),
        (["-q", "--timeout", "5s", "browse", "q", "--json"], ["browse", "-q", "--timeout", "5s", "q", "--json"]),
        (["--url", "u", "cluster", "--watch", "2s", "show"], ["cluster", "show", "--url", "u", "--watch", "2s"]),
        (["cluster", "--help"], ["cluster", "--help"]),
        (["--help"], ["--help"]),
        ([], []),
    ],
)
def test_options_may_stand_before_the_command(words: list[str], arranged: list[str]) -> None:
    assert arrange(words) == arranged


def test_colours_are_switched_off_by_a_word_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    assert arrange(["browse", "q", "--no-color"]) == ["browse", "q"]
    assert os.environ["NO_COLOR"] == "1"
    assert arrange(["produce", "q", "--", "--no-color"]) == ["produce", "q", "--", "--no-color"]


def test_an_unknown_option_is_told_with_the_nearest_or_as_not_built() -> None:
    known = ["--message-count", "--priority"]
    assert unknown_option("produce", "--mesage-count=3", known) == (
        "produce: unknown option --mesage-count",
        "--message-count",
    )
    assert unknown_option("produce", "--zzz", known) == ("produce: unknown option --zzz", None)
    assert unknown_option("run", "--web=x", known) == ("--web: the console is not built yet", None)
