"""Large messages on their way in."""

from __future__ import annotations

import zlib

import pytest
from tests.engine.large_world import NOISE, Stage, compressed

from corewire.errors import (
    BodyNotRead,
    CallTimeout,
    LargeMessageInterrupted,
    LocalProtocolError,
    NotConnected,
    ObjectClosed,
)
from corewire.values import AckMode, Long
from corewire.wire import packets
from corewire.wire.message import encode_message


def test_a_small_one_is_handed_out_whole_and_not_before() -> None:
    stage = Stage()
    stage.world.begin(stage.consumer, 1_500)
    stage.world.chunk(stage.consumer, NOISE[:1_000])
    assert stage.nowait() is None
    stage.world.chunk(stage.consumer, NOISE[1_000:1_500], last=True)
    delivery = stage.next()
    assert (delivery.data, delivery.is_large, delivery.body_bytes) == (NOISE[:1_500], False, 1_500)
    with pytest.raises(LocalProtocolError, match="in memory"):
        stage.read(delivery)


def test_a_larger_one_is_handed_out_at_once_and_read_as_it_comes() -> None:
    stage = Stage()
    stage.world.begin(stage.consumer, 4_000)
    delivery = stage.next()
    assert (delivery.is_large, delivery.body_bytes) == (True, 4_000)
    assert repr(delivery) == "<Delivery BYTES, 4000 bytes>"
    with pytest.raises(BodyNotRead, match="4000 bytes"):
        _ = delivery.data
    waiting = stage.read(delivery)
    assert not waiting.done
    stage.world.chunk(stage.consumer, NOISE[:2_000])
    assert waiting.result() == NOISE[:2_000]
    stage.world.chunk(stage.consumer, NOISE[2_000:4_000], last=True)
    assert stage.read(delivery).result() == NOISE[2_000:4_000]
    assert stage.read(delivery).result() == b""


@pytest.mark.parametrize("size", [0, 900, 3_000, 3_001, 9_500])
@pytest.mark.parametrize("read", [True, False])
def test_credits_come_back_to_the_byte(size: int, read: bool) -> None:
    stage = Stage(window=1)  # every credit is worth a packet
    cost = stage.large(NOISE[:size])
    delivery = stage.next()
    if delivery.is_large and read:
        assert stage.body(delivery) == NOISE[:size]
    assert stage.nowait() is None
    stage.world.perform()
    assert stage.given == cost


def test_what_is_collected_behind_others_holds_its_credits() -> None:
    stage = Stage(window=1)
    stage.world.small(stage.consumer, "first", 1)
    header = stage.world.begin(stage.consumer, 1_500, 2)
    chunk = stage.world.chunk(stage.consumer, NOISE[:1_000])
    assert stage.given == 0
    first = stage.next()
    stage.world.perform()
    assert stage.given > header + chunk  # with the first one's
    assert first.text == "first"


def test_what_nobody_reads_is_dropped_when_the_consumer_moves_on() -> None:
    stage = Stage()
    stage.world.begin(stage.consumer, 5_000)
    delivery = stage.next()
    waiting = stage.read(delivery)
    following = stage.world.engine.receive(stage.world.now, stage.consumer)
    with pytest.raises(LocalProtocolError, match="moved on"):
        waiting.result()
    for at in range(0, 5_000, 1_000):
        stage.world.chunk(stage.consumer, NOISE[at : at + 1_000], last=at == 4_000)
    stage.world.small(stage.consumer, "after", 2)
    assert following.result().text == "after"
    with pytest.raises(LocalProtocolError, match="moved on"):
        stage.read(delivery)


def test_the_marker_of_a_question_does_not_hide_what_is_arriving() -> None:
    stage = Stage()
    asked = stage.world.engine.receive_immediate(stage.world.now, stage.consumer)
    stage.world.perform()
    stage.world.begin(stage.consumer, 1_000)
    stage.answer(1)
    assert not asked.done
    stage.world.chunk(stage.consumer, NOISE[:1_000], last=True)
    delivery = asked.result()
    assert delivery is not None
    assert delivery.data == NOISE[:1_000]
    stage.world.begin(stage.consumer, 5_000, 2)
    stage.next()
    asked = stage.world.engine.receive_immediate(stage.world.now, stage.consumer)
    stage.answer(2)
    stage.world.chunk(stage.consumer, NOISE[:5_000], last=True)
    assert not asked.done  # the broker had not looked at what is behind it: it is asked again
    stage.answer(3)
    assert not asked.done  # nor is the first word behind a large message proof
    stage.answer(4)
    assert asked.result() is None


def test_an_answer_right_behind_a_large_message_is_no_answer() -> None:
    stage = Stage()
    stage.world.begin(stage.consumer, 5_000)
    stage.next()
    stage.world.chunk(stage.consumer, NOISE[:4_000])
    asked = stage.world.engine.receive_immediate(stage.world.now, stage.consumer)
    stage.world.chunk(stage.consumer, NOISE[4_000:5_000], last=True)
    stage.answer(1)  # the broker had not looked at what is behind it
    assert not asked.done
    stage.world.small(stage.consumer, "after", 2)
    delivery = asked.result()
    assert delivery is not None
    assert delivery.text == "after"


def test_without_a_window_it_asks_for_what_is_read_and_no_more() -> None:
    stage = Stage(window=0)
    following = stage.world.engine.receive(stage.world.now, stage.consumer)
    stage.world.perform()
    stage.world.begin(stage.consumer, 9_000)
    delivery = following.result()
    assert stage.world.tokens == [1]
    header_bytes = stage.world.engine.counters.bytes_received
    waiting = stage.read(delivery)
    assert stage.world.tokens == [1, header_bytes - 1 + 9_000]
    stage.world.chunk(stage.consumer, NOISE[:9_000], last=True)
    assert waiting.result() == NOISE[:9_000]
    assert stage.read(delivery).result() == b""
    assert stage.world.tokens == [1, header_bytes - 1 + 9_000]


def test_a_chunk_whose_reader_was_gone_is_there_for_the_next() -> None:
    stage = Stage()
    stage.world.begin(stage.consumer, 5_000)
    delivery = stage.next()
    waiting = stage.read(delivery)
    stage.world.engine.abandon(stage.world.now, waiting)
    stage.world.chunk(stage.consumer, NOISE[:1_000])
    taken = stage.read(delivery)
    stage.world.engine.abandon(stage.world.now, taken)
    stage.world.chunk(stage.consumer, NOISE[1_000:5_000], last=True)
    assert stage.body(delivery) == NOISE[:5_000]


def test_two_do_not_read_one_body() -> None:
    stage = Stage()
    stage.world.begin(stage.consumer, 5_000)
    delivery = stage.next()
    stage.read(delivery)
    with pytest.raises(LocalProtocolError, match="somebody else"):
        stage.read(delivery)


def test_a_delivery_that_nobody_took_is_read_by_the_next() -> None:
    stage = Stage()
    operation = stage.world.engine.receive(stage.world.now, stage.consumer)
    stage.large(NOISE[:5_000])
    stage.world.engine.abandon(stage.world.now, operation)
    assert stage.body(stage.next()) == NOISE[:5_000]


# -- compression --------------------------------------------------------------------------------------------------------------


def test_a_compressed_body_is_inflated_piece_by_piece() -> None:
    stage = Stage()
    body = NOISE[:100] * 10_000
    compressed(stage, zlib.compress(body), len(body))
    delivery = stage.next()
    assert (delivery.is_large, delivery.body_bytes) == (True, len(body))
    first = stage.read(delivery).result()
    assert len(first) < len(body)
    assert first + stage.body(delivery) == body


def test_a_small_compressed_body_comes_whole() -> None:
    stage = Stage()
    compressed(stage, zlib.compress(bytes(2_000)), 2_000)
    delivery = stage.next()
    assert (delivery.is_large, delivery.data, delivery.body_bytes) == (False, bytes(2_000), 2_000)


def test_an_ordinary_message_may_hide_a_large_body() -> None:
    stage = Stage()
    marks = {"_AMQ_LARGE_COMPRESSED": True, "_AMQ_LARGE_SIZE": Long(500_000)}
    raw = encode_message(zlib.compress(bytes(500_000)), address="q", message_id=1, type=4, properties=marks)
    number = stage.world.engine._consumer(stage.consumer).number
    stage.world.say(stage.session, packets.SessionReceiveMessage(raw, number, 1))
    delivery = stage.next()
    assert (delivery.is_large, delivery.body_bytes) == (True, 500_000)
    with pytest.raises(BodyNotRead):
        _ = delivery.body
    assert stage.body(delivery) == bytes(500_000)


# -- failures -----------------------------------------------------------------------------------------------------------------


def interrupted_by(stage: Stage, what: str) -> None:
    if what == "recreation":
        stage.world.cut()
        stage.world.advance(1.0)
    else:
        stage.world.run(stage.world.engine.rollback(stage.world.now, stage.session))


@pytest.mark.parametrize("what", ["recreation", "rollback"])
def test_a_body_that_is_being_read_is_interrupted(what: str) -> None:
    stage = Stage()
    stage.world.begin(stage.consumer, 5_000)
    delivery = stage.next()
    stage.world.chunk(stage.consumer, NOISE[:1_000])
    stage.read(delivery).result()
    waiting = stage.read(delivery)
    interrupted_by(stage, what)
    for reading in (waiting, stage.read(delivery)):
        with pytest.raises(LargeMessageInterrupted):
            reading.result()
    stage.large(NOISE[:5_000])
    assert stage.body(stage.next()) == NOISE[:5_000]


@pytest.mark.parametrize("what", ["recreation", "rollback"])
def test_a_body_that_is_being_collected_is_fetched_again(what: str) -> None:
    stage = Stage()
    following = stage.world.engine.receive(stage.world.now, stage.consumer)
    stage.world.begin(stage.consumer, 2_000)
    stage.world.chunk(stage.consumer, NOISE[:1_000])
    interrupted_by(stage, what)
    assert not following.done
    stage.large(NOISE[:2_000])
    assert following.result().data == NOISE[:2_000]


def test_a_rollback_gives_all_credits_back() -> None:
    stage = Stage(window=1, ack_mode=AckMode.CLIENT)
    cost = stage.large(NOISE[:5_000]) + stage.world.begin(stage.consumer, 2_000, 2)
    cost += stage.world.chunk(stage.consumer, NOISE[:1_000])
    interrupted_by(stage, "rollback")
    late = stage.world.chunk(stage.consumer, NOISE[:1_000], last=True)  # it was on its way
    assert stage.given == cost + late


def test_given_up_readers_are_told() -> None:
    stage = Stage(reconnect_attempts=0)
    stage.world.begin(stage.consumer, 5_000)
    waiting = stage.read(stage.next())
    stage.world.cut()
    with pytest.raises(NotConnected):
        stage.world.run(waiting)


def test_closing_the_consumer_ends_reading() -> None:
    stage = Stage()
    stage.world.begin(stage.consumer, 5_000)
    waiting = stage.read(stage.next())
    stage.world.run(stage.world.engine.close_consumer(stage.world.now, stage.consumer))
    with pytest.raises(ObjectClosed):
        waiting.result()


def test_a_broker_that_stops_in_the_middle_is_not_waited_for_for_ever() -> None:
    stage = Stage(call_timeout_s=5.0)
    stage.world.begin(stage.consumer, 5_000)
    delivery = stage.next()
    waiting = stage.read(delivery)
    stage.world.advance(5.5)
    with pytest.raises(CallTimeout):
        waiting.result()
    stage.world.chunk(stage.consumer, NOISE[:5_000], last=True)
    assert stage.body(delivery) == NOISE[:5_000]


def test_nobody_is_told_that_it_takes_long_while_the_session_is_stopped() -> None:
    stage = Stage(call_timeout_s=5.0)
    stage.world.begin(stage.consumer, 5_000)
    waiting = stage.read(stage.next())
    stage.world.run(stage.world.engine.stop_session(stage.world.now, stage.session))
    stage.world.advance(20.0)
    assert not waiting.done
    stage.world.run(stage.world.engine.start_session(stage.world.now, stage.session))
    stage.world.advance(4.0)
    assert not waiting.done


def test_exactly_once_what_was_interrupted_comes_again() -> None:
    stage = Stage(exactly_once=True)
    stage.world.begin(stage.consumer, 5_000)
    delivery = stage.next()
    waiting = stage.read(delivery)
    interrupted_by(stage, "recreation")
    with pytest.raises(LargeMessageInterrupted):
        waiting.result()
    stage.world.run(stage.world.engine.acknowledge(stage.world.now, delivery))  # the loop comes back for the next one
    stage.large(NOISE[:5_000])
    assert stage.body(stage.next()) == NOISE[:5_000]


def test_exactly_once_what_was_read_does_not() -> None:
    stage = Stage(exactly_once=True)
    stage.large(NOISE[:5_000])
    delivery = stage.next()
    assert stage.body(delivery) == NOISE[:5_000]
    interrupted_by(stage, "recreation")
    stage.large(NOISE[:5_000])
    assert stage.nowait() is None


def test_a_browser_shows_again_what_was_interrupted() -> None:
    stage = Stage()
    stage.consumer = stage.world.consumer(stage.session, window_bytes=100_000, browse_only=True)
    stage.world.begin(stage.consumer, 5_000)
    waiting = stage.read(stage.next())
    interrupted_by(stage, "recreation")
    with pytest.raises(LargeMessageInterrupted):
        waiting.result()
    stage.large(NOISE[:5_000])
    assert stage.body(stage.next()) == NOISE[:5_000]
    interrupted_by(stage, "recreation")
    stage.large(NOISE[:5_000])
    assert stage.nowait() is None
