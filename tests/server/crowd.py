"""Clients that do things at random, to a broker that lives through everything that a broker can live through."""

from __future__ import annotations

import random
from typing import Any

from tests.server.helpers import Client, Session, World, send_packet

from corewire.wire import packets
from corewire_server.core import AddressSettings, Broker, CoreConfig, Limits
from corewire_server.core.inputs import Announced, Promoted

QUEUES = ("q1", "q2", "s1", "s2", "s3", "t1")
SELECTORS = (None, None, "n > 1", "n < 2")


class Crowd:
    """Clients that do things at random."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        limits = Limits(deliveries_per_turn_max=5, examined_per_turn_max=3, memory_bytes_max=20_000)
        settings = AddressSettings(max_delivery_attempts=4)
        self.world = World(CoreConfig(node_seed=b"", limits=limits, addresses=settings))
        self.sessions: list[Session] = []
        self.clients: list[Client] = [self.world.connect() for _ in range(3)]
        maker = self.clients[0].session()
        for name in ("q1", "q2"):
            maker.queue(name)
        for name in ("s1", "s2", "s3"):
            maker.queue(name, "topic", routing_type=0, durable=name != "s3", filter="n > 0" if name == "s2" else None)

    def act(self) -> None:
        """One thing, by anybody."""
        rng = self.rng
        if not self.sessions or (len(self.sessions) < 5 and rng.random() < 0.2):
            self.open()
            return
        session = rng.choice(self.sessions)
        acts = [self.send] * 6 + [self.consume] * 3 + [self.acknowledge] * 6 + [self.settle] * 3
        rare = [self.close_consumer, self.end, self.lose, self.make, self.sleep, self.copy, self.announce, self.promote]
        rng.choice([*acts, *rare])(session)
        session.read()

    def open(self) -> None:
        modes: dict[str, Any] = {
            "auto_commit_sends": self.rng.random() < 0.5,
            "auto_commit_acks": self.rng.random() < 0.5,
            "window_size": self.rng.choice([-1, 1 << 20]),
        }
        self.sessions.append(self.rng.choice(self.clients).session(f"s{self.rng.random()}", **modes))

    def send(self, session: Session) -> None:
        rng = self.rng
        properties: dict[str, Any] = {"n": rng.randrange(4)}
        if rng.random() < 0.2:
            properties["_AMQ_DUPL_ID"] = str(rng.randrange(20))
        expiration = self.world.now + rng.randrange(5_000) if rng.random() < 0.2 else 0
        options: dict[str, Any] = {
            "durable": rng.random() < 0.7,
            "priority": rng.randrange(10),
            "expiration": expiration,
        }
        session.tell(send_packet(rng.choice(("q1", "q2", "topic", "t1")), "x" * 50, properties=properties, **options))

    def consume(self, session: Session) -> None:
        rng = self.rng
        browse = rng.random() < 0.2
        number = session.next_consumer
        session.next_consumer += 1
        session.tell(
            packets.SessionCreateConsumer(number, rng.choice(QUEUES), rng.choice(SELECTORS), browse_only=browse),
            packets.SessionFlowToken(number, rng.choice([-1, 300, 2_000])),
            packets.SessionStart(),
        )

    def acknowledge(self, session: Session) -> None:
        mine = self.world.broker.state.sessions.get(session.name)
        held = [(c.id, ref.id) for c in mine.consumers.values() for ref in c.unacked.values()] if mine else []
        if held:
            kind = self.rng.choice([packets.SessionAcknowledge, packets.SessionIndividualAcknowledge])
            session.tell(kind(*self.rng.choice(held), requires_response=False))

    def settle(self, session: Session) -> None:
        session.tell(self.rng.choice([packets.SessionCommit(-1), packets.SessionRollback(self.rng.random() < 0.5)]))

    def close_consumer(self, session: Session) -> None:
        session.tell(packets.SessionConsumerClose(self.rng.randrange(session.next_consumer + 1)))

    def end(self, session: Session) -> None:
        session.tell(packets.SessionClose())
        self.sessions.remove(session)

    def make(self, session: Session) -> None:
        temporary = packets.CreateQueueV2("t1", "t1", routing_type=1, temporary=True, durable=False)
        others = [
            packets.DeleteQueue("q2"),
            packets.CreateQueueV2("q2", "q2", routing_type=1),
            packets.CreateQueueV2("t1", "kept", routing_type=1, auto_created=True),
            packets.DeleteQueue("kept"),
        ]
        session.tell(self.rng.choice([temporary, *others]))

    def sleep(self, session: Session) -> None:
        for _ in range(self.rng.choice([1, 4])):
            self.world.sleep(self.rng.choice([1, 1_000, 30_000]))
            for client in self.clients:
                client.send(0, packets.Ping(60_000))
        self.world.settle()

    def copy(self, session: Session) -> None:
        """A restored snapshot takes the broker's place."""
        broker = Broker.restore(self.world.config, self.world.broker.snapshot())
        assert broker.digest() == self.world.broker.digest()
        self.world.broker = broker

    def announce(self, session: Session) -> None:
        self.world.step(Announced("here:1", self.rng.choice([None, "there:2"])))

    def promote(self, session: Session) -> None:
        """The broker goes on as another node does that takes over; some clients come back."""
        if self.rng.random() < 0.3:
            self.world.step(Promoted(2))
            for client in list(self.clients):
                self._come_back(client)

    def lose(self, session: Session) -> None:
        """A link is lost; of its sessions some are continued on another."""
        session.client.lose()
        self._come_back(session.client)

    def _come_back(self, client: Client) -> None:
        self.clients[self.clients.index(client)] = other = self.world.connect()
        other.next_channel = client.next_channel
        for one in [one for one in self.sessions if one.client is client]:
            mine = self.world.broker.state.sessions.get(one.name)
            if mine is not None and self.rng.random() < 0.7:
                last = mine.channel.first_unconfirmed - 1
                other.send(1, packets.ReattachSession(one.name, last))
                one.client = other
            else:
                self.sessions.remove(one)
        other.read(1)
