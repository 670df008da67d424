"""Whatever clients do in whatever order: the books of the broker are right, and what it keeps comes back after a restart."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.server.helpers import Client, Session, World, send_packet

from corewire.wire import packets
from corewire_server.core import AddressSettings, Broker, CoreConfig, Limits
from corewire_server.core.queues import REF_BYTES, Queue, Ref

if TYPE_CHECKING:
    from corewire_server.core.queues import Fan
    from corewire_server.core.state import State

QUEUES = ("q1", "q2", "s1", "s2", "s3", "t1")
SELECTORS = (None, None, "n > 1", "n < 2")


def audit(state: State) -> None:
    """Count everything anew and compare."""
    store = state.store
    held: list[tuple[Queue, Ref]] = []
    for session in state.sessions.values():
        held += [(consumer.queue, ref) for consumer in session.consumers.values() for ref in consumer.unacked.values()]
        held += session.transaction.acked
        assert state.links[session.link.number] is session.link
        assert session.link.sessions[session.channel.channel] is session
    in_delivery = Counter(queue.id for queue, _ in held)
    waiting = [(queue, ref) for queue in store.queues.values() for ref in queue.waiting]
    for queue in store.queues.values():
        assert queue.waits == sum(ref.waits for ref in queue.waiting), queue.config.name
        assert queue.in_delivery == in_delivery[queue.id], queue.config.name
        assert all(consumer.session.consumers[consumer.id] is consumer for consumer in queue.consumers)
        places = [(-ref.priority, ref.sequence) for ref in queue.waiting]
        assert places == sorted(set(places))
    fans: dict[int, tuple[Fan, list[Ref]]] = {}
    total = sum(session.transaction.bytes for session in state.sessions.values())
    for _, ref in [*waiting, *held]:
        total += REF_BYTES
        if ref.fan is None:
            total += len(ref.message)
        else:
            fans.setdefault(id(ref.fan), (ref.fan, []))[1].append(ref)
    for fan, refs in fans.values():
        total += len(refs[0].message)
        assert (fan.refs, fan.kept) == (len(refs), sum(ref.kept for ref in refs))
    assert store.bytes == total
    consumers = [consumer for session in state.sessions.values() for consumer in session.consumers.values()]
    filters = sum(len(queue.config.filter_string or "") for queue in store.queues.values())
    assert store.interest_chars == sum(consumer.interest for consumer in consumers) + filters
    for link in state.links.values():
        assert all(queue.owner is link and not queue.dropped for queue in link.owned.values())


def kept(state: State) -> dict[str, list[int]]:
    """Ids of what the journal has, per queue."""
    found: dict[str, list[int]] = {
        name: [ref.id for ref in queue.waiting if ref.kept] for name, queue in state.store.queues.items() if queue.keeps
    }
    for session in state.sessions.values():
        for queue, ref in session.transaction.acked:
            if ref.kept and not queue.dropped:
                found[queue.config.name].append(ref.id)
        for consumer in session.consumers.values():
            found.get(consumer.queue.config.name, []).extend(r.id for r in consumer.unacked.values() if r.kept)
    return {name: sorted(ids) for name, ids in found.items()}


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
        rng.choice([*acts, self.close_consumer, self.end, self.lose, self.make, self.sleep, self.copy])(session)
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
        session.tell(
            self.rng.choice([temporary, packets.DeleteQueue("q2"), packets.CreateQueueV2("q2", "q2", routing_type=1)])
        )

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

    def lose(self, session: Session) -> None:
        """A link is lost; of its sessions some are continued on another."""
        client = session.client
        client.lose()
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


@pytest.mark.parametrize("seed", range(12))
def test_the_books_are_right_after_every_act(seed: int) -> None:
    crowd = Crowd(seed)
    for _ in range(150):
        crowd.act()
        audit(crowd.world.broker.state)
    assert not [log.text for log in crowd.world.logs if log.level == "error"]
    crowd.world.settle()
    assert kept(crowd.world.restarted().broker.state) == kept(crowd.world.broker.state)
