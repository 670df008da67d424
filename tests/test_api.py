"""
The public surface is what was agreed: every class, function, parameter and default, line by line in ``public_api.txt``.

Things may be added. What is renamed, removed or gets another default changes a line there, and that is a decision.
"""

from __future__ import annotations

import inspect
from enum import Enum, EnumMeta
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any, is_typeddict

import pytest

from corewire_transports import anyio, blocking, threads

LINES = [line for line in (Path(__file__).parent / "public_api.txt").read_text().splitlines() if line]


def shape(value: object) -> str:
    """Parameters and defaults without annotations; the members of an enum; the keys of a typed dictionary."""
    if is_typeddict(value):
        return f" keys {', '.join(value.__annotations__)}"
    if isinstance(value, EnumMeta):
        members: list[Enum] = list(value)
        return f" members {', '.join(f'{member.name}={member.value}' for member in members)}"
    if not callable(value):
        return " attribute"
    signature = inspect.signature(value)
    bare = [bared(parameter) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def bared(parameter: inspect.Parameter) -> inspect.Parameter:
    """A parameter without its annotation, and with a default that reads the same in every process."""
    default: Any = parameter.default
    if isinstance(default, Enum):
        default = Verbatim(f"{type(default).__name__}.{default.name}")
    elif "<" in repr(default) and default is not inspect.Parameter.empty:
        default = Verbatim("...")
    return parameter.replace(annotation=inspect.Parameter.empty, default=default)


class Verbatim(str):
    """Text that shows itself without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.partition("(")[0])
def test_name_is_there_and_takes_what_was_agreed(line: str) -> None:
    module, _, rest = line.partition(" ")
    name = rest.partition("(")[0].partition(" ")[0]
    value = attrgetter(name)(import_module(module))
    assert f"{module} {name}{shape(value)}" == line


def test_the_worlds_have_the_same_names() -> None:
    assert (
        set(anyio.__all__) - {"Opening"} == set(threads.__all__) - {"Deadline"} == set(blocking.__all__) - {"Deadline"}
    )
