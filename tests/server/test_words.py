"""Where options may stand, and what is said of those that are not there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from corewire_server.cli import run
from corewire_server.cli.app import app
from corewire_server.cli.words import WITH_VALUE, arrange, unknown_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cyclopts import App


def commands(group: App) -> Iterator[App]:
    """All commands of the program but ``run``, which reads its words itself."""
    for name in group:
        if not name.startswith("-") and name != "run":
            command = group[name]
            if command.default_command is None:
                yield from commands(command)
            else:
                yield command


@pytest.mark.parametrize(
    ("words", "arranged"),
    [
        (["produce", "q", "x"], ["produce", "q", "x"]),
        (["--url", "tcp://h:1", "produce", "q"], ["produce", "--url", "tcp://h:1", "q"]),
        (["--url=tcp://h:1", "-v", "produce", "q"], ["produce", "--url=tcp://h:1", "-v", "q"]),
        (["-q", "--timeout", "5s", "browse", "q", "--json"], ["browse", "-q", "--timeout", "5s", "q", "--json"]),
        (["--url", "u", "cluster", "--watch", "2s", "show"], ["cluster", "show", "--url", "u", "--watch", "2s"]),
        (
            ["--message-count", "1", "--seed", "2", "consume", "q"],
            ["consume", "--message-count", "1", "--seed", "2", "q"],
        ),
        (["cluster", "--help"], ["cluster", "--help"]),
        (["--help"], ["--help"]),
        ([], []),
    ],
)
def test_options_may_stand_before_the_command(words: list[str], arranged: list[str]) -> None:
    assert arrange(words) == arranged


@pytest.mark.parametrize(
    ("words", "arranged"),
    [
        (["produce", "q", "--password-file", "-", "x"], ["produce", "q", "--password-file=-", "x"]),
        (["--password-file", "-", "browse", "q"], ["browse", "--password-file=-", "q"]),
        (["decode", "-", "--check"], ["decode", "--check", "--", "-"]),
        (["explain", "-", "--", "file"], ["explain", "--", "-", "file"]),
        (["produce", "q", "--", "-"], ["produce", "q", "--", "-"]),
    ],
)
def test_a_lone_dash_is_standard_input(words: list[str], arranged: list[str]) -> None:
    assert arrange(words) == arranged


def test_the_options_that_take_a_word_are_those_of_the_commands() -> None:
    program = {
        name
        for command in commands(app)
        for argument in command.assemble_argument_collection()
        for name in argument.names
        if name.startswith("--") and argument.hint is not bool
    }
    broker = {name for option in run._parser()._actions if option.nargs != 0 for name in option.option_strings}  # pyright: ignore[reportPrivateUsage]
    assert program | broker == WITH_VALUE


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
