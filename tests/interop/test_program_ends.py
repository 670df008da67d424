"""How the program ends, as a process: every exit code, Ctrl-C once and twice, readers that have enough, terminals."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.interop.artemis import Artemis

pytestmark = [pytest.mark.interop, pytest.mark.slow]

PROGRAM = [sys.executable, "-m", "corewire_server"]


def corewire(*words: str, text: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | environment
    return subprocess.run(
        [*PROGRAM, *words], input=text, capture_output=True, text=True, env=env, timeout=60, check=False
    )


@pytest.fixture
def at(our_broker: Artemis) -> tuple[str, str]:
    return "--url", our_broker.url


def test_0_and_1_say_whether_all_came(at: tuple[str, str]) -> None:
    assert corewire(*at, "produce", "ends-01", "x").returncode == 0
    done = corewire("consume", *at, "ends-01", "--message-count", "2", "--receive-timeout", "200ms")
    assert (done.returncode, done.stdout) == (1, "x\n")


def test_2_is_wrong_usage_and_names_the_nearest(at: tuple[str, str]) -> None:
    done = corewire("produce", *at, "q", "x", "--prority", "3")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: produce: unknown option --prority\n  try: --priority\n"
    for words in (
        ["queue", "list"],
        ["run", "--primary"],
        ["consume", "q", "--threads", "0"],
    ):
        done = corewire(*words)
        assert done.returncode == 2, words
        assert done.stderr.startswith("error: ")


def test_3_is_no_connection_said_once() -> None:
    done = corewire("produce", "--url", "tcp://127.0.0.1:1", "q", "x")
    assert done.returncode == 3
    first, on, hint = done.stderr.splitlines()
    assert first.count("NOT_CONNECTED") == 1
    assert "tcp://" not in first
    assert on == "  on tcp://127.0.0.1:1"
    assert hint.startswith("  try: ")


def test_4_is_a_refusal(at: tuple[str, str]) -> None:
    done = corewire("browse", *at, "ends-nowhere", "--json")
    assert (done.returncode, done.stdout) == (4, "")
    assert '"code": "QUEUE_DOES_NOT_EXIST"' in done.stderr


def test_5_is_a_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        done = corewire(
            "produce", "--url", f"tcp://127.0.0.1:{port}?reconnectAttempts=0", "--timeout", "300ms", "q", "x"
        )
    assert done.returncode == 5


@contextmanager
def waiting(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A consumer that has written a line and waits for more."""
    with subprocess.Popen([*PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "x\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("threads", ["1", "3"])
def test_130_is_an_interruption_after_a_clean_close(at: tuple[str, str], threads: str) -> None:
    queue = f"ends-130-{threads}"
    assert corewire("produce", *at, queue, "x").returncode == 0
    with waiting("consume", *at, queue, "--threads", threads) as process:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "Traceback" not in err


def test_second_ctrl_c_ends_at_once_where_the_broker_does_not_answer() -> None:
    run = [*PROGRAM, "run", "--memory", "--port", "0"]
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as broker:
        assert broker.stdout is not None
        try:
            url = re.search(r"tcp://\S+", broker.stdout.readline())
            assert url is not None
            assert corewire("produce", "--url", url[0], "q", "x").returncode == 0
            with waiting("consume", "--url", url[0], "q") as process:
                broker.send_signal(signal.SIGSTOP)
                code = None
                while code is None:
                    process.send_signal(signal.SIGINT)
                    with suppress(subprocess.TimeoutExpired):
                        code = process.wait(timeout=0.2)
                assert code == -signal.SIGINT  # which a shell calls 130
        finally:
            broker.kill()


def test_a_reader_that_has_enough_ends_it_quietly(at: tuple[str, str]) -> None:
    assert corewire("produce", *at, "ends-head", "--message-count", "200", "--text-size", "2000").returncode == 0
    line = " ".join([*PROGRAM, "browse", *at, "ends-head", "--quiet"])
    done = subprocess.run(["sh", "-c", f"{line} | head -1"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("a" * 2000 + "\n", "")


def on_a_terminal(*words: str, **environment: str) -> str:
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    env = os.environ | {"TERM": "xterm", "COLUMNS": "200"} | environment
    with subprocess.Popen(
        [*PROGRAM, *words], stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, env=env
    ) as process:
        os.close(theirs)
        parts: list[bytes] = []
        try:
            while data := os.read(ours, 65536):
                parts.append(data)
        except OSError:  # Linux' way to say that the other end is closed
            pass
        process.wait(timeout=30)
    os.close(ours)
    return b"".join(parts).decode().replace("\r\n", "\n")


def test_terminals_get_tables_and_colours_and_pipes_get_tabs(at: tuple[str, str]) -> None:
    assert corewire("produce", *at, "ends-tty", "hello").returncode == 0
    words = ("browse", *at, "ends-tty", "--headers")
    shown = on_a_terminal(*words, NO_COLOR="")
    assert "\x1b[1m" in shown
    assert "\t" not in shown
    plain = on_a_terminal(*words, "--no-color")
    assert "\x1b" not in plain
    header, row = plain.splitlines()
    assert header.index("body") == row.index("hello")
    piped = corewire(*words).stdout
    assert [line.count("\t") for line in piped.splitlines()] == [8, 8]


def test_options_come_from_the_environment_and_stand_anywhere(our_broker: Artemis) -> None:
    assert corewire("--quiet", "produce", "ends-env", "x", COREWIRE_URL=our_broker.url).stderr == ""
    done = corewire("-v", "produce", "ends-env", "y", COREWIRE_URL=our_broker.url)
    assert re.search(r"^ID:[0-9a-f-]{36}$", done.stderr, re.MULTILINE)
    done = corewire("consume", "ends-env", "--message-count", "2", "--threads", "2", COREWIRE_URL=our_broker.url)
    assert sorted(done.stdout.splitlines()) == ["x", "y"]


def test_a_pipe_of_two_programs_copies(at: tuple[str, str]) -> None:
    given = '{"body": null, "type": "text", "properties": {"b": {"$byte": 1}}}\n{"body": {"$bytes": "AQ=="}, "type": "default"}\n'
    assert corewire("produce", *at, "ends-from", "--from-json", text=given).returncode == 0
    taken = corewire("consume", *at, "ends-from", "--json", "--message-count", "2").stdout
    assert corewire("produce", *at, "ends-to", "--from-json", text=taken).returncode == 0
    again = corewire("consume", *at, "ends-to", "--json", "--message-count", "2").stdout
    differing = re.compile(r'"(timestamp|broker_id|address)": ("[^"]*"|\d+)')
    assert differing.sub("", again) == differing.sub("", taken)
    assert '"type": "text"' in taken
    assert '"body": null' in taken
