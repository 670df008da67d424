"""The words of a command line, before anybody knows the command: options may stand before it. Imported by every start."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Options of all commands that take the next word: what follows one is no command. `tests/server/test_words.py` asks the commands.
WITH_VALUE: Final = frozenset(
    {
        *("--applications", "--channel", "--client-id", "--cluster-password-file", "--cluster-user"),
        *("--commit-interval", "--context", "--correlation-id", "--data", "--delay", "--duplicate-id"),
        *("--durable", "--faults", "--file", "--filter", "--from", "--group", "--host", "--link"),
        *("--log-format", "--message-count", "--message-size", "--messages", "--minutes", "--name", "--nodes"),
        *("--password", "--password-file", "--peer", "--port", "--priority", "--property"),
        *("--protocol-version", "--rate", "--receive-timeout", "--reply-to", "--save", "--seed", "--seeds"),
        *("--shared", "--sleep", "--steps", "--stream", "--text-size", "--threads", "--timeout", "--ttl"),
        *("--type", "--url", "--user", "--watch", "--workload"),
    }
)
#: Commands that have commands of their own.
_GROUPS: Final = frozenset({"cluster"})
#: What this version refuses, by command: the feature behind it.
NOT_BUILT: Final[dict[str, dict[str, str]]] = {
    "run": {
        "--config": "configuration files",
        "--properties": "configuration files",
        "--web": "the console",
    },
}
COMMANDS_NOT_BUILT: Final = frozenset(
    {
        *("transfer", "perf", "check", "queue", "address", "session", "connection", "consumer", "producer", "user"),
        *("manage", "data", "mask", "hash", "bench", "config", "console", "completion"),
    }
)


def arrange(words: list[str]) -> list[str]:
    """
    Put the command first, and write a lone ``-`` so that it is taken for standard input and not for an option.

    ``--no-color`` is done at once: whatever writes colours obeys ``NO_COLOR``.
    """
    end = words.index("--") if "--" in words else len(words)
    before, behind = words[:end], words[end:]
    if "--no-color" in before:
        os.environ["NO_COLOR"] = "1"
        before = [word for word in before if word != "--no-color"]
    words = _command_first(_with_input(before, behind))
    return [words[0], *_command_first(words[1:])] if words and words[0] in _GROUPS else words


def _with_input(before: list[str], behind: list[str]) -> list[str]:
    """The words with each ``-`` joined to its option, or moved behind ``--``."""
    arranged: list[str] = []
    for word in before:
        if word != "-":
            arranged.append(word)
        elif arranged and arranged[-1] in WITH_VALUE:
            arranged[-1] += "=-"
        else:
            behind = ["--", "-", *behind[1:]]
    return [*arranged, *behind]


def _command_first(words: list[str]) -> list[str]:
    at = 0
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] in WITH_VALUE else 1
    if at >= len(words):
        return words
    return [words[at], *words[:at], *words[at + 1 :]]


def unknown_option(command: str, option: str, known: Iterable[str]) -> tuple[str, str | None]:
    """Say what is wrong with an option that a command has not, and which one may have been meant."""
    from difflib import get_close_matches

    name = option.partition("=")[0]
    if feature := NOT_BUILT.get(command, {}).get(name):
        return f"{name}: {feature} are not built yet" if feature.endswith(
            "s"
        ) else f"{name}: {feature} is not built yet", None
    nearest = get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return f"{command}: unknown option {name}", nearest[0] if nearest else None
