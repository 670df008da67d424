"""The watch sees two nodes that serve at once, and is not misled by a service that is handed over while it looks."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from tests.interop.pair_watch import Watch

if TYPE_CHECKING:
    from tests.interop.pair import Member, Pair, Status


class Answering:
    """A node that answers with these epochs in turn, the last for ever; 0: it does not serve, None: it does not answer."""

    def __init__(self, role: str, *epochs: int | None) -> None:
        self.role = role
        self._epochs = list(epochs)

    def status(self, timeout_s: float) -> Status | None:
        epoch = self._epochs.pop(0) if len(self._epochs) > 1 else self._epochs[0]
        return None if epoch is None else {"serving": epoch > 0, "epoch": epoch}


def watch(*nodes: Answering) -> Watch:
    return Watch(cast("Pair", SimpleNamespace(members=list(nodes))))


def seen(one: Answering, other: Answering) -> list[str]:
    looking = watch(one, other)
    looking._look(cast("Member", one), cast("Member", other))
    assert looking.looks == 1
    return looking.both


def test_two_that_serve_at_once_are_seen() -> None:
    assert seen(Answering("primary", 2), Answering("backup", 3)) == ["primary in epoch 2, backup in epoch 3"]


@pytest.mark.parametrize("after", [0, 4, None], ids=["handed over", "and got it back", "dead"])
def test_one_that_stops_while_the_other_is_asked_is_none(after: int | None) -> None:
    assert seen(Answering("primary", 2, after), Answering("backup", 3)) == []


@pytest.mark.parametrize("epoch", [0, None])
def test_one_that_serves_is_none(epoch: int | None) -> None:
    for nodes in ((2, epoch), (epoch, 2)):
        assert seen(*(Answering("a node", each) for each in nodes)) == []


def watched(*nodes: Answering) -> None:
    with watch(*nodes) as looking:
        while not looking.looks:
            time.sleep(0.001)


def test_what_is_seen_fails_the_test() -> None:
    watched(Answering("primary", 2), Answering("backup", 0))
    with pytest.raises(AssertionError, match="two primaries"):
        watched(Answering("primary", 2), Answering("backup", 3))
