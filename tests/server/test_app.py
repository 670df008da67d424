"""The program: commands that need no broker, wrong usage, a missing extra."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import TYPE_CHECKING

import pytest
from tests.engine.wire_vectors import CAPTURES, FOLDER, captured, vectors
from tests.server.packets import Talk, ethernet, pcap

from corewire.wire import registry
from corewire.wire.framing import MAGIC
from corewire.wire.packets import Ping, SessionStart
from corewire_server.cli import main
from corewire_server.cli.sources import pieces_of

if TYPE_CHECKING:
    from pathlib import Path

START = registry.encode(SessionStart(), 10, 136)
FRAME = registry.encode(Ping(connection_ttl=60_000), 0, 136).hex()


def give(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith("corewire 0.")
    assert main(["--json", "version", "-v"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"corewire", "python"}


@pytest.mark.parametrize("words", [["nonsense"], ["decode", "--nonsense"], ["produce"]])
def test_wrong_usage_is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert not capsys.readouterr().out


@pytest.mark.parametrize("words", [["demo", "extra"], ["cluster", "show", "extra"], ["run", "extra"]])
def test_a_word_too_many_is_named(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    called = " ".join(words[:-1])
    assert capsys.readouterr().err == f"error: {called} takes no 'extra'\n  try: corewire {called} --help\n"


def test_help_is_shown_as_it_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "--help"]) == 0
    assert "VERSION<TAB>HEX" in capsys.readouterr().out


def test_a_check_counts_and_names_the_bad_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, f"# a comment\n\n{FRAME}\n136\t{FRAME.upper()}\n{FRAME}00\nxyz\n")
    assert main(["decode", "--check"]) == 1
    out, err = capsys.readouterr()
    assert out == "2 ok, 2 bad\n"
    assert [line.split(",")[0] for line in err.splitlines()] == ["line 5", "line 6"]


@pytest.mark.parametrize("words", [["decode", "--check", "-"], ["decode", "-", "--check"], ["explain", "-"]])
def test_a_dash_is_standard_input(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, f"{FRAME}\n")
    assert main(words) == 0


def test_a_mistyped_kind_of_property_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["produce", "q", "x", "--property", "n:lang=7"]) == 2
    assert "'lang' is none of boolean, byte" in capsys.readouterr().err


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
    assert main(["explain", "--json", "--type", "ping", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["type"] == "PING"
    assert main(["explain", str(tmp_path / "nowhere")]) == 2


@pytest.fixture
def pcap_file(tmp_path: Path) -> Path:
    talk = Talk()
    packets = [*talk.opened(), talk.says(True, MAGIC + bytes.fromhex(FRAME)), talk.says(False, START)]
    path = tmp_path / "traffic.pcap"
    path.write_bytes(pcap([ethernet(one.packet()) for one in packets]))
    return path


def test_captures_are_explained_and_checked_by_their_content(
    pcap_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(pcap_file)]) == 0
    shown = capsys.readouterr().out
    assert shown.index("the magic ARTEMIS") < shown.index("PING (10)") < shown.index("SESS_START (67), channel 10")
    assert main(["decode", str(pcap_file)]) == 0
    assert [json.loads(line)["type"] for line in capsys.readouterr().out.splitlines()] == ["PING", "SESS_START"]
    assert main(["decode", "--check", str(pcap_file)]) == 0
    assert capsys.readouterr().out == "2 ok, 0 bad\n"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--channel", "10"], ["SESS_START"]),
        (["--channel", "0", "--channel", "10"], ["PING", "SESS_START"]),
        (["--type", "ping"], ["PING"]),
        (["--type", "67", "--channel", "0"], []),
        (["--port", "61616"], ["PING", "SESS_START"]),
        (["--port", "1"], []),
    ],
)
def test_frames_are_chosen(
    pcap_file: Path, capsys: pytest.CaptureFixture[str], words: list[str], shown: list[str]
) -> None:
    assert main(["explain", *words, str(pcap_file)]) == 0
    out = capsys.readouterr().out
    assert [name for name in ("PING", "SESS_START") if name in out] == shown


def test_bytes_are_shown_if_asked_for(pcap_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--hexdump", "--type", "SESS_START", str(pcap_file)]) == 0
    assert "     0  00 00 00 09 43 00 00 00  00 00 00 00 0a           ....C........\n" in capsys.readouterr().out


def test_a_packet_that_is_called_otherwise_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--type", "sess_strat"]) == 2
    assert capsys.readouterr().err == "error: --type: no packet is called sess_strat\n  try: --type SESS_START\n"


def test_all_vectors_and_captures_are_good(capsys: pytest.CaptureFixture[str]) -> None:
    files = [FOLDER / "wire.tsv", *CAPTURES]
    assert main(["decode", "--check", *map(str, files)]) == 0
    good, rest = capsys.readouterr().out.split(" ", 1)
    assert rest == "ok, 0 bad\n"
    assert int(good) == len(vectors()) + sum(1 for path in CAPTURES for _ in captured(path))


def test_bad_frames_of_files_are_named_with_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text(f"{FRAME}\n")
    bad.write_bytes(MAGIC + bytes.fromhex(FRAME) + bytes.fromhex(f"{FRAME}")[:7])
    assert main(["decode", "--check", str(good), str(bad)]) == 1
    out, err = capsys.readouterr()
    assert out == "2 ok, 1 bad\n"
    assert err == f"{bad}: byte {7 + len(FRAME) // 2}, no packet: 7 bytes of a frame of 21\n"


def test_a_file_is_followed_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "growing"
    path.write_text(f"{FRAME}\n")
    found = pieces_of(str(path), 136, follow=True)
    assert next(found).where == "line 1"
    with path.open("a") as stream:
        stream.write(f"{FRAME}\n")
    assert next(found).where == "line 2"


def test_a_pipe_that_is_followed_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.write(writing, f"{FRAME}\n".encode())
    os.close(writing)
    monkeypatch.delattr("time.sleep")
    with os.fdopen(reading) as pipe:
        monkeypatch.setattr("sys.stdin", pipe)
        assert [piece.where for piece in pieces_of("-", 136, follow=True)] == ["line 1"]


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "corewire_server.cli.app", raising=False)
    monkeypatch.delattr("corewire_server.cli.app", raising=False)
    monkeypatch.setitem(sys.modules, "cyclopts", None)
    assert main(["version"]) == 2
    assert capsys.readouterr().err == "error: cyclopts is not installed\n  try: pip install 'corewire[cli]'\n"
