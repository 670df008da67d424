"""The program: commands that need no broker, wrong usage, a missing extra."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest

from corewire.wire import registry
from corewire.wire.packets import Ping
from corewire_server.cli import main

if TYPE_CHECKING:
    from pathlib import Path

FRAME = registry.encode(Ping(connection_ttl=60_000), 0, 136).hex()


def give(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith("corewire 0.")


@pytest.mark.parametrize("words", [["nonsense"], ["decode", "--nonsense"], ["produce"]])
def test_wrong_usage_is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert not capsys.readouterr().out


def test_a_check_counts_and_names_the_bad_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, f"# a comment\n\n{FRAME}\n136\t{FRAME.upper()}\n{FRAME}00\nxyz\n")
    assert main(["decode", "--check"]) == 1
    out, err = capsys.readouterr()
    assert out == "2 ok, 2 bad\n"
    assert [line.split(",")[0] for line in err.splitlines()] == ["line 5", "line 6"]


def test_a_clean_check_is_0(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    give(monkeypatch, f"{FRAME}\n")
    assert main(["decode", "--check"]) == 0
    assert capsys.readouterr().out == "1 ok, 0 bad\n"


def test_frames_become_objects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "frames"
    path.write_text(f"{FRAME}\nnonsense\n0000000102\n")
    assert main(["decode", str(path)]) == 1
    out, err = capsys.readouterr()
    assert [json.loads(line)["type"] for line in out.splitlines()] == ["PING"]
    assert "line 2" in err
    assert "line 3" in err


def test_frames_are_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "stream"
    path.write_bytes(b"ARTEMIS" + bytes.fromhex(FRAME))
    assert main(["explain", str(path)]) == 0
    assert "PING (10), channel 0" in capsys.readouterr().out
    assert main(["explain", str(tmp_path / "nowhere")]) == 2


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "corewire_server.cli.app", raising=False)
    monkeypatch.delattr("corewire_server.cli.app", raising=False)
    monkeypatch.setitem(sys.modules, "cyclopts", None)
    assert main(["version"]) == 2
    assert capsys.readouterr().err == "error: cyclopts is not installed\n  try: pip install 'corewire[cli]'\n"
