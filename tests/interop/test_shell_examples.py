"""What README, tutorial and the page on users tell to type in a shell: each command is run, here or in a test that is named here."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.interop.ours import OurBroker

from corewire.errors import ConfigError
from corewire_server.cli.run import _read, configure
from corewire_transports.threads import connect

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "docs" / "tutorial" / "first-broker.md"]
USERS = ROOT / "docs" / "howto" / "users.md"
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
    "kill -9 $(cat data/lock)": "test_client_kills.py; the broker of this test has more to do",
    f"while true; do {CLIENT}; done": "run once, below",
}


def commands(page: Path) -> list[str]:
    """The lines of its shell examples, without comments."""
    blocks: list[str] = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    lines = [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def run(words: list[str], folder: Path, **environment: str) -> str:
    """What a command prints."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env: Mapping[str, str] = os.environ | {"PATH": path} | environment
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{shlex.join(words)}: {done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_commands_do_what_the_pages_say(our_broker: OurBroker) -> None:
    printed = {}
    for command in [line for page in PAGES for line in commands(page) if line not in ELSEWHERE]:
        words = shlex.split(command)
        if command == CLIENT:
            words.append(f"{our_broker.url}?resilient=true")
        printed[command] = run(words, ROOT, COREWIRE_URL=our_broker.url)
    messages = "2 apples\n1 pear\n"
    assert printed == {
        'corewire produce orders "2 apples" "1 pear"': "",
        "corewire browse orders": messages,
        "corewire consume orders --message-count 2": messages,
        CLIENT: "invoice for 2 apples\n",
    }


@pytest.mark.slow
def test_broker_with_a_user_takes_the_message_of_the_page(tmp_path: Path) -> None:
    broker, produce = commands(USERS)
    program, verb, *options = shlex.split(broker)
    assert (program, verb, *options[:2]) == ("corewire", "run", "--host", "0.0.0.0")  # not here: others could reach it
    (tmp_path / "secret.txt").write_text("secret\n")
    with OurBroker(tmp_path / "ours", *options[2:]) as ours:
        run(shlex.split(produce.replace("tcp://localhost:61616", ours.url)), tmp_path)
        with (
            connect(ours.url, user="ann", password="secret") as client,
            client.session() as session,
            session.browser("orders") as orders,
        ):
            assert [message.text for message in orders] == ["hello"]


def test_broker_without_users_is_refused_in_the_words_of_the_page() -> None:
    (shown,) = re.findall(r"^\$ corewire run (.*)\nerror: (.*)$", USERS.read_text(), re.MULTILINE)
    options, said = shown
    with pytest.raises(ConfigError, match=re.escape(said)):
        configure(_read(shlex.split(options)))


def test_no_command_is_excused_that_no_page_has() -> None:
    assert set(ELSEWHERE) <= {line for page in PAGES for line in commands(page)}
