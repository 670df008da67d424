"""A snapshot taken anywhere, restored and run on, is the same broker."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

import pytest
from tests.server.captures import FOLDER, Replay
from tests.server.crowd import Crowd
from tests.server.helpers import START, World, send_packet

from corewire.wire import packets, registry
from corewire_server.core import Broker, CoreConfig, Restorer

SCENARIOS = sorted(path.stem for path in FOLDER.glob("*.txt"))


class Restarting(Replay):
    """A replay whose broker is replaced by a copy of itself after every input."""

    def _step(self, item: Any) -> None:
        super()._step(item)
        copy = Broker.restore(self.config, self.broker.snapshot())
        assert copy.digest() == self.broker.digest()
        assert copy.effects_digest == self.broker.effects_digest
        self.broker = copy


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_copy_goes_on_where_the_broker_was(scenario: str) -> None:
    plain, copied = Replay(FOLDER / f"{scenario}.txt"), Restarting(FOLDER / f"{scenario}.txt")
    plain.run()
    copied.run()
    assert copied.ours == plain.ours
    assert copied.broker.digest() == plain.broker.digest()
    assert copied.broker.effects_digest == plain.broker.effects_digest


def busy_world() -> World:
    """Transactions with a deleted queue, cursors in the middle, a shared message, a lost link, half a frame."""
    world = World()
    session = world.connect().session(window_size=1 << 20, auto_commit_sends=False, auto_commit_acks=False)
    for name in ("s1", "s2"):
        session.queue(name, "topic", routing_type=0)
    session.queue("gone")
    other = world.connect().session(window_size=1 << 20)
    for number in range(6):
        other.publish("topic", str(number), durable=True, priority=number % 3, properties={"n": number})
        other.publish("gone", str(number), durable=True)
    session.publish("gone", "sent")
    session.publish("topic", "sent", properties={"_AMQ_DUPL_ID": "1"})
    first = session.consume("gone", credit=300)
    session.consume("s1", selector="n > 2", credit=200)
    session.consume("s2", browse=True, credit=250)
    held = session.deliveries()
    session.acknowledge(next(item for item in held if item.consumer == first))
    session.done(packets.SessionConsumerClose(first))
    other.done(packets.DeleteQueue("gone"))
    other.tell(packets.SessionProducerRequestCredits(5, "topic"))
    lost = world.connect()
    lost.session(window_size=100).queue("t", temporary=True, durable=False)
    lost.lose()
    world.connect().write(b"\0\0\0\x20")
    world.sleep(1_500)
    return world


def test_a_busy_broker_is_copied_whole() -> None:
    world = busy_world()
    copy = Broker.restore(world.config, world.broker.snapshot())
    assert copy.digest() == world.broker.digest()
    assert b"".join(copy.snapshot()) == b"".join(world.broker.snapshot())
    original = world.broker
    for broker in (original, copy):
        world.broker, world.now = broker, START + 10_000
        session = next(iter(world.clients.values()))
        session.send(10, packets.SessionFlowToken(1, 1_000), packets.SessionFlowToken(2, 1_000))
        session.send(10, packets.SessionRollback())
        world.sleep(90_000)
    assert copy.digest() == original.digest()
    assert copy.effects_digest == original.effects_digest


@pytest.mark.parametrize("seed", range(8))
def test_what_was_taken_does_not_change_while_the_broker_goes_on(seed: int) -> None:
    crowd = Crowd(seed)
    for _ in range(12):
        for _ in range(10):
            crowd.act()
        broker = crowd.world.broker
        digest, effects, now, later = (
            broker.digest(),
            broker.effects_digest,
            b"".join(broker.snapshot()),
            broker.snapshot(),
        )
        restorer = Restorer(crowd.world.config)
        for part in later:
            restorer.feed(part)
            for _ in range(3):
                crowd.act()
        copy = restorer.finish()
        assert (copy.digest(), copy.effects_digest) == (digest, effects)
        assert b"".join(copy.snapshot()) == now


@pytest.mark.parametrize("size", [1, 7, 1_000, 1 << 20])
def test_slices_can_be_cut_anywhere(size: int) -> None:
    world = busy_world()
    data = b"".join(world.broker.snapshot())
    parts = (data[at : at + size] for at in range(0, len(data), size))
    assert Broker.restore(world.config, parts).digest() == world.broker.digest()


def deep_world(messages: int, body: str = "x" * 100) -> World:
    """One queue with many messages, half of them in delivery, all of those in a resend buffer."""
    world = World()
    session = world.connect().session(window_size=1 << 20)
    session.queue("q")
    frame = registry.encode(send_packet("q", body, durable=True), session.channel, 136)
    for _ in range(messages // 100):
        session.client.write(frame * 100)
    session.consume("q", credit=messages * (len(body) + 150) // 2)
    world.settle()
    return world


def test_slices_are_small_however_large_a_message_is() -> None:
    world = deep_world(100, "x" * 100_000)
    slices = list(world.broker.snapshot())
    assert {len(one) for one in slices[:-1]} == {65_536}
    assert 0 < len(slices[-1]) <= 65_536
    assert Broker.restore(world.config, slices).digest() == world.broker.digest()


def test_a_deep_queue_is_copied_with_all_that_is_in_delivery() -> None:
    world = deep_world(4_000)
    copy = Broker.restore(world.config, world.broker.snapshot())
    assert copy.digest() == world.broker.digest()
    (queue,) = copy.state.store.queues.values()
    assert queue.waits
    assert queue.in_delivery
    assert queue.message_count == 4_000


@pytest.mark.parametrize("data", [b"", b"\0", b"junk", b"\x08\0\0\0\0"])
def test_what_is_no_snapshot_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="snapshot"):
        Broker.restore(CoreConfig(node_seed=b""), [data])


def test_a_snapshot_that_was_spoilt_raises_nothing_but_that() -> None:
    world = busy_world()
    data = b"".join(world.broker.snapshot())
    rng = random.Random(1)
    for at in (*range(0, len(data) - 1, 211), len(data) - 1):
        with pytest.raises(ValueError, match="snapshot"):
            Broker.restore(world.config, [data[:at]])
        spoilt = bytearray(data)
        spoilt[at] ^= 1 << rng.randrange(8)
        with suppress(ValueError):
            Broker.restore(world.config, [bytes(spoilt)])
    with pytest.raises(ValueError, match="snapshot"):
        Broker.restore(world.config, [data, b"x"])
