"""A send that its client wrote to the new connection before the replay (a thread was held up): it overtakes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.server.helpers import Client, Delivery, Session, World, send_packet

from corewire.wire import packets
from corewire_server.core import Broker
from corewire_server.core.early import BEHIND_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW = 1 << 20
TICK_MS = 2_000


def sends(numbers: Sequence[int]) -> list[packets.SessionSend]:
    return [send_packet("q", str(n), requires_response=True, correlation_id=n) for n in numbers]


def answered(session: Session) -> list[int | None]:
    return [one.correlation_id for one in session.read() if isinstance(one, packets.NullResponse)]


class Scene(NamedTuple):
    """Sends 1 to 3 are executed, 4 to 6 were lost with the connection, the session is on its next one."""

    world: World
    client: Client
    session: Session
    reader: Session


def executed(reader: Session) -> list[int]:
    return [int(text) for text in reader.texts()]


@pytest.fixture
def scene() -> Scene:
    world = World()
    session = world.connect().session(window_size=WINDOW)
    session.queue("q")
    reader = world.connect().session()
    reader.consume("q")
    session.tell(*sends([1, 2, 3]))
    session.client.lose()
    client = world.connect()
    answer = client.reattach(session, -1)
    assert (answer.reattached, answer.last_confirmed_command_id) == (True, 3)  # the queue and three sends
    session.read()
    assert executed(reader) == [1, 2, 3]
    return Scene(world, client, session, reader)


def confirmed(scene: Scene) -> int:
    """How many commands the broker counts, less one: it says so to who comes back."""
    scene.session.client.lose()
    return scene.world.connect().reattach(scene.session, -1).last_confirmed_command_id


def inbox(scene: Scene) -> Delivery:
    """A delivery to the session: four commands more that count, up to number 7."""
    scene.session.queue("in")
    scene.session.consume("in")
    scene.reader.publish("in", "a")
    (delivery,) = scene.session.deliveries()
    confirmed(scene)
    return delivery


def acknowledgement(delivery: Delivery) -> packets.SessionAcknowledge:
    return packets.SessionAcknowledge(delivery.consumer, delivery.message.id, requires_response=False)


def waiting(scene: Scene, queue: str) -> int:
    answer: packets.SessionQueueQueryResponseV3 = scene.reader.ask(packets.SessionQueueQuery(queue))
    return answer.message_count


@pytest.mark.parametrize("reads", [[[7], [4, 5, 6, 7]], [[7, 4, 5, 6, 7]], [[7], [4], [5], [6], [7]]], ids=str)
def test_it_waits_for_the_replay_which_brings_it_again(scene: Scene, reads: list[list[int]]) -> None:
    for numbers in reads:
        scene.session.tell(*sends(numbers))
    assert answered(scene.session) == [4, 5, 6, 7]
    assert executed(scene.reader) == [4, 5, 6, 7]
    assert confirmed(scene) == 7


def test_nothing_is_told_of_it_meanwhile(scene: Scene) -> None:
    scene.session.tell(*sends([7]))
    assert (answered(scene.session), executed(scene.reader)) == ([], [])
    assert confirmed(scene) == 3


def test_numbers_that_were_used_up_elsewhere_leave_a_gap(scene: Scene) -> None:
    scene.session.tell(*sends([7]))
    scene.session.tell(*sends([8, 9]))
    assert answered(scene.session) == [7, 8, 9]
    assert executed(scene.reader) == [7, 8, 9]
    assert confirmed(scene) == 6


def test_first_sends_of_all_may_be_the_lost_ones() -> None:
    world = World()
    session = world.connect().session(window_size=WINDOW)
    session.queue("q")
    session.consume("q")
    session.client.lose()
    world.connect().reattach(session, -1)
    session.read()
    session.tell(*sends([3]))
    session.tell(*sends([1, 2, 3]))
    assert session.texts() == ["1", "2", "3"]


def test_send_that_blocks_comes_behind_it(scene: Scene) -> None:
    scene.session.tell(*sends([7]), *sends([-1]))
    assert answered(scene.session) == [7, -1]


def test_command_that_is_answered_comes_behind_it(scene: Scene) -> None:
    scene.session.tell(*sends([7]))
    scene.session.tell(packets.SessionCommit())
    assert [type(one) for one in scene.session.read()] == [packets.NullResponse, packets.NullResponse]
    assert executed(scene.reader) == [7]


def test_replay_may_begin_with_what_is_not_answered(scene: Scene) -> None:
    scene.session.tell(*sends([7]))
    scene.session.tell(packets.SessionStart(), *sends([4, 5, 6, 7]))
    assert executed(scene.reader) == [4, 5, 6, 7]


def test_command_that_is_not_answered_waits_behind_it_and_is_not_counted_in_its_place(scene: Scene) -> None:
    delivery = inbox(scene)
    scene.session.tell(*sends([7]))  # 4 to 6 were used up elsewhere
    scene.session.tell(acknowledgement(delivery))
    assert confirmed(scene) == 7  # neither of them
    assert waiting(scene, "in") == 1
    scene.session.tell(*sends([7]), acknowledgement(delivery))
    scene.world.sleep(2 * TICK_MS)
    assert executed(scene.reader) == [7]
    assert waiting(scene, "in") == 0
    assert confirmed(scene) == 9


@pytest.mark.parametrize("copied", [False, True])
def test_commands_behind_it_are_executed_once_whatever_it_was(scene: Scene, copied: bool) -> None:
    """``copied``: the broker was replaced by its snapshot in the middle."""
    delivery = inbox(scene)
    scene.session.tell(*sends([7]))
    scene.session.tell(acknowledgement(delivery), packets.SessionStart())
    if copied:
        scene.world.broker = Broker.restore(scene.world.config, scene.world.broker.snapshot())
    scene.session.tell(*sends([4, 5, 6, 7]))
    assert executed(scene.reader) == [4, 5, 6, 7]
    assert waiting(scene, "in") == 0
    assert confirmed(scene) == 13


def test_command_that_its_client_waits_for_ends_the_waiting(scene: Scene) -> None:
    delivery = inbox(scene)
    asks = packets.SessionAcknowledge(delivery.consumer, delivery.message.id, requires_response=True)
    for number, command in enumerate([asks, packets.SessionForceConsumerDelivery(delivery.consumer, 1)]):
        scene.session.tell(*sends([7 + 3 * number]))
        scene.session.tell(packets.SessionStart(), command)
        assert executed(scene.reader) == [7 + 3 * number]
        confirmed(scene)


def test_so_many_commands_behind_it_end_the_waiting(scene: Scene) -> None:
    scene.session.tell(*sends([7]))
    many = [packets.SessionProducerRequestCredits(1, "q" * 4_000)] * (BEHIND_BYTES_MAX // 8_000 - 1)
    scene.session.tell(*many)
    assert executed(scene.reader) == []
    scene.session.tell(*many[:3])
    assert executed(scene.reader) == [7]


@pytest.mark.parametrize("copied", [False, True])
def test_it_does_not_wait_for_ever(scene: Scene, copied: bool) -> None:
    """``copied``: the broker was replaced by its snapshot in the middle."""
    scene.session.tell(*sends([7]))
    scene.world.sleep(TICK_MS)
    assert executed(scene.reader) == []
    if copied:
        scene.world.broker = Broker.restore(scene.world.config, scene.world.broker.snapshot())
    scene.world.sleep(TICK_MS)
    assert answered(scene.session) == [7]
    assert executed(scene.reader) == [7]


def test_it_is_as_if_it_had_never_come_when_its_connection_is_lost_too(scene: Scene) -> None:
    scene.session.tell(*sends([7]))
    scene.client.lose()
    scene.world.sleep(3 * TICK_MS)
    scene.world.connect().reattach(scene.session, -1)
    scene.session.tell(*sends([4, 5, 6, 7]))
    assert executed(scene.reader) == [4, 5, 6, 7]


def test_only_the_first_send_behind_a_reattachment_can_be_one(scene: Scene) -> None:
    scene.session.tell(*sends([4]))
    scene.session.tell(*sends([7]))
    assert executed(scene.reader) == [4, 7]


def test_what_makes_no_sense_ends_its_link_whenever_it_is_read(scene: Scene) -> None:
    scene.session.tell(packets.SessionSend(b"\0" * 40, requires_response=False, correlation_id=7))
    assert scene.world.closed == []
    scene.world.sleep(2 * TICK_MS)
    assert scene.world.closed == [scene.client.link]
    assert "SESS_SEND" in scene.world.logs[-1].text
