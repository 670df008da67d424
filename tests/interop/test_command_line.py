"""``corewire produce``, ``consume`` and ``browse`` against a broker of ours and a real Artemis."""

from __future__ import annotations

import io
import json
import uuid
from typing import TYPE_CHECKING

import pytest

from corewire_server.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from tests.interop.artemis import Artemis
    from tests.interop.ours import OurBroker


@pytest.fixture(params=["our_broker", "artemis"])
def url(request: pytest.FixtureRequest) -> str:
    broker: Artemis = request.getfixturevalue(request.param)
    return broker.url


@pytest.fixture
def queue() -> str:
    return f"cli-{uuid.uuid4()}"


class Program:
    """Runs commands in this process against one broker; what they print is read after each."""

    def __init__(self, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.url = url
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def run(self, *words: str, text: str = "") -> tuple[int, str, str]:
        """Exit code, standard output and standard error of a command that is given ``text``."""
        self._monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        self._monkeypatch.setenv("COREWIRE_URL", self.url)
        code = main(list(words))
        out, err = self._capsys.readouterr()
        return code, out, err


@pytest.fixture
def program(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(url, monkeypatch, capsys)


def test_lines_go_in_and_come_out(program: Program, queue: str) -> None:
    assert program.run("produce", queue, text="one\ntwo\n")[0] == 0
    assert program.run("browse", queue)[:2] == (0, "one\ntwo\n")
    assert program.run("consume", queue, "--message-count", "2")[:2] == (0, "one\ntwo\n")
    code, out, err = program.run("consume", queue, "--message-count", "1", "--receive-timeout", "10")
    assert (code, out) == (1, "")
    assert "0 received" in err


def test_a_pipe_of_json_copies_exactly(program: Program, queue: str) -> None:
    options = [
        "--property",
        "n:long=7",
        "--property",
        "name=é",
        "--priority",
        "9",
        "--correlation-id",
        "c",
    ]
    assert program.run("produce", queue, "a", "b", "--non-persistent", *options)[0] == 0
    _, first, _ = program.run("consume", queue, "--json", "--receive-timeout", "100")
    assert program.run("produce", queue, "--from-json", text=first)[0] == 0
    _, second, _ = program.run("consume", queue, "--json", "--receive-timeout", "100")
    changes = {"broker_id", "timestamp"}
    copies = [
        [{name: value for name, value in json.loads(line).items() if name not in changes} for line in text.splitlines()]
        for text in (first, second)
    ]
    assert copies[0] == copies[1]
    assert [message["body"] for message in copies[0]] == ["a", "b"]
    assert copies[0][0]["properties"] == {"n": {"$long": 7}, "name": "é"}


def test_transactions_selectors_and_headers(program: Program, queue: str) -> None:
    for colour in ("red", "blue"):
        command = ["produce", queue, "--message-count", "5", "--text-size", "3", "--commit-interval", "2"]
        assert program.run(*command, "--property", f"colour={colour}")[0] == 0
    _, out, _ = program.run("browse", queue, "--filter", "colour = 'red'", "--headers")
    header, *rows = [line.split("\t") for line in out.splitlines()]
    assert [dict(zip(header, row, strict=True))["properties"] for row in rows] == ['{"colour": "red"}'] * 5
    command = ["consume", queue, "--filter", "colour = 'blue'", "--commit-interval", "2", "--receive-timeout", "100"]
    assert program.run(*command)[:2] == (0, "aaa\n" * 5)
    assert program.run("browse", queue)[1] == "aaa\n" * 5


def test_subscriptions_gather_while_nobody_is_there(program: Program, queue: str) -> None:
    nothing = ["--receive-timeout", "1", "--client-id", "cli"]
    named = (["--durable", "mine"], ["--shared", "ours"])
    for options in named:
        assert program.run("consume", f"topic://{queue}", *options, *nothing)[:2] == (0, "")
    assert program.run("produce", f"topic://{queue}", "news")[0] == 0
    for options in named:
        assert program.run("consume", queue, *options, "--message-count", "1", "--client-id", "cli")[:2] == (
            0,
            "news\n",
        )
    assert program.run("consume", f"queue://{queue}", "--durable", "mine")[0] == 2
    assert program.run("consume", f"address://{queue}")[0] == 2


def test_files_go_in_and_come_out(program: Program, queue: str, tmp_path: Path) -> None:
    body = bytes(range(256))
    (tmp_path / "in").write_bytes(body)
    assert program.run("produce", queue, "--file", str(tmp_path / "in"))[0] == 0
    assert program.run("consume", queue, "--message-count", "1", "--save", str(tmp_path / "out"))[0] == 0
    assert [path.read_bytes() for path in (tmp_path / "out").iterdir()] == [body]


def test_what_the_broker_refuses_is_4(program: Program, queue: str) -> None:
    code, out, err = program.run("browse", queue)
    assert (code, out) == (4, "")
    assert err.splitlines()[:-1] == [
        f"error: queue '{queue}' does not exist (QUEUE_DOES_NOT_EXIST 100)",
        f"  on {program.url}",
    ]
    assert err.splitlines()[-1].startswith("  try: ")
    assert program.run("consume", queue, "--filter", "a = = b")[0] == 4


@pytest.mark.parametrize(
    "words", [["--ttl", "soon"], ["--property", "x"], ["--property", "n:int=x"], ["--priority", "10"]]
)
def test_wrong_usage_is_2(program: Program, queue: str, words: list[str]) -> None:
    code, _, err = program.run("produce", queue, "text", *words)
    assert code == 2
    assert " on tcp" not in err


@pytest.mark.parametrize(
    "words", [["produce", "x://q", "text"], ["consume", "x://q"], ["browse", "x://q"], ["browse", "topic://q"]]
)
def test_what_is_no_destination_is_wrong_usage(program: Program, words: list[str]) -> None:
    assert program.run(*words)[0] == 2


def test_nobody_there_is_3(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    program = Program("tcp://127.0.0.1:1", monkeypatch, capsys)
    assert program.run("produce", "q", "text")[0] == 3


def test_a_large_file_goes_in_and_comes_out(
    artemis: Artemis, queue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = Program(f"{artemis.url}?maxCollectSize=1000", monkeypatch, capsys)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(bytes(range(256)) * 2_000)
    code, _, err = program.run("produce", queue, "--stream", str(source), "--message-count", "2", "--verbose")
    assert (code, err.count("ID:")) == (0, 2)
    assert program.run("produce", queue, "x" * 150_000)[0] == 0
    assert program.run("consume", queue, "--message-count", "3", "--save", str(target))[0] == 0
    assert [path.read_bytes() for path in sorted(target.iterdir(), key=lambda path: int(path.name))] == [
        *[source.read_bytes()] * 2,
        b"x" * 150_000,
    ]
    assert program.run("produce", queue, "--stream", str(source), "--threads", "2")[0] == 2
    assert program.run("produce", queue, "--stream", str(source), "--file", str(source))[0] == 2
    assert program.run("produce", queue, "--stream", str(tmp_path / "nothing"))[0] == 2


def test_our_broker_refuses_a_large_file(
    our_broker: OurBroker,
    queue: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(500_000))
    code, _, err = Program(our_broker.url, monkeypatch, capsys).run("produce", queue, "--stream", str(source))
    assert code != 0
    assert "large messages" in err
