"""The embedding examples of the documentation run, also over a proxy that ends links."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HOWTO = Path(__file__).parent.parent.parent / "docs" / "howto"


@pytest.mark.parametrize("name", ["embedding_selector.py", "embedding_tornado.py"])
def test_embedding_example_runs(name: str, url: str) -> None:
    if "tornado" in name:
        pytest.importorskip("tornado")
    done = subprocess.run(
        [sys.executable, "-X", "dev", str(HOWTO / name), url], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr
