"""How commands are counted and answered."""

from __future__ import annotations

import pytest
from tests.server.helpers import Session, World, one, send_packet

from corewire.wire import packets


def test_answers_to_numbered_commands_carry_the_number_and_others_minus_one() -> None:
    session = World().connect().session()
    session.queue("q")
    assert session.publish("q", "x") == packets.NullResponse(-2)
    assert session.ask(packets.SessionCommit(-3)) == packets.NullResponse(-3)
    assert session.ask(packets.SessionCommit()) == packets.NullResponse(-1)
    assert session.ask(packets.SessionStop()) == packets.NullResponse(-1)
    assert session.ask(packets.DeleteQueue("none")) == packets.ExceptionResponse(100, "", None)


def test_before_version_130_answers_carry_no_number() -> None:
    session = World().connect(version=129).session()
    session.queue("q")
    session.client.read(0)
    session.client.read(1)
    session.tell(send_packet("q", "x", requires_response=True))
    assert [len(frame) for frame in session.client.frames] == [13]


def test_what_needs_no_answer_gets_none_even_if_it_fails() -> None:
    world = World()
    session = world.connect().session()
    session.tell(
        send_packet("activemq.management", "x"),
        packets.SessionAcknowledge(0, 1, requires_response=False),
        packets.CreateQueueV2("a", "", requires_response=False),
        packets.SessionAddMetadata2("k", "v", requires_confirmation=False),
        packets.CreateProducer(1, "a"),
        packets.RemoveProducer(1),
    )
    assert session.read() == []
    assert [log.level for log in world.logs] == ["warning", "info", "info"]  # the first asked for what is not built


def test_only_what_counts_is_counted() -> None:
    session = World().connect().session(window_size=0)
    session.tell(packets.SessionAddMetadata("k", "v"))
    assert session.read() == [packets.NullResponse(-1)]
    session.tell(packets.SessionAddMetadata2("k", "v", requires_confirmation=False))
    assert session.read() == []
    session.tell(packets.SessionAddMetadata2("k", "v"))
    assert session.read() == [packets.PacketsConfirmed(0), packets.NullResponse(-1)]


def test_closing_confirms_answers_and_frees_the_channel() -> None:
    world = World()
    session = world.connect().session(window_size=1 << 20)
    session.tell(packets.SessionStart(), packets.SessionClose())
    assert session.read() == [packets.PacketsConfirmed(1), packets.NullResponse(-1)]
    session.tell(packets.SessionQueueQuery("q"))
    assert session.read() == []


def test_confirming_what_was_never_sent_closes_the_session_only() -> None:
    world = World()
    client = world.connect()
    session, other = client.session(window_size=1_000), client.session()
    session.tell(packets.PacketsConfirmed(5))
    session.tell(packets.SessionQueueQuery("q"))
    assert session.read() == []
    assert not other.ask(packets.SessionQueueQuery("q")).exists
    assert one([log.level for log in world.logs]) == "warning"


@pytest.mark.parametrize("kind", [b"\x00", b"\x63", b"\x55"])
def test_an_unknown_packet_ends_the_link(kind: bytes) -> None:
    world = World()
    session: Session = world.connect().session()
    session.client.write(b"\0\0\0\x09" + kind + session.channel.to_bytes(8, "big"))
    assert world.closed == [session.client.link]


def test_what_only_a_broker_says_is_refused() -> None:
    session = World().connect().session()
    assert session.refused(packets.SessionProducerCredits(1, "q")) == 213
