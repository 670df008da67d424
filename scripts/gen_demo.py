"""Write the actors of the demo for threads and blocking sockets from the anyio ones; ``--check`` compares instead."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # a script's own folder is there, not the one above
from scripts.gen_facades import DOCS, ROOT, convert, tidy

ORIGIN = ROOT / "src/server/corewire_server/demo/actors_anyio.py"


def written(world: str) -> tuple[Path, str]:
    """The file of a world, and what it must hold."""
    path = ORIGIN.with_name(f"actors_{world}.py")
    source = ORIGIN.read_text().replace("from anyio import sleep", "from time import sleep")
    source = re.sub(r"  # noqa: ASYNC.*", "", source)
    text = convert(source, world, set()).replace("gen_facades.py", "gen_demo.py")
    return path, tidy(text, path)


def main() -> int:
    """Write or compare; returns 1 when something was stale."""
    stale = [(path, text) for path, text in map(written, DOCS) if not path.exists() or path.read_text() != text]
    for path, text in stale:
        if "--check" in sys.argv:
            print(f"stale: {path.relative_to(ROOT)}; run scripts/gen_demo.py", file=sys.stderr)
        else:
            path.write_text(text)
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
