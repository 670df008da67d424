"""Captures to segments, in every form that they have."""

from __future__ import annotations

import pytest
from tests.server.packets import Sent, Talk, cooked, cooked_2, ethernet, pcap, pcapng

from corewire_server.cli.pcap import Broken, CaptureReader, Segment

ONE = Sent(True, 7, b"hello", acknowledged=9)
SIX = Sent(False, 8, b"world", hosts=("::1", "::2"))


def read(data: bytes, *, size: int = 1 << 20) -> list[Segment]:
    reader = CaptureReader()
    found: list[Segment] = []
    for at in range(0, len(data), size):
        found += reader.feed(data[at : at + size])
    assert reader.rest == 0
    return found


@pytest.mark.parametrize(
    ("data", "link"),
    [
        (ethernet(ONE.packet()), 1),
        (ethernet(ONE.packet(), vlan=True), 1),
        (ethernet(ONE.packet()) + bytes(9), 1),  # padded by the card
        (ONE.packet(), 101),
        (b"\2\0\0\0" + ONE.packet(), 0),
        (cooked(ONE.packet()), 113),
        (cooked_2(ONE.packet()), 276),
    ],
)
def test_the_segment_is_found_behind_every_kind_of_link(data: bytes, link: int) -> None:
    (segment,) = read(pcap([data], link=link))
    assert (segment.source, segment.target) == ("127.0.0.1:40000", "127.0.0.2:61616")
    assert (segment.sequence, segment.acknowledged, segment.data, segment.missing) == (7, 9, b"hello", 0)


@pytest.mark.parametrize("order", ["<", ">"])
def test_times_are_read_in_every_order_and_unit(order: str) -> None:
    packets = [ethernet(ONE.packet()), ethernet(SIX.packet())]
    for data in (pcap(packets, order=order), pcap(packets, order=order, nano=True), pcapng(packets, order=order)):
        one, six = read(data)
        assert (one.time_ns, six.time_ns) == (1000 * 10**9, 1000 * 10**9 + 10**6)
        assert (six.source, six.data) == ("[::2]:61616", b"world")


@pytest.mark.parametrize("form", [pcap, pcapng])
def test_pieces_of_any_size_give_the_same(form: object) -> None:
    talk = Talk()
    packets = [ethernet(sent.packet()) for sent in (*talk.opened(), talk.says(True, b"x" * 50))]
    data = pcap(packets) if form is pcap else pcapng(packets)
    assert read(data, size=1) == read(data, size=7) == read(data)


def test_what_is_no_tcp_is_passed_over() -> None:
    udp = bytearray(ethernet(ONE.packet()))
    udp[14 + 9] = 17
    fragment = bytearray(ethernet(ONE.packet()))
    fragment[14 + 7] = 5
    assert read(pcap([bytes(udp), bytes(fragment), b"short", bytes(60)])) == []
    assert read(pcap([ONE.packet()], link=195)) == []


def test_a_packet_that_was_cut_says_what_is_missing() -> None:
    (segment,) = read(pcap([ethernet(ONE.packet())], cut=14 + 40 + 2))
    assert (segment.data, segment.missing) == (b"he", 3)


@pytest.mark.parametrize("bad", [pcap([])[:24] + b"\xff" * 16, pcapng([]) + b"\6\0\0\0\5\0\0\0\0\0\0\0"])
def test_a_lie_about_a_length_ends_the_reading(bad: bytes) -> None:
    with pytest.raises(Broken):
        list(CaptureReader().feed(bad))
