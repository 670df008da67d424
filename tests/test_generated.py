"""Generated files are what a fresh run of their generators writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GENERATORS = sorted(path.name for path in (ROOT / "scripts").glob("gen_*.py"))


@pytest.mark.parametrize("generator", GENERATORS)
def test_generated_files_are_fresh(generator: str) -> None:
    done = subprocess.run(
        [sys.executable, f"scripts/{generator}", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
