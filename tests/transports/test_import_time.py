"""A client is imported quickly: measured against ``import asyncio``, in the same seconds, so the machine does not matter."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

ROUNDS = 7
#: It was 2.0 when this was written; who doubles that has put something where every program pays for it.
TIMES_ASYNCIO_MAX = 3.2
MODULES = "import sys, {module}; print(*[name for name in sys.modules if not name.startswith(('corewire', '__m'))])"
COST = """
import contextlib, importlib, sys, time
for name in sys.argv[1:]:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
begun = time.process_time()
import {module}
print(time.process_time() - begun)
"""


def said(program: str, module: str, bytecode: Path, *arguments: str) -> str:
    """By a new process that keeps what it compiles."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(bytecode)
    command = [sys.executable, "-c", program.format(module=module), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("world", ["threads", "blocking", "anyio"])
def test_import_of_a_client_costs_little_more_than_that_of_asyncio(world: str, tmp_path: Path) -> None:
    """The CPU that our own modules take: what they import of others has been imported, and all is compiled."""
    module = f"corewire_transports.{world}"
    others = said(MODULES, module, tmp_path).split()
    said(MODULES, "asyncio", tmp_path)
    rounds = [
        (float(said(COST, module, tmp_path, *others)), float(said(COST, "asyncio", tmp_path))) for _ in range(ROUNDS)
    ]
    ours, asyncio = (min(costs) for costs in zip(*rounds, strict=True))
    assert ours < TIMES_ASYNCIO_MAX * asyncio
