"""``corewire run`` as a process: the ready line, signals, exit codes, and a start after kill -9."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.interop, pytest.mark.slow]


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "corewire_server", "run", "--port", "0", *words]


@contextmanager
def running(*words: str, cwd: Path | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A broker and its ready line."""
    with subprocess.Popen(
        command(*words), cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline()
        finally:
            process.kill()


def refused(*words: str) -> tuple[int, str]:
    done = subprocess.run(command(*words), capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_ready_line_and_an_orderly_stop(tmp_path: Path, number: int) -> None:
    with running("--data", str(tmp_path), "--name", "mine") as (process, line):
        said = re.fullmatch(r"mine ready on tcp://127\.0\.0\.1:\d+ as primary, epoch 1, in \d+\.\d{3} s\n", line)
        assert said, line
        process.send_signal(number)
        out, _ = process.communicate(timeout=30)
        assert (process.returncode, out) == (0, "")


def test_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with running("--data", str(tmp_path)) as (process, _):
        process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        assert process.wait(timeout=30) in (0, -signal.SIGINT, -signal.SIGTERM)


def test_start_after_kill_takes_a_new_epoch_and_the_lock_is_free(tmp_path: Path) -> None:
    for epoch in (1, 2, 3):
        with running("--data", str(tmp_path)) as (process, line):
            assert f"epoch {epoch}," in line
            process.kill()


def test_folder_in_use_is_refused_with_1(tmp_path: Path) -> None:
    with running("--data", str(tmp_path)) as (process, _):
        code, text = refused("--data", str(tmp_path))
        assert code == 1
        assert f"in use by process {process.pid}" in text


def test_damage_is_refused_with_1_and_named(tmp_path: Path) -> None:
    with running("--data", str(tmp_path)) as (process, _):
        process.kill()
    os.truncate(tmp_path / "journal" / "journal-0000000001", 5000)
    code, text = refused("--data", str(tmp_path))
    assert code == 1
    assert "journal-0000000001 at byte 5000: the file had 10485760 bytes and was cut" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--host", "0.0.0.0"), "--anonymous"),
        (("--user", "me"), "go together"),
        (("--port", "99999"), "out of range"),
        (("--port", "many"), "many"),
        (("--prot", "1"), "unknown option --prot\n  try: --port"),
        (("--primary",), "--primary is for a node with a peer\n  try: --peer tcp://host:port"),
        (("--new",), "--new is for a node with a peer"),
        (("--peer", "tcp://h:1"), "--primary or --backup"),
        (("--primary", "--backup", "--peer", "tcp://h:1"), "not allowed with"),
        (("--backup", "--peer", "tcp://example.org:1"), "--cluster-password-file FILE"),
        (("--backup", "--peer", "h:1"), "a peer is tcp://host:port"),
        (("--cluster-user", "me"), "needs a cluster password"),
        (("--web", "http://h:1"), "--web: the console is not built yet"),
        (("extra",), "'extra'"),
        (("--memory",), "not allowed with argument --data"),
        (("--user", "me", "--password", "a", "--password-file", "b"), "exclude"),
        (("--user", "me", "--password-file", "/nowhere/at/all"), "No such file"),
        (("--host", "203.0.113.7", "--anonymous"), "cannot listen"),
    ],
)
def test_wrong_usage_is_refused_with_2(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    code, text = refused("--data", str(tmp_path), *words)
    assert code == 2
    assert says in text


def test_open_door_that_was_asked_for_is_opened(tmp_path: Path) -> None:
    for words in (("--anonymous",), ("--user", "me", "--password", "secret")):
        with running("--data", str(tmp_path), "--host", "0.0.0.0", *words) as (_, line):
            assert "ready on tcp://0.0.0.0:" in line


def test_nothing_is_kept_in_memory_mode(tmp_path: Path) -> None:
    with running("--memory", cwd=tmp_path) as (_, line):
        assert "epoch 1," in line
    assert not list(tmp_path.iterdir())


def test_ready_line_may_be_json() -> None:
    with running("--memory", "--json", "--name", "mine") as (_, line):
        said = json.loads(line)
    assert set(said) == {"name", "urls", "role", "epoch", "seconds"}
    assert (said["name"], said["role"], said["epoch"]) == ("mine", "primary", 1)
    assert [re.fullmatch(r"tcp://127\.0\.0\.1:\d+", url) is not None for url in said["urls"]] == [True]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--prot", "1"], {"error": "run: unknown option --prot", "try": "--port"}),
        (["--primary"], {"error": "--primary is for a node with a peer", "try": "--peer tcp://host:port"}),
        (
            ["--host", "203.0.113.7", "--anonymous"],
            {"error": "cannot listen on tcp://203.0.113.7:0: Cannot assign requested address"},
        ),
    ],
)
def test_errors_may_be_json(words: list[str], said: dict[str, str]) -> None:
    code, text = refused("--json", "--quiet", "--memory", *words)
    assert code == 2
    assert json.loads(text) == said


def test_log_may_be_json_and_the_password_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush\n")
    words = ("--memory", "--user", "me", "--password-file", str(secret), "--log-format", "json", "--verbose")
    with running(*words) as (process, line):
        url = re.search(r"tcp://\S+", line)
        assert url is not None
        tried = [
            subprocess.run(
                [sys.executable, "-m", "corewire_server", "produce", "--url", url[0], *login, "q", "x"],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            for login in ((), ("--user", "me", "--password", "hush"))
        ]
        assert [done.returncode for done in tried] == [4, 0]
        assert "None" not in tried[0].stderr
        assert "  try: --user NAME" in tried[0].stderr
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert {"time", "level", "logger", "message"} <= set(json.loads(err.splitlines()[0]))
