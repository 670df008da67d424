"""Captured traffic to frames: directions interleaved, versions followed, losses said, strangers passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.server.packets import FIN, Sent, Talk, ethernet, pcap, pcapng

from corewire.wire import registry
from corewire.wire.framing import MAGIC
from corewire.wire.packets import CreateSession, NullResponse, Ping, SessionStart
from corewire_server.cli.traffic import TrafficReader

if TYPE_CHECKING:
    from corewire.wire.pieces import Piece

PING = registry.encode(Ping(connection_ttl=60_000), 0, 136)
START = registry.encode(SessionStart(), 10, 136)


def create(version: int) -> bytes:
    return registry.encode(CreateSession("s", 10, version), 1, version)


def read(sent: list[Sent], *, port: int | None = None, form: object = pcap, version: int = 136) -> list[Piece]:
    packets = [ethernet(one.packet()) for one in sent]
    reader = TrafficReader(version, port=port)
    return [*reader.feed(pcap(packets) if form is pcap else pcapng(packets)), *reader.end()]


def names(found: list[Piece]) -> list[str]:
    return [
        piece.note if piece.frame is None else f"{registry.decode(piece.frame, piece.version).NAME} {piece.version}"
        for piece in found
    ]


def test_both_directions_stand_as_they_came_with_the_version_that_was_negotiated() -> None:
    talk = Talk()
    answer = registry.encode(NullResponse(3), 10, 131)
    sent = [
        *talk.opened(),
        talk.says(True, MAGIC + PING[:5]),
        talk.says(True, PING[5:]),
        talk.says(False, PING),
        talk.says(True, create(131) + START),
        talk.says(False, answer[:9]),
        talk.says(False, answer[9:]),
        talk.says(False, flags=FIN | 16),
    ]
    for form in (pcap, pcapng):
        found = read(sent, form=form)
        assert names(found) == [
            "the magic ARTEMIS",
            "PING 0",
            "PING 0",
            "CREATESESSION 0",
            "SESS_START 131",
            "NULL_RESPONSE 131",
            "the end of this direction",
        ]
        assert found[0].where == "1970-01-01T00:16:40.002000Z #1 127.0.0.1:40000 > 127.0.0.2:61616"
        assert "127.0.0.2:61616 > 127.0.0.1:40000" in found[2].where
        assert not [piece for piece in found if piece.bad]


def test_connections_are_told_apart_and_each_has_its_version() -> None:
    one, two = Talk(port=40001), Talk(port=40002)
    sent = [*one.opened(), *two.opened(), one.says(True, MAGIC + create(129)), two.says(True, MAGIC + create(136))]
    sent += [one.says(True, START), two.says(True, START)]
    assert names(read(sent))[-2:] == ["SESS_START 129", "SESS_START 136"]
    assert names(read(sent, port=40002)) == ["the magic ARTEMIS", "CREATESESSION 0", "SESS_START 136"]


def test_lost_bytes_are_said_and_reading_goes_on_at_the_next_frame() -> None:
    talk = Talk()
    sent = [*talk.opened(), talk.says(True, MAGIC + PING + START[:4])]
    talk.says(True, START[4:] + PING[:7])
    sent += [talk.says(True, PING[7:]), talk.says(False, PING), talk.says(True, START), talk.says(True, PING)]
    found = read(sent)
    assert names(found) == [
        "the magic ARTEMIS",
        "PING 0",
        "PING 0",
        f"{len(START) - 4 + 7} bytes are not in the capture",
        f"{len(PING) - 7} bytes passed over",
        "SESS_START 0",
        "PING 0",
    ]
    assert [piece.note for piece in found if piece.bad] == [found[3].note, found[4].note]


def test_a_capture_that_begins_in_the_middle_is_read_at_the_version_given() -> None:
    talk = Talk()
    talk.opened()
    assert names(read([talk.says(True, PING), talk.says(False, PING)], version=130)) == ["PING 130", "PING 130"]


def test_strangers_are_named_once() -> None:
    talk = Talk()
    sent = [
        *talk.opened(),
        talk.says(True, b"GET / HTTP/1.1\r\n"),
        talk.says(False, b"HTTP/1.1 200"),
        talk.says(True, PING),
    ]
    assert names(read(sent)) == ["not the CORE protocol, or begun before the capture: passed over"]


def test_a_frame_that_never_ends_and_a_broken_file_are_bad() -> None:
    talk = Talk()
    sent = [*talk.opened(), talk.says(True, MAGIC + PING[:9]), talk.says(True, flags=FIN | 16)]
    assert [piece.note for piece in read(sent) if piece.bad] == [
        "the end of this direction, 9 bytes of a frame before it"
    ]
    reader = TrafficReader(136)
    data = pcap([ethernet(sent[0].packet())])
    assert [piece.note for piece in [*reader.feed(data[:-3]), *reader.end()]] == ["67 bytes of a packet"]
    reader = TrafficReader(136)
    (bad,) = [*reader.feed(data + b"\xff" * 20), *reader.end()]
    assert bad.note.startswith("cannot be read on: a packet of")


def test_a_time_that_no_calendar_has_is_left_out() -> None:
    talk = Talk()
    packets = [ethernet(one.packet()) for one in (*talk.opened(), talk.says(True, MAGIC + PING))]
    ticks_of_seconds = pcapng(packets).replace(b"\x09\0\x01\0\x09", b"\x09\0\x01\0\x80")
    found = [*TrafficReader(136).feed(ticks_of_seconds)]
    assert [piece.where for piece in found] == ["#1 127.0.0.1:40000 > 127.0.0.2:61616"] * 2
