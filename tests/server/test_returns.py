"""Messages that end as dead letters or expire, and what happens where their copy would not fit."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from tests.server.disk_world import DiskWorld
from tests.server.helpers import Session, World
from tests.server.machine import small

from corewire.values import Byte, Long
from corewire.wire import packets
from corewire.wire.message import encode_message
from corewire_server.core import AddressSettings, Broker, CoreConfig, Limits
from corewire_server.core.inputs import Timeout
from corewire_server.simulator.disk import Disk

if TYPE_CHECKING:
    from corewire.values import PropertyValue
    from corewire.wire.message import CoreMessage

SETTINGS = small(65_536)
LIMIT = SETTINGS.body_bytes_max
CONFIG = CoreConfig(
    node_seed=b"test",
    limits=Limits(record_bytes_max=LIMIT),
    addresses=AddressSettings(max_delivery_attempts=1, expiry_address="expired"),
)


def count(session: Session, queue: str) -> int:
    answer: packets.SessionQueueQueryResponseV3 = session.ask(packets.SessionQueueQuery(queue))
    return answer.message_count


def crowd(session: Session, address: str) -> None:
    """So many queues that their ids alone are longer than what is set aside for a copy's properties."""
    for number in range(LIMIT // 4 // 8 + 1):
        session.queue(f"{address}-{number}", address, routing_type=0)


def reject_all(session: Session, queue: str) -> None:
    session.consume(queue)
    session.done(packets.SessionRollback(consider_last_message_as_delivered=True))


@pytest.fixture
def world() -> DiskWorld:
    return DiskWorld(Disk(Random(0)), SETTINGS, CONFIG)


def largest(session: Session, queue: str, **options: object) -> None:
    """Send the largest message that is taken."""
    for size in range(LIMIT, 0, -100):
        if isinstance(session.publish(queue, "x" * size, durable=True, **options), packets.NullResponse):  # type: ignore[arg-type]
            return


def test_dead_letter_whose_copy_fits_no_record_stays_where_it_is_and_says_so_once(world: DiskWorld) -> None:
    client = world.connect()
    session, other = client.session(auto_commit_acks=False), client.session()
    session.queue("q")
    crowd(session, "DLQ")
    largest(session, "q")
    reject_all(session, "q")
    reject_all(session, "q")
    world.step(Timeout())
    assert world.halted is None
    assert count(other, "q") == 1
    assert count(other, "DLQ-0") == 0
    (line,) = [log.text for log in world.logs if "stays" in log.text]
    assert "message" in line
    assert "queue q" in line
    assert str(LIMIT) in line
    assert isinstance(other.publish("q", "small", durable=True), packets.NullResponse)


def test_expired_message_whose_copy_fits_no_record_stays_where_it_is_and_says_so_once(world: DiskWorld) -> None:
    session = world.connect().session()
    session.queue("q")
    crowd(session, "expired")
    largest(session, "q", expiration=world.now + 30_000)
    world.now += 60_000
    for _ in range(5):
        world.step(Timeout())
        world.now += 2_000
    session = world.connect().session()
    session.consume("q")
    assert session.texts() == []
    assert world.halted is None
    assert count(session, "q") == 1
    assert len([log for log in world.logs if "stays" in log.text]) == 1


def test_what_could_not_be_moved_is_kept_in_snapshots_tried_again_after_a_restart_and_goes_with_its_queue(
    world: DiskWorld,
) -> None:
    session = world.connect().session(auto_commit_acks=False)
    session.queue("q")
    crowd(session, "DLQ")
    largest(session, "q")
    reject_all(session, "q")
    copy = Broker.restore(CONFIG, world.broker.snapshot())
    assert copy.digest() == world.broker.digest()
    again = DiskWorld(world.disk, SETTINGS, CONFIG)
    session = again.connect().session(auto_commit_acks=False)
    assert count(session, "q") == 1
    session.consume("q")
    (delivery,) = session.deliveries()
    assert delivery.count == 2
    session.done(packets.SessionRollback(consider_last_message_as_delivered=True))
    assert len([log for log in again.logs if "stays" in log.text]) == 1
    session.done(packets.SessionConsumerClose(0))
    session.done(packets.DeleteQueue("q"))
    assert again.broker.state.store.bytes == 0
    assert count(DiskWorld(world.disk, SETTINGS, CONFIG).connect().session(), "q") == 0


def test_copies_around_the_limit_are_moved_or_stay_and_nobody_else_notices() -> None:
    disk = Disk(Random(0))
    world = DiskWorld(disk, SETTINGS, CONFIG)
    client = world.connect()
    session, other = client.session(auto_commit_acks=False), client.session()
    long = "q" * 4_000  # its name is added twice
    session.queue(long)
    session.queue("DLQ")
    reader = other.consume("DLQ")
    sent = moved = 0
    for size in range(CONFIG.limits.message_bytes_max - 9_000, LIMIT, 60):
        answer = session.publish(long, "x" * size, durable=True)
        if isinstance(answer, packets.ExceptionResponse):
            assert "bytes, above the limit of" in (answer.message or "")
            continue
        sent += 1
        reject_all(session, long)
        for delivery in other.deliveries():
            assert delivery.consumer == reader
            moved += 1
            other.acknowledge(delivery)
    assert sent > 10
    assert moved + count(other, long) == sent
    assert world.halted is None
    left = DiskWorld(disk, SETTINGS, CONFIG).connect().session()
    assert count(left, long) == sent - moved


def test_a_message_that_nobody_can_read_stays_where_it_is_and_is_named() -> None:
    world = World(CONFIG)
    session = world.connect().session(auto_commit_acks=False)
    session.queue("q")
    raw = encode_message(b"x", address="q", properties={"key": "value"})
    session.done(packets.SessionSend(raw[:-4], requires_response=True, correlation_id=-5))
    reject_all(session, "q")
    assert len([log for log in world.logs if "stays" in log.text]) == 1
    assert count(session, "q") == 1


def lose_all(world: World, queue: str, times: int) -> None:
    """So many clients take what there is and are lost with it."""
    for _ in range(times):
        client = world.connect()
        client.session().consume(queue)
        client.lose()


@pytest.mark.parametrize("routing_type", [1_000, -129, Long(1 << 62), Byte(7)], ids=str)
def test_routing_type_that_is_none_is_no_reason_not_to_bury_a_message(routing_type: PropertyValue) -> None:
    world = World()
    session = world.connect().session()
    session.queue("q")
    session.publish("q", "x", durable=True, properties={"_AMQ_ROUTING_TYPE": routing_type})
    lose_all(world, "q", 10)
    session.consume("DLQ")
    (delivery,) = session.deliveries()
    assert "_AMQ_ORIG_ROUTING_TYPE" not in delivery.message.properties
    assert "_AMQ_ROUTING_TYPE" not in delivery.message.properties


@pytest.mark.replaces
@pytest.mark.parametrize("ends", ["a link is lost", "the clock says so"])
def test_message_that_cannot_be_copied_for_whatever_reason_stays_and_nobody_is_ended(
    monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    def broken(*arguments: object) -> CoreMessage:
        raise ValueError("nobody thought of this")

    monkeypatch.setattr("corewire_server.core.made.moved_copy", broken)
    world = World(CONFIG)
    session = world.connect().session()
    session.queue("q")
    session.publish("q", "x", durable=True, expiration=0 if ends == "a link is lost" else world.now + 3_000)
    if ends == "a link is lost":
        lose_all(world, "q", 1)
    else:
        world.sleep(10_000)
    (line,) = [log.text for log in world.logs if log.level == "error"]
    assert line.endswith("nobody thought of this")
    assert world.closed == []
    assert count(session, "q") == 1
    assert count(world.restarted().connect().session(), "q") == 1
