"""The gate: order is kept, and nothing leaves before its cause is on disk."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from corewire_server.core.effects import SendBytes
from corewire_server.node.gate import OPEN, Gate
from corewire_server.node.settings import GateMode


def shows(step: int) -> list[SendBytes]:
    return [SendBytes(1, b"%d" % step)]


def test_open_gate_lets_everything_out_at_once() -> None:
    gate = Gate()
    assert gate.hold(1, [*shows(1)]) == shows(1)
    assert gate.empty


def test_steps_wait_for_the_first_with_records_not_on_disk() -> None:
    gate = Gate()
    gate.shut(2)
    gate.shut(4)
    assert gate.hold(1, [*shows(1)]) == shows(1)
    for step in (2, 3, 4, 5):
        assert gate.hold(step, [*shows(step)]) == []
    gate.open(4)
    assert gate.release() == [*shows(2), *shows(3)]
    assert not gate.empty
    gate.open(OPEN)
    assert gate.release() == [*shows(4), *shows(5)]
    assert gate.empty


def test_steps_that_show_nothing_are_not_held() -> None:
    gate = Gate()
    gate.shut(1)
    assert gate.hold(1, []) == []
    assert gate.empty


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40))
def test_what_leaves_is_in_order_and_never_early(history: list[tuple[bool, bool]]) -> None:
    gate, left, waiting = Gate(), list[int](), list[int]()
    for step, (keeps, synced) in enumerate(history, 1):
        if keeps:
            waiting.append(step)
            gate.shut(step)
        out = gate.hold(step, [*shows(step)])
        if synced and waiting:
            del waiting[0]
            gate.open(waiting[0] if waiting else OPEN)
            out += gate.release()
        left += [int(order.data) for order in out if isinstance(order, SendBytes)]
        first_waiting = waiting[0] if waiting else OPEN
        assert left == list(range(1, min(step + 1, first_waiting)))


def test_backup_and_disk_are_both_waited_for_as_the_mode_says() -> None:
    for mode, free in ((GateMode.DISK, {1, 2}), (GateMode.BACKUP, {1}), (GateMode.DISK_AND_BACKUP, {1})):
        gate = Gate()
        gate.acknowledged(1)
        gate.wait_for(mode)
        gate.shut(3)
        out = [order for step in (1, 2, 3) for order in gate.hold(step, [*shows(step)])]
        assert out == [order for step in sorted(free) for order in shows(step)]
        gate.acknowledged(3)
        assert (
            gate.release()
            == [order for step in (1, 2, 3) if step not in free for order in shows(step)][
                : None if mode is GateMode.BACKUP else 2 - len(free)
            ]
        )
        gate.open(OPEN)
        gate.release()
        assert gate.empty


def test_what_is_dropped_never_leaves() -> None:
    gate = Gate()
    gate.shut(1)
    gate.hold(1, [*shows(1)])
    gate.drop()
    gate.open(OPEN)
    assert gate.release() == []
