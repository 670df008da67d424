"""The client's cases with their full counts: as many rounds as ``COREWIRE_ROUNDS`` says, in every world."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CASES = ["tests/engine/test_client_cases.py", "tests/transports/worlds/test_cases.py"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_cases_of_the_client_with_full_counts() -> None:
    environment = {"COREWIRE_ROUNDS": "300", **os.environ}
    command = [sys.executable, "-X", "dev", "-m", "pytest", "-q", *CASES]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    print(done.stdout[-2000:])
    assert done.returncode == 0, done.stdout[-5000:]
