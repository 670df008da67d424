"""What the pages on running a pair tell to type, typed: on one machine with real processes, and the options for two."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.interop.ours import PROGRAM
from tests.interop.ports import free_port

from corewire_server.cli.run import _read, configure
from corewire_server.config import LINK_OFFSET

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

pytestmark = [pytest.mark.interop, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/howto/run-a-pair.md").read_text()
TUTORIAL = (ROOT / "docs/tutorial/exactly-once.md").read_text()
Rows = list[dict[str, Any]]


def typed(page: str = PAGE) -> list[str]:
    """The commands of its shell examples."""
    return [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]


class Shell:
    """Terminals in one folder, on ports that are free in place of the page's."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.ports = {each: str(free_port(beside=LINK_OFFSET)) for each in ("61616", "61617")}
        self.environment = os.environ | {"PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"}
        self._stack = stack
        self._nodes: list[subprocess.Popen[bytes]] = []
        stack.callback(self._end)

    @property
    def url(self) -> str:
        return ",".join(f"tcp://127.0.0.1:{port}" for port in self.ports.values())

    def words(self, command: str) -> list[str]:
        """A command with our ports; the first node's is on no command line of the page, as it is the default."""
        words = shlex.split(re.sub("6161[67]", lambda found: self.ports[found[0]], command))
        return [*words, "--port", self.ports["61616"]] if words[1] == "run" and "--port" not in words else words

    def start(self, command: str) -> None:
        """Start a node, and leave it running."""
        log = self._stack.enter_context((self.folder / "run.log").open("ab"))
        self._nodes.append(
            subprocess.Popen(
                self.words(command), cwd=self.folder, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )
        )

    def run(self, command: str, *, code: int = 0) -> str:
        """Run a command to its end. Returns what it printed."""
        done = subprocess.run(
            self.words(command),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == code, f"{command}: {done.returncode}: {done.stderr}\n{self.log}"
        return done.stdout + done.stderr

    def send(self, folder: str, number: signal.Signals) -> None:
        """Signal the node on a data folder, by the process id in its lock."""
        pid = int((self.folder / folder / "lock").read_text())
        os.kill(pid, number)
        if number is signal.SIGKILL:
            next(node for node in self._nodes if node.pid == pid).wait(30)

    @property
    def log(self) -> str:
        return (self.folder / "run.log").read_text()

    def looks(self) -> Generator[Rows]:
        """What ``corewire cluster show --watch`` prints, look by look."""
        words = ["corewire", "cluster", "show", "--watch", "100ms", "--json", "--url", self.url]
        with subprocess.Popen(
            self.words(shlex.join(words)), env=self.environment, stdout=subprocess.PIPE, text=True
        ) as show:
            assert show.stdout is not None
            rows: Rows = []
            try:
                for line in show.stdout:
                    rows.append(json.loads(line))
                    if len(rows) == 2:
                        yield rows
                        rows = []
            finally:
                show.send_signal(signal.SIGINT)
                assert show.wait(30) == 130

    def until(self, wanted: Callable[[dict[str, Any], dict[str, Any]], bool]) -> Rows:
        """Look until both rows are as wanted; the time-out of the test ends it."""
        looks = self.looks()
        rows = next(rows for rows in looks if wanted(*rows))
        looks.close()
        return rows

    def _end(self) -> None:
        for node in self._nodes:
            if node.poll() is None:
                node.kill()
                node.wait(30)


def in_step(one: dict[str, Any], two: dict[str, Any]) -> bool:
    return bool(one["in_step"] and two["in_step"])


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with ExitStack() as stack:
        yield Shell(tmp_path, stack)


def roles(rows: Rows) -> list[str]:
    return [row["role"] for row in rows]


def test_page_from_its_first_command_to_its_last(shell: Shell) -> None:
    commands = typed()
    run_one, run_two, show, produce, kill, consume, again, switch = commands
    shell.start(run_one)
    shell.start(run_two)
    assert roles(shell.until(in_step)) == ["primary", "backup"]
    shown = shell.run(show).splitlines()
    assert [line.split("\t")[1:5] for line in shown[1:]] == [
        ["primary", "true", "2", "true"],
        ["backup", "false", "2", "true"],
    ]
    shell.run(produce)
    assert kill == "kill -9 $(cat one/lock)"
    shell.send("one", signal.SIGKILL)
    rows = shell.until(lambda _, two: bool(two["serves"]))
    assert (roles(rows), rows[1]["epoch"]) == (["unreachable", "primary"], 3)
    assert shell.run(consume).startswith("2 apples\n1 pear\n")
    shell.start(again)
    assert roles(shell.until(in_step)) == ["backup", "primary"]
    shell.run(switch)
    rows = shell.until(in_step)
    assert (roles(rows), rows[0]["epoch"]) == (["primary", "backup"], 4)


def test_tutorial_has_as_many_invoices_as_orders(shell: Shell) -> None:
    run_one, run_two, orders, invoices, kill = typed(TUTORIAL)
    assert kill == "kill -9 $(cat one/lock)"  # in the midst of such programs: test_pair_exactly_once.py
    shell.start(run_one)
    shell.start(run_two)
    shell.until(in_step)
    assert shell.run(orders.replace("docs/", f"{ROOT}/docs/").replace("20000", "200")).startswith("200 orders, ")
    assert shell.run(invoices.replace("docs/", f"{ROOT}/docs/")) == "200 invoices\n"


def test_node_that_may_not_know_takes_over_by_order_only(shell: Shell) -> None:
    run_one, run_two = typed()[:2]
    shell.start(run_one)
    shell.start(run_two)
    shell.until(in_step)
    shell.send("one", signal.SIGSTOP)  # its sockets stand, and the lease of the other runs out
    shell.until(lambda _, two: not two["in_step"])
    shell.send("one", signal.SIGKILL)
    rows = shell.until(lambda one, two: one["role"] == "unreachable" and two["lease_age_ms"] > 4000)
    assert (rows[1]["role"], rows[1]["serves"], bool(rows[1]["waits_for"])) == ("backup", False, True)
    order = f"corewire cluster failover --url {shell.url}"
    told = shell.run(order, code=2)
    assert "nothing was ordered" in told
    assert "s ago" in told
    assert not shell.until(lambda _one, _two: True)[1]["serves"]
    assert "serves in epoch 3" in shell.run(f"{order} --old-process-is-dead")
    assert [row["serves"] for row in shell.until(lambda _, two: bool(two["serves"]))] == [None, True]
    assert "corewire cluster switch" in shell.run(f"{order} --old-process-is-dead", code=1)


def test_the_one_of_two_that_comes_back_waits_for_the_other_or_for_an_order(shell: Shell) -> None:
    run_one, run_two = typed()[:2]
    shell.start(run_one)
    shell.start(run_two)
    shell.until(in_step)
    shell.send("two", signal.SIGSTOP)  # so that it cannot take over in between
    shell.send("one", signal.SIGKILL)
    shell.send("two", signal.SIGKILL)
    shell.start(run_two)
    rows = shell.until(lambda _, two: two["role"] == "waiting")
    assert "in step in epoch 2" in rows[1]["waits_for"]
    assert "nothing was ordered" in shell.run(f"corewire cluster failover --url {shell.url}", code=2)
    shell.run(f"corewire cluster failover --old-process-is-dead --url {shell.url}")
    shell.start(run_one)
    assert roles(shell.until(in_step)) == ["backup", "primary"]


def test_options_for_two_machines_are_options(tmp_path: Path) -> None:
    for name in ("users.txt", "cluster.txt"):
        (tmp_path / name).write_text("secret\n")
    joined = PAGE.replace("\\\n", " ")
    commands = re.findall(r"^(?:one|two)\$ corewire run (.*)$", joined, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        words = re.sub(r"(\w+\.txt)", lambda found: str(tmp_path / found[1]), command)
        config = configure(_read(shlex.split(words)))
        assert config.ha_policy is not None
        assert config.cluster_password == "secret"
        assert config.link_port == 61716
