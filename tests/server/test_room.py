"""Room on a nearly full disk: what is accepted fits, what does not is refused, and nobody else has to wait for it."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.disk_world import DiskWorld
from tests.server.helpers import World, send_packet
from tests.server.machine import Machine, Script, live_after, small

from corewire.wire import packets
from corewire_server.core import Broker
from corewire_server.core.inputs import Timeout
from corewire_server.records import Op, Record
from corewire_server.simulator.disk import Disk

if TYPE_CHECKING:
    from corewire_server.node.node import Node

SEGMENT_BYTES = 1 << 16
RECORD_BYTES = 27 + 4  # of a record beside its body, at least


def world(segments: int) -> DiskWorld:
    return DiskWorld(Disk(Random(0), capacity_bytes=segments * SEGMENT_BYTES), small(SEGMENT_BYTES, compact=0))


def congested(node: Node) -> bool:
    return node.congested


def test_large_append_wants_no_more_room_than_it_takes() -> None:
    records = tuple(Record(Op.ADD, number, 1, bytes(300)) for number in range(1, 45))
    disk = Disk(Random(0), capacity_bytes=5 * 4096)
    machine = Machine(disk, [records], small())
    machine.run(1)
    assert machine.sent == [1]
    assert Machine(disk, [], small()).core.kept == live_after([records])


@given(st.lists(st.lists(st.integers(0, 3500), min_size=1, max_size=12), min_size=1, max_size=12), st.integers(3, 12))
def test_what_was_pledged_while_there_was_room_fits(appends: list[list[int]], segments: int) -> None:
    settings = small(compact=0)
    machine = Machine(Disk(Random(0), capacity_bytes=segments * 4096), [], settings)
    script: Script = [()]
    pledges: list[int] = []
    ids = iter(range(1, 1000))
    for sizes in appends:
        records = tuple(Record(Op.ADD, next(ids), 1, bytes(size)) for size in sizes)
        costs = [size + RECORD_BYTES for size in sizes]
        pledges.append(sum(cost if cost <= settings.payload_bytes_max // 8 else 2 * cost for cost in costs))
        machine.core.pledged_bytes = sum(pledges)
        machine.core.script = [()] * (machine.core.number + 1)
        machine.feed()
        if machine.node._desk.full:
            pledges.pop()
            break
        script.append(records)
    machine.core.pledged_bytes = sum(pledges)
    machine.core.script = [()] * machine.core.number + script
    machine.feed()
    for pledge in pledges:
        machine.core.pledged_bytes -= pledge
        machine.feed()
    assert machine.sent[-1] == machine.core.number
    assert machine.node.idle


def test_commit_for_which_there_is_room_is_kept_on_a_nearly_full_disk() -> None:
    w = world(6)
    session = w.connect().session(auto_commit_sends=False)
    session.queue("q")
    for number in range(150):
        session.done(_durable(number))
    session.done(packets.SessionCommit(-1))
    assert w.broker.state.store.queues["q"].message_count == 150


def test_transaction_for_which_there_is_no_room_is_refused_and_others_go_on() -> None:
    w = world(6)
    session, other = (w.connect().session(auto_commit_sends=off) for off in (False, True))
    session.queue("q")
    answers = [session.ask(_durable(number)) for number in range(600)]
    refused = [answer for answer in answers if isinstance(answer, packets.ExceptionResponse)]
    assert 300 < len(refused) < 500
    assert {answer.code for answer in refused} == {210}
    assert not congested(w.node)
    assert other.publish("q", "x", durable=True).code == 210
    assert session.refused(packets.SessionCommit(-1)) == 210
    assert isinstance(other.publish("q", "x", durable=True), packets.NullResponse)
    assert w.node.idle


def test_transactions_are_not_read_faster_than_room_is_made_for_them() -> None:
    w = world(100)
    session = w.connect().session(auto_commit_sends=False)
    session.queue("q")
    w.turning = True  # the disk does not answer
    for number in range(200):
        session.tell(_durable(number))
    assert congested(w.node)
    w.turning = False
    w.perform([])
    assert not congested(w.node)
    session.read()
    session.done(packets.SessionCommit(-1))


def test_pledges_end_with_their_transactions() -> None:
    w = World()
    session = w.connect().session(auto_commit_sends=False)
    session.queue("q")
    session.publish("q", "x" * 1000)
    assert w.broker.pledged_bytes == 0
    for end in (packets.SessionCommit(-1), packets.SessionRollback(False), packets.SessionClose()):
        session.publish("q", "x" * 1000, durable=True)
        assert 1000 < w.broker.pledged_bytes < 3000
        assert Broker.restore(w.config, w.broker.snapshot()).pledged_bytes == w.broker.pledged_bytes
        session.done(end)
        assert w.broker.pledged_bytes == 0


def test_congested_node_looks_for_room_again_and_gives_its_core_no_time() -> None:
    script: Script = [(Record(Op.ADD, number, 1, bytes(1_000_000)),) for number in range(1, 31)]
    disk = Disk(Random(0), capacity_bytes=8_000_000)
    machine = Machine(disk, script, small(4_000_000, compact=0))
    machine.run(30)
    assert congested(machine.node)
    disk.capacity_bytes = None
    due = machine.node.next_timeout()
    assert due == machine.writer.retry_at
    assert due is not None
    machine.now = due
    machine.perform(machine.node.wake(machine.now))
    assert not congested(machine.node)
    assert machine.sent == list(range(1, 31))


@pytest.mark.parametrize("durable", [False, True])
def test_what_the_gate_holds_is_bounded_although_a_consumer_has_no_window(durable: bool) -> None:
    w = world(10_000)
    session = w.connect().session()
    session.queue("q")
    for _ in range(600):
        session.publish("q", "x" * 50_000, durable=durable)
    w.turning = True  # the disk does not answer
    session.tell(_durable(0))
    session.tell(packets.SessionCreateConsumer(0, "q", None), packets.SessionFlowToken(0, -1), packets.SessionStart())
    for _ in range(100):
        w.step(Timeout())
    assert congested(w.node)
    assert 16 << 20 < w.node._gate._bytes < 24 << 20
    w.turning = False
    w.perform([])
    for _ in range(100):
        w.step(Timeout())
    assert not congested(w.node)
    assert len(session.texts()) == 601


def _durable(number: int) -> packets.SessionSend:
    return send_packet("q", "x" * 1000, requires_response=True, correlation_id=-2 - number, durable=True)
