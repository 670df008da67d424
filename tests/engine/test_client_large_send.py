"""Large messages on their way out."""

from __future__ import annotations

import random
import zlib
from typing import Any

import pytest
from tests.engine.client_world import ClientWorld, fragile, resilient
from tests.engine.large_world import CHUNK, LargeWorld

from corewire.client.message import Message
from corewire.errors import BrokerError, CallTimeout, LocalProtocolError, NotConnected, Unblocked
from corewire.events import FailedOver, Reattached
from corewire.values import MessageType, Queue
from corewire.wire import packets

Q = Queue("q")
NOISE = random.Random(7).randbytes(20 * CHUNK)


def large(**fields: Any) -> LargeWorld:
    foreign = fields.pop("foreign", False)
    return LargeWorld(fragile(large_message_bytes_min=CHUNK, **fields), foreign=foreign)


def begin(world: LargeWorld, session: Any, **options: Any) -> int:
    return world.run(world.engine.begin_large(world.now, session, Q, Message(None), **options))


def test_a_body_above_the_limit_goes_in_chunks_of_the_limit() -> None:
    world = large()
    session = world.session()
    world.run(world.engine.send(world.now, session, Q, Message(NOISE[:2_500], priority=7)))
    [header] = world.headers
    assert (header.address, header.priority, header.type, header.body) == ("q", 7, MessageType.BYTES, b"")
    assert b"".join(chunk.data for chunk in world.chunks) == NOISE[:2_500]
    shapes = [(len(chunk.data), chunk.continues, chunk.message_body_size) for chunk in world.chunks]
    assert shapes == [(1_000, True, None), (1_000, True, None), (500, False, 2_500)]
    assert [chunk.requires_response for chunk in world.chunks] == [False, False, True]


@pytest.mark.parametrize(("size", "chunks"), [(CHUNK - 4, 0), (CHUNK - 3, 1), (CHUNK, 2), (3 * CHUNK, 4)])
def test_the_border_is_where_java_has_it(size: int, chunks: int) -> None:
    world = large()
    world.run(world.engine.send(world.now, world.session(), Q, Message(NOISE[:size])))
    assert len(world.chunks) == chunks
    assert not world.chunks or len(world.chunks[-1].data) == size % CHUNK


def test_with_a_window_every_chunk_is_answered() -> None:
    world = LargeWorld(resilient(large_message_bytes_min=CHUNK), foreign=True)
    session = world.session()
    world.run(world.engine.send(world.now, session, Q, Message(NOISE[:2_500])))
    assert [chunk.requires_response for chunk in world.chunks] == [True, True, True]
    ids = [chunk.correlation_id or 0 for chunk in world.chunks]
    assert ids == sorted(set(ids))


def test_every_piece_pays_its_credits() -> None:
    world = large(producer_window_bytes=100)
    world.run(world.engine.send(world.now, world.session(), Q, Message(NOISE[:2_500])))
    asked = sum(packet.credits for packet in world.packets_of(packets.SessionProducerRequestCredits))
    assert asked >= len(world.headers[0].header) + 2_500 + 3 * 31


def test_headers_as_large_as_a_chunk_are_refused_here() -> None:
    world = large()
    with pytest.raises(LocalProtocolError, match="headers and properties of"):
        world.engine.send(world.now, world.session(), Q, Message(NOISE, properties={"a": "x" * CHUNK}))


def test_what_is_sent_behind_a_whole_body_stays_behind_it() -> None:
    world = large(producer_window_bytes=100)
    session = world.session()
    for body in (NOISE[:2_500], b"small"):
        world.engine.send(world.now, session, Q, Message(body))
    world.pump()
    wanted = [name for name in world.sent if name in ("SESS_SEND", "SESS_SEND_LARGE", "SESS_SEND_CONTINUATION")]
    assert wanted == ["SESS_SEND_LARGE", *["SESS_SEND_CONTINUATION"] * 3, "SESS_SEND"]


def test_what_is_sent_beside_a_stream_passes_it() -> None:
    world = large()
    session = world.session()
    number = begin(world, session)
    world.run(world.engine.send_chunk(world.now, number, NOISE[:1_500]))
    world.run(world.engine.send(world.now, session, Q, Message(b"small")))
    assert len(world.chunks) == 1  # the rest waits for more
    world.run(world.engine.send_chunk(world.now, number, NOISE[1_500:2_600]))
    world.run(world.engine.send_chunk(world.now, number, b"", last=True))
    assert b"".join(chunk.data for chunk in world.chunks) == NOISE[:2_600]
    assert world.chunks[-1].message_body_size == 2_600


def test_an_empty_stream_is_a_header_and_an_empty_chunk() -> None:
    world = large()
    world.run(world.engine.send_chunk(world.now, begin(world, world.session()), b"", last=True))
    assert [(chunk.data, chunk.message_body_size) for chunk in world.chunks] == [(b"", 0)]


def test_large_messages_of_a_session_take_turns() -> None:
    world = large()
    session = world.session()
    first = begin(world, session)
    second = world.engine.begin_large(world.now, session, Queue("r"), Message(None))
    whole = world.engine.send(world.now, session, Queue("s"), Message(NOISE[:1_500]))
    world.pump()
    assert [second.done, whole.done] == [False, False]
    world.run(world.engine.send_chunk(world.now, first, b"1", last=True))
    assert second.done
    assert not whole.done
    world.engine.abort_large(world.now, second.result())
    world.run(whole)
    assert [header.address for header in world.headers] == ["q", "s"]


def test_a_stream_that_is_given_up_is_never_ended() -> None:
    world = large()
    session = world.session()
    number = begin(world, session)
    world.run(world.engine.send_chunk(world.now, number, NOISE[:2_500]))
    world.engine.abort_large(world.now, number)
    assert not [chunk for chunk in world.chunks if not chunk.continues]
    with pytest.raises(LocalProtocolError, match="has ended"):
        world.engine.send_chunk(world.now, number, b"more")
    world.run(world.engine.send(world.now, session, Q, Message(NOISE[:1_500])))


def test_a_whole_body_that_is_abandoned_half_way_is_never_ended() -> None:
    world = large(producer_window_bytes=100)
    session = world.session()
    world.run(world.engine.create_producer(world.now, session, Q))
    send = world.engine.send(world.now, session, Q, Message(NOISE))
    while not world.chunks:
        world.step()
    world.engine.abandon(world.now, send)
    world.pump()
    assert not [chunk for chunk in world.chunks if not chunk.continues]
    world.run(world.engine.send(world.now, session, Q, Message(b"next")))


@pytest.mark.parametrize("window", [None, 1_000_000])
def test_our_broker_refuses_by_name(window: int | None) -> None:
    world = ClientWorld(resilient(large_message_bytes_min=CHUNK, confirmation_window_bytes=window))
    session = world.session()
    with pytest.raises(BrokerError, match="large messages") as refused:
        world.run(world.engine.send(world.now, session, Q, Message(NOISE)))
    assert refused.value.code == 213
    number = world.run(world.engine.begin_large(world.now, session, Q, Message(None)))
    with pytest.raises(BrokerError, match="large messages"):  # noqa: PT012  # at the first chunk, or at the last
        world.run(world.engine.send_chunk(world.now, number, NOISE))
        world.run(world.engine.send_chunk(world.now, number, b"", last=True))
    world.run(world.engine.send(world.now, session, Q, Message(b"small")))


# -- compression --------------------------------------------------------------------------------------------------------------


def test_a_compressed_body_goes_as_one_stream_of_zlib() -> None:
    world = large(compress_large_message=True, compression_level=1)
    world.run(world.engine.send(world.now, world.session(), Q, Message(NOISE)))
    [header] = world.headers
    assert header.properties["_AMQ_LARGE_COMPRESSED"] is True
    assert zlib.decompress(b"".join(chunk.data for chunk in world.chunks)) == NOISE
    assert world.chunks[-1].message_body_size == len(NOISE)


def test_a_body_that_shrinks_below_the_limit_goes_as_an_ordinary_message() -> None:
    world = large()
    session = world.session()
    number = begin(world, session, compress=True)
    for _ in range(50):
        world.run(world.engine.send_chunk(world.now, number, bytes(CHUNK)))
    world.run(world.engine.send_chunk(world.now, number, b"", last=True))
    assert not world.chunks
    [delivery] = [world.run(world.engine.receive_immediate(world.now, world.consumer(session)))]
    assert delivery is not None
    assert delivery.data == bytes(50 * CHUNK)
    assert dict(delivery._of.properties)["_AMQ_LARGE_SIZE"] == 50 * CHUNK


# -- failures -----------------------------------------------------------------------------------------------------------------


def test_a_stream_whose_session_is_made_anew_ends() -> None:
    world = large(retry_interval_s=0.1)
    session = world.session()
    number = begin(world, session)
    world.run(world.engine.send_chunk(world.now, number, NOISE[:1_500]))
    world.cut()
    more = world.engine.send_chunk(world.now, number, NOISE)
    world.advance(1.0)
    with pytest.raises(Unblocked) as lost:
        more.result()
    assert lost.value.__cause__ is not None
    again = begin(world, session)
    world.run(world.engine.send_chunk(world.now, again, NOISE[:1_500], last=True))
    assert sum(not chunk.continues for chunk in world.chunks) == 1


def test_a_stream_of_which_nothing_was_written_goes_on_in_the_new_session() -> None:
    world = large(retry_interval_s=0.1)
    session = world.session()
    number = begin(world, session)
    world.cut()
    world.advance(1.0)
    world.run(world.engine.send_chunk(world.now, number, NOISE[:1_500], last=True))
    assert len(world.chunks) == 2


def test_a_whole_body_whose_end_was_not_written_begins_again() -> None:
    world = large(retry_interval_s=0.1, producer_window_bytes=100)
    session = world.session()
    world.run(world.engine.create_producer(world.now, session, Q))
    send = world.engine.send(world.now, session, Q, Message(NOISE[:5_500]))
    while len(world.chunks) < 3:
        world.step()
    world.cut()
    world.advance(1.0)
    world.run(send)
    assert len(world.headers) == 2
    assert b"".join(chunk.data for chunk in world.chunks[3:]) == NOISE[:5_500]


def test_a_whole_body_whose_end_was_written_may_have_arrived() -> None:
    world = large(retry_interval_s=0.1)
    world.mute = True
    send = world.engine.send(world.now, world.session(), Q, Message(NOISE[:1_500]))
    world.pump()
    world.cut()
    world.advance(1.0)
    with pytest.raises(Unblocked):
        send.result()


def test_given_up_it_never_arrived() -> None:
    world = large(reconnect_attempts=0)
    session = world.session()
    number = begin(world, session)
    world.run(world.engine.send_chunk(world.now, number, NOISE[:1_500]))
    world.cut()
    world.pump()
    with pytest.raises(NotConnected):
        world.run(world.engine.send_chunk(world.now, number, b"more"))


def test_in_an_outage_a_piece_waits_no_longer_than_for_a_broker() -> None:
    world = large(retry_interval_s=0.1, call_failover_timeout_s=3.0)
    number = begin(world, world.session())
    world.refusing.add("one")
    world.cut()
    more = world.engine.send_chunk(world.now, number, NOISE)
    world.advance(4.0)
    with pytest.raises(CallTimeout):
        more.result()


def cut_behind_a_chunk(*, ours: bool, arrives: bool) -> LargeWorld:
    config = resilient(large_message_bytes_min=CHUNK, retry_interval_s=0.1, producer_window_bytes=None)
    world = LargeWorld(config, foreign=not ours)
    session = world.session()
    number = begin(world, session)
    world.wire.stalled = not arrives
    chunk = world.engine.send_chunk(world.now, number, NOISE[:1_500])
    world.perform()
    world.pump()
    assert len(world.chunks) == 1
    world.cut()
    world.advance(1.0)
    assert chunk.done
    if ours or arrives:
        world.run(world.engine.send_chunk(world.now, number, NOISE[1_500:2_500], last=True))
    else:
        with pytest.raises(Unblocked):
            world.run(world.engine.send_chunk(world.now, number, NOISE[1_500:2_500], last=True))
    return world


def test_a_chunk_is_never_written_twice_to_a_broker_that_is_not_ours() -> None:
    world = cut_behind_a_chunk(ours=False, arrives=False)
    assert len(world.names(FailedOver)) == 1
    assert len(world.chunks) == 1


def test_where_no_chunk_was_under_way_a_stream_goes_on() -> None:
    world = cut_behind_a_chunk(ours=False, arrives=True)
    assert len(world.names(Reattached)) == 1
    assert b"".join(chunk.data for chunk in world.chunks) == NOISE[:2_500]


def test_to_a_broker_of_ours_a_chunk_is_written_again() -> None:
    world = cut_behind_a_chunk(ours=True, arrives=False)
    assert len(world.names(Reattached)) == 1
    assert b"".join(chunk.data for chunk in world.chunks) == NOISE[:1_000] + NOISE[:2_500]


def test_a_receipt_says_sent_when_the_last_chunk_is_written() -> None:
    world = large(producer_window_bytes=100)
    session = world.session()
    producer = world.run(world.engine.create_producer(world.now, session, Q))
    submitted = world.engine.submit(world.now, producer, Message(NOISE))
    while not world.chunks:
        world.step()
    assert not submitted.done
    receipt = world.run(submitted)
    assert world.engine.was_written(receipt)
    assert receipt.done
