"""What README and tutorial tell to type in a shell: each command is run, here or in a test that is named here."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.interop.ours import OurBroker

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "docs" / "tutorial" / "first-broker.md"]
CLIENT = "python docs/tutorial/first_client.py"
ELSEWHERE = {
    "corewire run": "the broker of this test",
    "corewire demo": "test_demo.py",
    "corewire demo --single": "test_demo.py",
    "make demo": "test_demo.py",
    "make test": "whoever runs this",
    "python3 -m venv .venv": "how this was installed",
    '.venv/bin/pip install -e ".[server]"': "how this was installed",
    ". .venv/bin/activate": "the path of this test",
    'pkill -9 -f "corewire run"': "test_client_kills.py; never in a test: it kills by name",
    f"while true; do {CLIENT}; done": "run once, below",
}


def commands(page: Path) -> list[str]:
    """The lines of its shell examples, without comments."""
    blocks: list[str] = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    lines = [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


@pytest.mark.slow
def test_commands_do_what_the_pages_say(our_broker: OurBroker) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"COREWIRE_URL": our_broker.url, "PATH": path}
    printed = {}
    for command in [line for page in PAGES for line in commands(page) if line not in ELSEWHERE]:
        words = shlex.split(command)
        if command == CLIENT:
            words.append(f"{our_broker.url}?resilient=true")
        done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        printed[command] = done.stdout
    messages = "2 apples\n1 pear\n"
    assert printed == {
        'corewire produce orders "2 apples" "1 pear"': "",
        "corewire browse orders": messages,
        "corewire consume orders --message-count 2": messages,
        CLIENT: "invoice for 2 apples\n",
    }


def test_no_command_is_excused_that_no_page_has() -> None:
    assert set(ELSEWHERE) <= {line for page in PAGES for line in commands(page)}
