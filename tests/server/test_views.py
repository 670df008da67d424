"""What a node with a peer says of itself to people: how far the backup is behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.server.pairs import Pair

if TYPE_CHECKING:
    from tests.server.pairs import Side


def lag(side: Side) -> tuple[int, int, int]:
    """Inputs, bytes, milliseconds."""
    status = side.up.status(side.pair.now)
    return status.lag_inputs, status.lag_bytes, status.lag_ms


def test_lag_of_a_backup_grows_in_inputs_bytes_and_time_and_ends_when_it_has_caught_up() -> None:
    pair = Pair.in_step()
    pair.say(b"before")
    pair.sleep(100)
    assert lag(pair.a) == (0, 0, 0)
    pair.b.reads = False
    pair.say(*(bytes(1000) for _ in range(3)))
    pair.sleep(100)
    inputs, in_bytes, ms = lag(pair.a)
    assert (inputs, ms) == (3, 100)
    assert 3000 < in_bytes < 4000
    pair.say(bytes(1000))
    pair.sleep(500)
    more_inputs, more_bytes, more_ms = lag(pair.a)
    assert (more_inputs, more_ms) == (4, 600)
    assert more_bytes > in_bytes + 1000
    pair.b.reads = True
    pair.pump()
    assert lag(pair.a) == lag(pair.b) == (0, 0, 0)


def test_lag_is_of_what_is_missing_still_not_of_what_was() -> None:
    pair = Pair.in_step()
    pair.b.reads = False
    pair.say(b"1")
    pair.sleep(1000)
    pair.b.reads = True
    pair.pump()
    pair.b.reads = False
    pair.say(b"2")
    pair.sleep(10)
    assert lag(pair.a)[::2] == (1, 10)


def test_row_of_a_backup_tells_what_it_has_received_and_not_executed() -> None:
    pair = Pair.in_step()
    pair.say(b"before")
    received, node = pair.b.up.status(pair.now).last_input, pair.a.up
    for _ in range(2):
        node.offer(pair.now, pair.a.said(node.epoch << 32 | 1, b"keep " + bytes(1000)))
    pair.a.perform(node.flush())
    while pair.b.up.status(pair.now).last_input < received + 2:
        assert pair._one(pair.b)
    inputs, in_bytes, ms = lag(pair.b)
    assert (inputs, ms) == (2, 0)
    assert 2000 < in_bytes < 3000
    pair.pump()
    assert lag(pair.b) == (0, 0, 0)
