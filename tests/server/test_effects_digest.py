"""The running checksum over effects: everything in them counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from corewire_server.core.effects import Append, CloseLink, Effect, Log, SendBytes
from corewire_server.core.effects_digest import EffectsDigest
from corewire_server.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence


def digest(*steps: Sequence[Effect]) -> bytes:
    """Of these steps."""
    sums = EffectsDigest()
    for effects in steps:
        sums.add(effects)
    return bytes(sums)


@pytest.mark.parametrize("count", [1, 2, 7, 8, 50])
def test_every_field_of_every_record_counts_and_their_order(count: int) -> None:
    records = [Record(1, number, 4, b"body%d" % number) for number in range(count)]
    seen = {digest([Append(tuple(records))])}
    changes: list[dict[str, int | bytes]] = [{"op": 2}, {"id": 999}, {"kind": 5}, {"body": b"other"}, {"tx": 3}]
    for change in changes:
        for at in {0, count - 1}:
            seen.add(digest([Append((*records[:at], records[at]._replace(**change), *records[at + 1 :]))]))  # type: ignore[arg-type]
    variants = 5 * len({0, count - 1})
    if count > 1:
        seen.add(digest([Append(tuple(reversed(records)))]))
        variants += 1
    assert len(seen) == 1 + variants


def test_every_other_effect_counts_and_where_steps_end() -> None:
    send: Effect = SendBytes(1, b"a")
    close: Effect = CloseLink(1)
    histories: list[list[list[Effect]]] = [[], [[]], [[], []], [[send], [send]], [[send, send]], [[close]]]
    single: tuple[Effect, ...] = (
        SendBytes(1, b"ab"),
        SendBytes(2, b"ab"),
        CloseLink(2),
        Log("info", "a"),
        Log("info", "b"),
        Log("error", "a"),
    )
    histories.extend([[effect]] for effect in single)
    assert len({digest(*steps) for steps in histories}) == len(histories)


def test_it_goes_on_from_where_it_was() -> None:
    sums = EffectsDigest()
    sums.add([SendBytes(1, b"a")])
    copy = EffectsDigest(sums.steps, sums.checksum)
    for one in (sums, copy):
        one.add([CloseLink(1)])
    assert bytes(copy) == bytes(sums) == digest([SendBytes(1, b"a")], [CloseLink(1)])
