"""From a test file written for anyio to the same tests in another world, by the rules of ``scripts/gen_facades.py``."""

from __future__ import annotations

import ast
import functools
import importlib.util
import inspect
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from _pytest.assertion.rewrite import rewrite_asserts

if TYPE_CHECKING:
    from collections.abc import Callable

WORLDS = ("asyncio", "trio", "threads", "blocking")
FOLDER = Path(__file__).parent / "worlds"


def _load_generator() -> types.ModuleType:
    path = Path(__file__).parent.parent.parent / "scripts" / "gen_facades.py"
    spec = importlib.util.spec_from_file_location("gen_facades", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_GENERATOR = _load_generator()


def source_for(path: Path, world: str) -> str:
    """The text of a test file in one world, line by line the same."""
    source = path.read_text()
    if world in ("asyncio", "trio"):
        return source
    source = source.replace("tests.transports.company_anyio", f"tests.transports.company_{world}")
    converted: str = _GENERATOR.convert(source, world, set())
    return converted.partition("\n")[2]  # without the mark of a generated file


def load_tests(path: Path, world: str) -> types.ModuleType:
    """The tests of a file in one world, as a module; asynchronous ones run in a loop of their own."""
    source = source_for(path, world)
    tree = ast.parse(source, str(path))
    rewrite_asserts(tree, source.encode(), str(path))
    module = types.ModuleType(f"tests.transports.worlds.{path.stem}.{world}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    exec(compile(tree, str(path), "exec", dont_inherit=True), module.__dict__)
    for name, value in list(vars(module).items()):
        if name.startswith("test_") and inspect.iscoroutinefunction(value):
            setattr(module, name, _in_loop(value, world))
    return module


def _in_loop(test: Callable[..., Any], backend: str) -> Callable[..., None]:
    @functools.wraps(test)
    def run(**arguments: Any) -> None:
        anyio.run(functools.partial(test, **arguments), backend=backend)

    return run
