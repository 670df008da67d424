"""
Write the threads and blocking clients from the anyio one; ``--check`` compares instead.

The facade holds no logic of a world, so a closed table of word replacements is enough. A rule that is not used any more is an
error: it says that the facade has moved on and the table has not.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "src/transports/corewire_transports"
BY_HAND = {"_driver.py", "_link.py", "_connect.py", "_tasks.py"}
DOCS = {"threads": "for plain threads", "blocking": "for one thread that turns the engine itself"}
RULES = (
    # the door: in the async worlds things are opened by `async with` or `await`; in the others calling is enough
    (r"    @opening\n", ""),
    (r"from corewire_transports\._opening import [^\n]*\n", ""),
    (r'    "Opening",\n', ""),
    # colours
    (r"\bAsync(Iterator|Iterable)\b", r"\1"),
    (r"\bAsyncGenerator\b", "Generator"),
    (r"\bAwaitable\[([^\[\]]+)\]", r"\1"),
    (r"import ((?:Iterator|Generator), )?Awaitable, ", r"import \1"),
    (r"\basynccontextmanager\b", "contextmanager"),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\b__a(enter|exit|iter)__\b", r"__\1__"),
    (r"\b__anext__\b", "__next__"),
    (r"\bStopAsyncIteration\b", "StopIteration"),
    (r"  # noqa: ASYNC109", ""),
    # what a world brings itself
    (r"from anyio import ", "from corewire_transports._deadline import "),
)


def convert(source: str, world: str, used: set[str]) -> str:
    """One module of the anyio world as one of ``world``; the patterns that applied are added to ``used``."""
    source = source.replace("for asyncio and trio, through anyio", DOCS[world])
    source = source.replace("corewire_transports.anyio", f"corewire_transports.{world}")
    for pattern, replacement in RULES:
        source, count = re.subn(pattern, replacement, source)
        if count:
            used.add(pattern)
    return f"# Made from the anyio one by scripts/gen_facades.py. Do not edit.\n{source}"


def tidy(source: str, path: Path) -> str:
    """Sort the imports and format, as if it were written by hand."""
    for command in (["check", "--select", "I", "--fix", "--quiet"], ["format", "--quiet"]):
        arguments = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(path), "-"]
        source = subprocess.run(arguments, input=source, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return source


def wanted(used: set[str]) -> dict[Path, str]:
    """Every generated file and what it must hold."""
    return {
        FOLDER / world / origin.name: tidy(convert(origin.read_text(), world, used), FOLDER / world / origin.name)
        for world in DOCS
        for origin in sorted((FOLDER / "anyio").glob("*.py"))
        if origin.name not in BY_HAND
    }


def main() -> int:
    """Write or compare; returns 1 when something was stale or a rule unused."""
    used: set[str] = set()
    files = wanted(used)
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    orphans = [
        path
        for world in DOCS
        for path in (FOLDER / world).glob("*.py")
        if path not in files and path.name not in BY_HAND
    ]
    unused = [pattern for pattern, _ in RULES if pattern not in used]
    for pattern in unused:
        print(f"rule never used: {pattern}", file=sys.stderr)
    if "--check" in sys.argv:
        for path in (*stale, *orphans):
            print(f"stale: {path.relative_to(ROOT)}; run scripts/gen_facades.py", file=sys.stderr)
        return int(bool(stale or orphans or unused))
    for path in stale:
        path.write_text(files[path])
    for path in orphans:
        path.unlink()
    return int(bool(unused))


if __name__ == "__main__":
    sys.exit(main())
