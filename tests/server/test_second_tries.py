"""
Duplicate ids and things that did not happen (cases.md 9), crashes while the journal is compacted all the time (cases.md 10).

A client that does not know whether something happened does it again with the same id: it is there once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

import pytest
from tests.server.disk_world import DiskWorld
from tests.server.machine import small

from corewire.wire import packets
from corewire_server.core import CoreConfig, Limits
from corewire_server.journal.recovery import recover
from corewire_server.simulator.disk import Disk, PowerCut

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.server.helpers import Session

SETTINGS = small(4096, compact=2, percent=100)


def send(session: Session, text: str) -> int | None:
    """A durable message whose id is its text. Returns the code of the refusal."""
    answer = session.publish("q", text, durable=True, properties={"_AMQ_DUPL_ID": text})
    return answer.code if isinstance(answer, packets.ExceptionResponse) else None


def transacted(world: DiskWorld) -> Session:
    return world.connect().session(auto_commit_sends=False, auto_commit_acks=False)


def contents(world: DiskWorld) -> list[str]:
    session = world.connect().session()
    session.consume("q", browse=True)
    return session.texts()


def rolled_back(world: DiskWorld) -> DiskWorld:
    session = transacted(world)
    send(session, "X")
    session.done(packets.SessionRollback())
    return world


def session_closed(world: DiskWorld) -> DiskWorld:
    session = transacted(world)
    send(session, "X")
    session.done(packets.SessionClose())
    return world


def client_killed(world: DiskWorld) -> DiskWorld:
    session = transacted(world)
    send(session, "X")
    session.client.lose()
    return world


def broker_killed_before_the_commit(world: DiskWorld) -> DiskWorld:
    send(transacted(world), "X")
    return DiskWorld(world.disk, SETTINGS)


def commit_refused_for_another_id(world: DiskWorld) -> DiskWorld:
    plain, session = world.connect().session(), transacted(world)
    send(plain, "known")
    send(session, "X")
    send(session, "known")
    assert session.refused(packets.SessionCommit(-1)) == 113
    return world


@pytest.mark.parametrize("again", ["single", "transaction"])
@pytest.mark.parametrize(
    "history",
    [rolled_back, session_closed, client_killed, broker_killed_before_the_commit, commit_refused_for_another_id],
    ids=lambda one: one.__name__,
)
def test_second_try_of_what_did_not_happen_is_accepted(history: Callable[[DiskWorld], DiskWorld], again: str) -> None:
    world = DiskWorld(Disk(Random(0)), SETTINGS)
    world.connect().session().queue("q")
    world = history(world)
    session = world.connect().session() if again == "single" else transacted(world)
    assert send(session, "X") is None
    if again == "transaction":
        session.done(packets.SessionCommit(-1))
    assert contents(world).count("X") == 1
    assert contents(DiskWorld(world.disk, SETTINGS)).count("X") == 1


def test_id_of_a_send_that_was_refused_is_free() -> None:
    disk = Disk(Random(0))
    world = DiskWorld(disk, SETTINGS, CoreConfig(node_seed=b"test", limits=Limits(memory_bytes_max=600)))
    session = world.connect().session()
    session.queue("q")
    while send(session, f"filler{len(contents(world))}") is None:
        pass
    assert send(session, "X") == 210
    world = DiskWorld(disk, SETTINGS)
    assert send(world.connect().session(), "X") is None
    assert contents(world).count("X") == 1


@pytest.mark.parametrize("restarts", [0, 1, 3])
@pytest.mark.parametrize("first", ["single", "transaction"])
def test_second_try_of_what_was_confirmed_changes_nothing(first: str, restarts: int) -> None:
    world = DiskWorld(Disk(Random(0)), SETTINGS)
    session = world.connect().session() if first == "single" else transacted(world)
    session.queue("q")
    send(session, "X")
    if first == "transaction":
        session.done(packets.SessionCommit(-1))
    for _ in range(restarts):
        world = DiskWorld(world.disk, SETTINGS)
    assert send(world.connect().session(), "X") is None
    session = transacted(world)
    assert send(session, "X") is None
    send(session, "Y")
    assert session.refused(packets.SessionCommit(-1)) == 113
    assert contents(world) == ["X"]


@dataclass
class Book:
    """What the client means to be there."""

    wanted: list[str] = field(default_factory=list[str])
    taken: set[str] = field(default_factory=set[str])  # answered
    taking: set[str] = field(default_factory=set[str])


def load(world: DiskWorld, book: Book, rng: Random, rounds: int) -> None:
    """Sends, transactions that are committed, rolled back or lost, acknowledgements."""
    plain, reader = world.connect().session(), world.connect().session()
    plain.queue("q")
    reader.consume("q")
    for number in range(rounds):
        texts = [f"{number}-{one}" + "x" * rng.randrange(300) for one in range(rng.randrange(1, 4))]
        book.wanted += texts
        session = plain if rng.random() < 0.4 else transacted(world)
        for text in texts:
            assert send(session, text) is None
        if session is not plain:
            fate = rng.random()
            if fate < 0.6:
                session.done(packets.SessionCommit(-1))
            elif fate < 0.8:
                session.done(packets.SessionRollback())
            session.client.lose()
        for delivery in reader.deliveries():
            if rng.random() < 0.9:
                book.taking = {delivery.text}
                reader.acknowledge(delivery, individual=True)
                book.taken |= book.taking
                book.taking = set()


def check(world: DiskWorld, book: Book) -> None:
    """Everything is sent again, honestly; then it is there once, unless it was taken."""
    session = world.connect().session()
    if not session.ask(packets.SessionQueueQuery("q")).exists:
        session.queue("q")
    for text in book.wanted:
        assert send(session, text) is None
    assert world.halted is None
    there = Counter(contents(world))
    assert set(there.values()) <= {1}
    assert not there.keys() & book.taken
    assert set(book.wanted) - book.taken - book.taking <= there.keys() <= set(book.wanted)


@pytest.mark.slow
@pytest.mark.parametrize("power", [True, False], ids=["power cut", "kill"])
def test_crashes_while_everything_is_compacted_all_the_time(power: bool) -> None:
    disk = Disk(Random(0))
    load(DiskWorld(disk, SETTINGS), Book(), Random(1), 40)
    total = disk.actions
    for seed in range(60):
        disk, book = Disk(Random(seed)), Book()
        disk.cut_at = Random(seed).randrange(1, total)
        with pytest.raises(PowerCut):
            load(DiskWorld(disk, SETTINGS), book, Random(1), 40)
        if power:
            disk.power_cut()
        else:
            disk.restart()
        recovered = recover(disk.files(), disk.read, SETTINGS.segment_bytes)
        assert not recovered.dangling
        check(DiskWorld(disk, SETTINGS), book)
        check(DiskWorld(disk, SETTINGS), book)
        assert sum(not name.startswith("journal-") for name in disk.files()) <= 4, "spares do not pile up"
