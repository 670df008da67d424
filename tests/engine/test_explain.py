"""Frames for people: from hex, recordings and raw streams; whatever is broken is said in its place."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.engine.wire_vectors import CAPTURES, captured, vectors

from corewire import wire
from corewire.errors import ConfigError
from corewire.wire import packets, registry
from corewire.wire.explain import explain
from corewire.wire.framing import MAGIC
from corewire.wire.message import encode_message
from corewire.wire.pieces import pieces
from corewire.wire.versions import VERSION

if TYPE_CHECKING:
    from pathlib import Path

PING = bytes.fromhex("000000110a0000000000000000000000000000ea60")
CONFIRMED = bytes.fromhex("0000000d16000000000000000a00000004")
CONFIRMED_BLOCK = """\
byte 28: PACKETS_CONFIRMED (22), channel 10, 17 bytes
    13  command_id                            4
"""


def test_a_raw_stream_is_explained_frame_by_frame() -> None:
    text = explain(MAGIC + PING + CONFIRMED + CONFIRMED[:5])
    assert text.startswith("byte 0: the magic ARTEMIS\n\nbyte 7: PING (10), channel 0, 21 bytes\n")
    assert CONFIRMED_BLOCK in text
    assert text.endswith("byte 45: 5 bytes of a frame of 17\n")


def test_a_raw_stream_without_the_magic_is_known_by_its_first_byte() -> None:
    assert [piece.frame for piece in pieces(PING + CONFIRMED)] == [PING, CONFIRMED]


def test_a_stream_that_is_no_stream_says_where_it_ends() -> None:
    text = explain(MAGIC + PING + b"\0\0\0\x01" + bytes(20))
    assert text.endswith("byte 28: no frame: a frame length of 1, less than its header\n")


def test_hex_lines_may_have_their_version_before_them() -> None:
    found = list(pieces(f"# comment\n{PING.hex()}\n\n128\t{PING.hex()}\n".encode(), version=131))
    assert [(piece.where, piece.frame, piece.version) for piece in found] == [
        ("line 2", PING, 131),
        ("line 4", PING, 128),
    ]


def test_recordings_are_read_with_their_links_and_runs() -> None:
    text = "! app connect\n0 C>S 415254454d4953  # magic\n1 S>C 000000110a{00*12}0000ea60  # PING ch=0\n"
    found = list(pieces(text))
    assert [(piece.where, piece.frame, piece.note) for piece in found] == [
        ("line 2, link 0 C>S", None, "the magic ARTEMIS"),
        ("line 3, link 1 S>C", PING[:5] + bytes(12) + PING[-4:], ""),
    ]


def test_a_line_that_is_not_hex_is_noted() -> None:
    assert explain("what?\n") == "line 1: not hex\n"
    assert explain("") == ""


def test_a_frame_that_cannot_be_read_is_shown_with_the_reason() -> None:
    text = explain("0000000a0a000000000000000000\n00000009\n")
    assert "line 1: PING (10), channel 0, 14 bytes\n        cannot be read: PING: 8 bytes are needed" in text
    assert "        0000000a0a000000000000000000\n" in text
    assert "line 2: 4 bytes\n        cannot be read: 4 bytes are not the frame" in text


def test_nested_values_stand_below_their_field() -> None:
    message = encode_message(b"\x41", address="a", properties={"key": "va\ud800lue"})
    text = explain(registry.encode(packets.SessionSend(message, True, -2, 1), 10, VERSION))
    assert '            properties\n                key                           "va\\ud800lue"\n' in text
    assert "    85  requires_response                     true\n" in text
    connector = packets.TransportConfiguration("netty", "f.C", {"port": 61616})
    text = explain(registry.encode(packets.BackupRegistration("u", "p", True, connector), 3, VERSION))
    assert "            params\n                port                          61616\n" in text


def test_absent_fields_are_left_out() -> None:
    assert "correlation_id" not in explain(registry.encode(packets.NullResponse(None), 10, VERSION))
    assert "last " not in explain(registry.encode(packets.ClusterTopologyV2(True, "node", 1), 0, VERSION))


def test_all_vectors_are_explained() -> None:
    text = explain("\n".join(f"{vector.version}\t{vector.frame.hex()}" for vector in vectors()))
    assert "cannot be read" not in text
    assert text.count("\nline ") == len(vectors()) - 1


@pytest.mark.parametrize("path", CAPTURES[::10], ids=lambda path: path.stem)
def test_captures_are_explained(path: Path) -> None:
    text = explain("\n".join(f"{item.version}\t{item.frame.hex()}" for item in captured(path)))
    assert "cannot be read" not in text


def test_without_construct_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("corewire.wire.spec", "corewire.wire.types"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.delattr(wire, name.rpartition(".")[2], raising=False)
    monkeypatch.setitem(sys.modules, "construct", None)
    with pytest.raises(ConfigError, match=r"construct, which is not installed[^$]*pip install \"corewire\[cli\]\""):
        explain("")


def test_the_codec_is_not_in_need_of_construct() -> None:
    script = "import sys; from corewire.wire import registry, hot, inspect; sys.exit('construct' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
