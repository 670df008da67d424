"""What passes a proxy, written down."""

from __future__ import annotations

import io

from corewire.wire import registry
from corewire.wire.explain import explain
from corewire.wire.packets import Ping
from corewire_server.capture import Recorder
from corewire_server.proxy import Direction


def test_frames_are_written_whole_however_they_were_cut() -> None:
    frame = registry.encode(Ping(connection_ttl=60_000), 0, 136)
    out = io.StringIO()
    recorder = Recorder(out, title="one ping")
    recorder.opened(3)
    for at in range(len(b"ARTEMIS" + frame)):
        recorder.passed(3, Direction.TO_TARGET, (b"ARTEMIS" + frame)[at : at + 1])
    recorder.passed(3, Direction.TO_CLIENT, frame + frame[:5])
    recorder.closed(3, "eof C>S")
    lines = [line.rpartition(" t=")[0] or line for line in out.getvalue().splitlines()]
    assert lines == [
        "# scenario: one ping",
        "! 3 open broker",
        "3 C>S 415254454d4953  # magic ARTEMIS",
        f"3 C>S {frame.hex()}  # PING ch=0",
        f"3 S>C {frame.hex()}  # PING ch=0",
        f"! 3 S>C 5 bytes of a frame: {frame[:5].hex()}",
        "! 3 eof C>S",
    ]
    assert explain(out.getvalue()).count("PING (10), channel 0") == 2
