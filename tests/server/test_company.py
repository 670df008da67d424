"""Inputs that are likely to show nothing wait a little for others on their way to the backup, and never longer than that."""

from __future__ import annotations

import pytest
from tests.server.pairs import Pair

from corewire_server.core.inputs import BytesReceived, Input, LinkClosed
from corewire_server.node.company import COMPANY_BYTES_MAX, COMPANY_MS


class Talk:
    """A pair in step, and two clients of its primary: the first has said something that was answered, the second has not."""

    def __init__(self) -> None:
        self.pair = pair = Pair.in_step()
        self.a, self.node = pair.a, pair.a.up
        pair.say(b"0")
        self.link = self.node.epoch << 32 | 1
        self.quiet = self.link + 1
        self.turn(BytesReceived(self.quiet, b"hush"))
        pair.pump()
        self.start = self.node.status(pair.now).executed
        assert self.handed_on == 0

    @property
    def handed_on(self) -> int:
        """Inputs since the beginning that the backup has, or that are on their way to it."""
        self.pair.silent.clear()
        while self.pair._one(self.pair.b):
            pass
        return self.pair.b.up.status(self.pair.now).last_input - getattr(self, "start", 0)

    def hand_on(self, *items: Input) -> None:
        """What clients say in one turn."""
        for item in items:
            self.node.offer(self.pair.now, item)
        self.a.perform(self.node.flush())

    def turn(self, *items: Input) -> None:
        """The same, and it is executed."""
        self.hand_on(*items)
        self.a.perform(self.node.run(self.pair.now))


def test_input_of_a_link_that_was_not_answered_waits_for_the_next_of_another() -> None:
    talk = Talk()
    talk.turn(BytesReceived(talk.quiet, b"hush"))
    assert talk.handed_on == 0
    talk.hand_on(BytesReceived(talk.link, b"keep 1"))
    assert talk.handed_on == 2
    talk.pair.heal()
    assert talk.pair.confirmed == [b"0", b"1"]


def test_it_goes_alone_when_nobody_came() -> None:
    talk = Talk()
    talk.turn(BytesReceived(talk.quiet, b"hush"))
    began = talk.pair.now
    while not talk.handed_on:
        due = talk.node.next_timeout()
        assert due is not None
        talk.pair.now = max(talk.pair.now, due)
        talk.a.perform(talk.node.wake(talk.pair.now))
    assert talk.pair.now - began <= COMPANY_MS


def test_what_is_answered_after_all_is_handed_on_and_not_shown_before() -> None:
    talk = Talk()
    talk.hand_on(BytesReceived(talk.quiet, b"keep 1"))
    talk.pair.silent.add("a")
    talk.a.perform(talk.node.run(talk.pair.now))
    while talk.a.jobs:
        talk.a.do_job()
    assert talk.pair.confirmed == [b"0"]
    assert talk.handed_on == 1
    talk.pair.pump()
    assert talk.pair.confirmed == [b"0", b"1"]


@pytest.mark.parametrize("size", [COMPANY_BYTES_MAX, 200])
def test_many_bytes_do_not_wait(size: int) -> None:
    talk = Talk()
    for _ in range(COMPANY_BYTES_MAX // size + 1):
        talk.turn(BytesReceived(talk.quiet, b"hush " + bytes(size)))
    assert talk.handed_on > 0


def test_end_of_a_link_does_not_wait() -> None:
    talk = Talk()
    talk.turn(LinkClosed(talk.quiet))
    assert talk.handed_on == 1


def test_nothing_waits_on_its_way_to_a_node_that_is_not_in_step() -> None:
    talk = Talk()
    talk.pair.b.kill()
    talk.pair.until(lambda: not talk.node.status(talk.pair.now).in_step)
    talk.pair.b.start()
    talk.pair.halt_at(lambda: talk.pair.b.role == "joining" and talk.pair.b.up.status(talk.pair.now).last_input > 0)
    before = talk.handed_on
    talk.turn(BytesReceived(talk.quiet, b"hush"))
    assert talk.handed_on == before + 1


@pytest.mark.parametrize("order", ["stop", "switch"])
def test_all_is_handed_on_before_the_other_node_serves(order: str) -> None:
    talk = Talk()
    talk.turn(BytesReceived(talk.quiet, b"hush"))
    if order == "stop":
        talk.a.perform(talk.node.stop(talk.pair.now))
        talk.pair.until(lambda: talk.a.role == "stopped")
        talk.a.kill()
    else:
        talk.a.order("switch")
    talk.pair.until(lambda: talk.pair.b.role == "primary")
    words = [item for _, item in talk.pair.b.core.inputs if isinstance(item, BytesReceived) and item.data == b"hush"]
    assert len(words) == 2
