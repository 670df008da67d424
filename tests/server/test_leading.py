"""What a led client is told of the pair: first that this node is live and the primary behind it, then the truth; all else as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corewire.wire import packets, registry
from corewire.wire.versions import VERSION
from corewire_server.node.leading import Leading

HERE, LIVE = "10.0.0.2:61616", "10.0.0.1:61617"


def connector(name: str, address: str) -> packets.TransportConfiguration:
    host, _, port = address.rpartition(":")
    return packets.TransportConfiguration(name, "factory", {"port": port, "host": host})


def topology(
    kind: type[packets.ClusterTopologyV3 | packets.ClusterTopologyV4], primary: str | None, backup: str | None
) -> bytes:
    packet = kind(
        exit=False,
        node_id="node",
        unique_event_id=7,
        primary=None if primary is None else connector("live", primary),
        backup=None if backup is None else connector("backup", backup),
        last=True,
    )
    return registry.encode(packet, 0, VERSION)


@pytest.mark.parametrize("kind", [packets.ClusterTopologyV3, packets.ClusterTopologyV4])
@pytest.mark.parametrize("backup", [HERE, None])
def test_the_nodes_change_places(
    kind: type[packets.ClusterTopologyV3 | packets.ClusterTopologyV4], backup: str | None
) -> None:
    """Also when this node has just lost its place: who was led here still has no other way back."""
    told = registry.decode(Leading(HERE).feed(topology(kind, LIVE, backup)), VERSION)
    assert isinstance(told, kind)
    assert told.primary is not None
    assert told.backup is not None
    assert told.primary.params == {"port": "61616", "host": "10.0.0.2"}
    assert told.backup == connector("live", LIVE)
    assert (told.node_id, told.unique_event_id, told.last) == ("node", 6, True)


@pytest.mark.parametrize("kind", [packets.CreateSessionResponse, packets.ReattachSessionResponse])
def test_the_truth_follows_when_there_is_a_session(
    kind: type[packets.CreateSessionResponse | packets.ReattachSessionResponse],
) -> None:
    answer = (
        packets.CreateSessionResponse(VERSION)
        if kind is packets.CreateSessionResponse
        else packets.ReattachSessionResponse(3, reattached=True)
    )
    session = registry.encode(answer, 1, VERSION)
    truth = topology(packets.ClusterTopologyV4, LIVE, HERE)
    leading = Leading(HERE)
    first = leading.feed(truth)
    assert truth not in first
    assert leading.feed(session) == truth + session
    assert leading.feed(session) == session
    assert leading.feed(truth) == first + truth, "from now on both at once"


def test_who_does_not_know_where_it_is_says_nothing_of_it() -> None:
    unknown = topology(packets.ClusterTopologyV4, None, None)
    assert Leading(HERE).feed(unknown) == unknown


@given(st.data())
def test_all_else_passes_however_it_is_cut(data: st.DataObject) -> None:
    frame = topology(packets.ClusterTopologyV4, LIVE, HERE)
    other = registry.encode(packets.Ping(60_000), 0, VERSION) + registry.encode(packets.NullResponse(3), 11, VERSION)
    stream = other + frame + other + b"\0\0\0\x05" + bytes([17 + 256 - 34]) + b"junk" + other
    whole = Leading(HERE).feed(stream)
    assert whole.startswith(other)
    assert whole.endswith(other)
    leading, got, at = Leading(HERE), b"", 0
    while at < len(stream):
        end = data.draw(st.integers(at + 1, len(stream)))
        got += leading.feed(stream[at:end])
        at = end
    assert got == whole


def test_what_is_no_frame_passes_too() -> None:
    assert Leading(HERE).feed(b"hello, world") == b"hello, world"
