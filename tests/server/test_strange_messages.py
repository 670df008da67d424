"""
Whatever messages hold, no input ends the broker: clients invented from a seed send properties of every kind under names that
brokers heed, in damaged messages too, and filter, reject, expire and lose what comes. Afterwards memory, a copy from the
snapshot and a broker restarted from the records hold the same.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from tests.server.helpers import Session, World

from corewire.values import Byte, Char, Float, Long, Short
from corewire.wire import packets
from corewire.wire.message import encode_message
from corewire_server.core import AddressSettings, Broker, CoreConfig, Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire.values import PropertyValue

NAMES = (
    *(
        "_AMQ_ROUTING_TYPE",
        "_AMQ_DUPL_ID",
        "_AMQ_GROUP_ID",
        "_AMQ_ROUTE_TO",
        "_AMQ_ROUTE_TOx",
        "_AMQ_Hops",
        "x-opt-amq",
    ),
    *("_AMQ_ORIG_ADDRESS", "_AMQ_ORIG_MESSAGE_ID", "_AMQ_ACTUAL_EXPIRY", "NATIVE_MESSAGE_ID", "\ud800", "a", "key", ""),
)
VALUES: tuple[PropertyValue, ...] = (
    *(None, True, False, 0, 1, 5, 127, -128, 1_000, 2**31 - 1, -(2**31), Byte(1), Byte(-1), Short(300), Long(1)),
    *(
        Long(2**62),
        Float(1.5),
        1e308,
        float("nan"),
        float("inf"),
        Char("x"),
        Char("\ud800"),
        "",
        "1",
        "\udc00",
        "x" * 999,
    ),
    *(b"", b"\0\0", b"xyz" * 100),
)
FILTERS = (
    *(None, "a = 1", "_AMQ_Hops = 1", "AMQUserID = 'x'", "AMQGroupID LIKE 'x%'", "key BETWEEN 1 AND 3", "a + 1 > 2"),
    *("_AMQ_DUPL_ID IS NULL", "convert_string_expressions:key > 1", "key * 1e300 > 1", "NOT (a LIKE '_' ESCAPE 'x')"),
)
QUEUES = ("q", "r", "DLQ", "EXP", "q.*", "\ud800q")


class Crowd:
    """Clients of one broker, and what they do next."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = Random(seed)
        settings = AddressSettings(
            expiry_address=rng.choice(["EXP", None, "q", "DLQ", "\ud800"]),
            dead_letter_address=rng.choice(["DLQ", None, "q", "EXP"]),
            max_delivery_attempts=rng.choice([1, 1, 2, -1]),
        )
        limits = Limits(record_bytes_max=rng.choice([10 << 20, 3_000]))
        self.world = World(CoreConfig(node_seed=b"test", addresses=settings, limits=limits, reap_ms=3_000))
        self.sessions: list[Session] = []
        self.acts: list[Callable[[Session], object]] = [
            *(self.send,) * 4,
            *(self.consume, self.acknowledge, self.make, self.lose, self.finish, self.wait, self.come),
        ]

        self.come()
        self.sessions[0].queue("q")
        self.sessions[0].queue("r")

    def come(self, session: Session | None = None) -> None:
        rng = self.rng
        self.sessions.append(
            self.world.connect(rng.choice([136, 130])).session(
                window_size=rng.choice([-1, 1 << 20]),
                auto_commit_sends=rng.random() < 0.6,
                auto_commit_acks=rng.random() < 0.5,
            )
        )

    def turn(self) -> None:
        self.sessions = [one for one in self.sessions if one.client.link not in self.world.closed]
        if not self.sessions:
            self.come()
        self.rng.choice(self.acts)(self.rng.choice(self.sessions))

    def send(self, session: Session) -> None:
        rng = self.rng
        raw = bytearray(
            encode_message(
                bytes(rng.randrange(60)),
                address=rng.choice([*QUEUES, "q", "q", "r", None]),
                durable=rng.random() < 0.6,
                expiration=rng.choice([0, self.world.now + rng.randrange(5_000), 1, -5, 2**63 - 1]),
                user_id=rng.choice([None, bytes(16)]),
                properties={
                    rng.choice(rng.choice([NAMES, NAMES[:2]])): rng.choice(VALUES) for _ in range(rng.randrange(4))
                },
            )
        )
        if rng.random() < 0.3:
            raw[rng.randrange(len(raw))] = rng.choice([0, 1, 128, 255])
        session.tell(packets.SessionSend(bytes(raw), rng.random() < 0.5, rng.randrange(-5, 20)))

    def consume(self, session: Session) -> None:
        number, selector = self.rng.randrange(3), self.rng.choice((None, *FILTERS))
        browses = self.rng.random() < 0.2
        session.tell(
            packets.SessionCreateConsumer(number, self.rng.choice(("q", *QUEUES)), selector, browse_only=browses)
        )
        session.tell(packets.SessionFlowToken(number, -1), packets.SessionStart())

    def acknowledge(self, session: Session) -> None:
        for one in session.deliveries()[:2]:
            session.tell(packets.SessionAcknowledge(one.consumer, one.message.id, requires_response=False))
            session.tell(packets.SessionExpired(one.consumer, one.message.id + 1))

    def make(self, session: Session) -> None:
        name = self.rng.choice(QUEUES)
        routing_type = self.rng.randrange(2)
        session.tell(packets.CreateQueueV2(name, name, self.rng.choice(FILTERS), routing_type=routing_type))

    def lose(self, session: Session) -> None:
        session.client.lose()
        self.world.closed.append(session.client.link)

    def finish(self, session: Session) -> None:
        session.tell(
            packets.SessionCommit() if self.rng.random() < 0.5 else packets.SessionRollback(self.rng.random() < 0.5)
        )

    def wait(self, session: Session) -> None:
        self.world.sleep(self.rng.choice([10, 3_000, 70_000]))


def kept(broker: Broker) -> dict[str, list[int]]:
    """The ids of durable messages in durable queues."""
    queues = [queue for queue in broker.state.store.queues.values() if queue.keeps]
    return {one.config.name: sorted(ref.id for ref in (*one.waiting, *one.stuck) if ref.kept) for one in queues}


@pytest.mark.parametrize("seed", range(20))
def test_no_message_ends_the_broker_or_is_forgotten(seed: int) -> None:
    crowd = Crowd(seed)
    for _ in range(120):
        crowd.turn()
    world = crowd.world
    world.sleep(200_000)  # nobody says anything: all links end, what they held comes back
    assert not world.broker.state.sessions
    assert Broker.restore(world.config, world.broker.snapshot()).digest() == world.broker.digest()
    assert kept(world.restarted().broker) == kept(world.broker)
