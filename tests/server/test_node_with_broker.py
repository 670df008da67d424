"""The broker on a disk that loses what was not synced: what a client was told holds after the crash."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

import pytest
from tests.server.disk_world import DiskWorld
from tests.server.machine import small

from corewire.wire import packets
from corewire_server.core import CoreConfig
from corewire_server.core.config import Limits
from corewire_server.core.inputs import Timeout
from corewire_server.simulator.disk import Disk, PowerCut

if TYPE_CHECKING:
    from tests.server.helpers import Session

SETTINGS = small(4096, compact=2, percent=90)


@dataclass
class Ledger:
    """What the client knows."""

    sent: list[str] = field(default_factory=list[str])  # confirmed
    sending: list[str] = field(default_factory=list[str])  # asked for, in one transaction or alone, not answered yet
    taken: set[str] = field(default_factory=set[str])  # acknowledged, answered
    taking: set[str] = field(default_factory=set[str])

    def check(self, left: list[str]) -> None:
        assert left == [text for text in left if text in self.sent or text in self.sending], "nothing is invented"
        assert not set(left) & self.taken, "nothing acknowledged comes back"
        must = [text for text in self.sent if text not in self.taken and text not in self.taking]
        assert [text for text in left if text in must] == must, "nothing confirmed is lost, order is kept"
        new = [text for text in left if text in self.sending]
        assert new in ([], self.sending), "all of a transaction or nothing"
        back = self.taking - set(left)
        assert back in (set(), self.taking), "all of a transaction or nothing"


def works(world: DiskWorld, ledger: Ledger, rng: Random, rounds: int) -> None:
    """Sends and acknowledgements, single and in transactions; the ledger is written when the answer came."""
    client = world.connect()
    plain, held = client.session(), client.session(auto_commit_sends=False, auto_commit_acks=False)
    plain.queue("q")
    reader = client.session()
    reader.consume("q")
    for number in range(rounds):
        texts = [f"{number}-{one}" for one in range(rng.choice((1, 1, 3)))]
        ledger.sending = texts
        if len(texts) == 1:
            answer = plain.publish("q", texts[0], durable=True)
            assert isinstance(answer, packets.NullResponse)
        else:
            for text in texts:
                held.publish("q", text, durable=True)
            held.done(packets.SessionCommit(-1))
        ledger.sent += texts
        ledger.sending = []
        for delivery in reader.deliveries():
            if rng.random() < 0.8:
                ledger.taking = {delivery.text}
                reader.acknowledge(delivery, individual=True)
                ledger.taken.add(delivery.text)
                ledger.taking = set()


def drained(world: DiskWorld) -> list[str]:
    session = world.connect().session()
    return drain(session) if session.ask(packets.SessionQueueQuery("q")).exists else []


def drain(session: Session) -> list[str]:
    session.consume("q")
    return session.texts()


@pytest.mark.slow
def test_power_cut_at_every_action_of_the_disk_under_a_real_broker() -> None:
    disk = Disk(Random(0))
    works(DiskWorld(disk, SETTINGS), Ledger(), Random(1), 25)
    assert disk.actions > 150
    for at in range(1, disk.actions + 1):
        disk, ledger = Disk(Random(at)), Ledger()
        disk.cut_at = at
        with pytest.raises(PowerCut):
            works(DiskWorld(disk, SETTINGS), ledger, Random(1), 25)
        disk.power_cut()
        ledger.check(drained(DiskWorld(disk, SETTINGS)))


def test_restart_in_order_brings_everything_back() -> None:
    disk, ledger = Disk(Random(0)), Ledger()
    works(DiskWorld(disk, SETTINGS), ledger, Random(2), 40)
    ledger.check(drained(DiskWorld(disk, SETTINGS)))


def test_full_disk_refuses_sends_with_210_and_takes_them_again_when_there_is_room() -> None:
    disk = Disk(Random(0), capacity_bytes=3 * 4096)
    world = DiskWorld(disk, SETTINGS)
    session = world.connect().session()
    session.queue("q")
    answers = [session.publish("q", f"{number} " + "x" * 300, durable=True) for number in range(40)]
    refused = [answer for answer in answers if isinstance(answer, packets.ExceptionResponse)]
    assert {answer.code for answer in refused} == {210}
    assert world.halted is None
    session.consume("q")
    deliveries = session.deliveries()
    assert len(deliveries) + len(refused) == 40
    for delivery in deliveries:
        session.acknowledge(delivery)
    world.now += 2000  # a full disk is looked at again, and the journal with it
    world.step(Timeout())
    assert isinstance(session.publish("q", "again", durable=True), packets.NullResponse)


def test_message_a_little_too_large_for_a_segment_is_refused_to_its_sender_and_nobody_else_notices() -> None:
    limit = SETTINGS.body_bytes_max
    config = CoreConfig(node_seed=b"test", limits=Limits(record_bytes_max=limit))
    disk = Disk(Random(0))
    world = DiskWorld(disk, SETTINGS, config)
    client = world.connect()
    session, other = client.session(), client.session()
    session.queue("q")
    for number in range(3):  # more queues, more of the record is their ids
        session.queue(f"t{number}", "topic", routing_type=0)
    kept = list[str]()
    for address in ("q", "topic"):
        for size in range(limit - 1200, limit + 100, 23):
            text = "x" * size
            answer = session.publish(address, text, durable=True)
            if isinstance(answer, packets.NullResponse):
                kept.append(address)
            else:
                assert isinstance(answer, packets.ExceptionResponse)
                assert "bytes" in (answer.message or "")
            assert isinstance(other.publish("q", "small", durable=True), packets.NullResponse)
    assert world.halted is None
    assert {"q", "topic"} == set(kept)
    again = DiskWorld(disk, SETTINGS, config)
    assert [len(text) > 10 for text in drain(again.connect().session())].count(True) == kept.count("q")
