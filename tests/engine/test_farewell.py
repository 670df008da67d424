"""Three goodbyes by version, one value."""

from __future__ import annotations

import pytest

from corewire._farewell import Farewell, FarewellPacket, farewell_packet, read_farewell
from corewire.events import DisconnectReason
from corewire.wire.packets import Disconnect, DisconnectV2, DisconnectV3, TransportConfiguration

TARGET = TransportConfiguration("netty", "factory", {"host": "other"})
SCALE_DOWN = Farewell("n1", DisconnectReason.SCALE_DOWN, "n2", TARGET)
SHUT_DOWN = Farewell("n1", DisconnectReason.SHUT_DOWN, "n2")


@pytest.mark.parametrize(
    ("version", "farewell", "packet"),
    [
        (136, SCALE_DOWN, DisconnectV3("n1", 2, "n2", TARGET)),
        (131, SHUT_DOWN, DisconnectV3("n1", 4, "n2")),
        (130, SCALE_DOWN, DisconnectV2("n1", "n2")),
        (125, SHUT_DOWN, DisconnectV2("n1", None)),
        (124, SCALE_DOWN, Disconnect("n1")),
        (0, SCALE_DOWN, Disconnect("n1")),
    ],
)
def test_packet_is_what_the_client_understands(version: int, farewell: Farewell, packet: FarewellPacket) -> None:
    assert farewell_packet(farewell, version) == packet


@pytest.mark.parametrize(
    ("packet", "farewell"),
    [
        (DisconnectV3("n1", 2, "n2", TARGET), SCALE_DOWN),
        (DisconnectV3(None, -1), Farewell(None, DisconnectReason.SHUT_DOWN)),
        (DisconnectV3(None, 77), Farewell(None, DisconnectReason.SHUT_DOWN)),
        (DisconnectV2("n1", None), Farewell("n1", DisconnectReason.SCALE_DOWN)),
        (Disconnect("n1"), Farewell("n1", DisconnectReason.SHUT_DOWN)),
    ],
)
def test_goodbye_is_read_as_the_reference_client_does(packet: FarewellPacket, farewell: Farewell) -> None:
    assert read_farewell(packet) == farewell
