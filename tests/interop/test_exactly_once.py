"""
Exactly-once against real brokers: each clause with the history that it closes, forced by a proxy that strikes when a named
frame passes, and by a backup that is frozen, so that what was stored is not replicated.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.interop import client_transact_lanes
from tests.interop.artemis_pair import ArtemisPair
from tests.interop.cell_stage import Stage, witnesses_of
from tests.interop.client_transact_lanes import ONCE
from tests.interop.together import threads
from tests.interop.worlds import World

from corewire.client._receipts import RECEIPTS
from corewire.errors import CallTimeout, Unblocked
from corewire.values import QueueConfiguration, RoutingType
from corewire.wire import packets
from corewire.wire.framing import MAGIC, FrameReader, packet_type
from corewire.wire.message import CoreMessage
from corewire.wire.registry import decode
from corewire_server.proxy import Direction, Ending
from corewire_transports.threads import connect, fail_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.interop.artemis import Artemis

    from corewire_transports.threads import Client

pytestmark = pytest.mark.slow
PATIENCE_S = 20.0
WELL_BEFORE_S = 40.0  # the end of a time to live
OPTIONS = "exactlyOnce=true&retryInterval=50"
SENT_AND_ANSWERED = (
    (Direction.TO_TARGET, (packets.SessionSend,)),
    (Direction.TO_CLIENT, (packets.NullResponse,)),
)
COMMANDS = (packets.SessionSend, packets.SessionCommit, packets.SessionCreateConsumer, packets.SessionBindingQuery)


class Recorder(Stage):
    """A stage that keeps what passes."""

    def __init__(self, broker: Artemis, witnesses: Any) -> None:
        super().__init__(broker, witnesses)
        self.frames: list[tuple[Direction, bytes]] = []
        self._changed = threading.Condition()
        self._streams: dict[tuple[int, Direction], FrameReader] = {}

    def passed(self, link: int, direction: Direction, data: bytes) -> None:
        stream = self._streams.setdefault((link, direction), FrameReader())
        with self._changed:
            self.frames += [(direction, frame) for frame in stream.feed(data.removeprefix(MAGIC))]
            self._changed.notify_all()
        super().passed(link, direction, data)

    def seen(self, direction: Direction, *kinds: type[Any]) -> list[Any]:
        """The packets of some kinds that went that way."""
        types = {kind.TYPE for kind in kinds}
        return [decode(frame, 136) for way, frame in self.frames if way is direction and packet_type(frame) in types]

    def wait_for(self, reached: Callable[[], bool]) -> None:
        """Until it is so. Raises ``AssertionError`` if it takes too long."""
        with self._changed:
            assert self._changed.wait_for(reached, PATIENCE_S)

    @property
    def sends(self) -> list[Any]:
        return self.seen(Direction.TO_TARGET, packets.SessionSend)

    @property
    def fence_refusals(self) -> int:
        """How often the session's name was still taken."""
        return [answer.code for answer in self.seen(Direction.TO_CLIENT, packets.ExceptionResponse)].count(114)


@pytest.fixture
def stage(artemis: Artemis) -> Iterator[Recorder]:
    with witnesses_of(artemis) as witnesses, Recorder(artemis, witnesses) as stage:
        yield stage


@pytest.fixture(scope="module")
def pair(java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArtemisPair]:
    """Killed by the last test."""
    with ArtemisPair(tmp_path_factory.mktemp("pair")) as pair:
        yield pair


# -- (a) and (b): no window, and messages that are kept, with their ids, until their own answer ----------------------------


def test_a_message_whose_answer_is_lost_is_sent_again_with_its_id_and_is_there_once(stage: Recorder) -> None:
    with connect(stage.url(OPTIONS)) as client, client.session() as session:
        assert {made.window_size for made in stage.seen(Direction.TO_TARGET, packets.CreateSessionV2)} == {-1}
        stage.frames.clear()  # `connect` has tried whether receipts can be sent
        stage.set_trap(stage.proxy.cut_all, *SENT_AND_ANSWERED)
        session.send(stage.name, "x")
    sent = [CoreMessage(packet.message) for packet in stage.sends]
    assert [message.address for message in sent] == [stage.name, RECEIPTS, stage.name], "it waits for the storage first"
    assert sent[0].properties["_AMQ_DUPL_ID"] == sent[2].properties["_AMQ_DUPL_ID"]
    assert stage.witness.texts(stage.name) == ["x"]


def test_a_broker_that_believes_in_the_lost_link_ends_its_session_when_that_is_asked_for(stage: Recorder) -> None:
    """Without REATTACH_SESSION the fence would stand until the time to live of the link is over, which is a minute."""
    with fail_after(WELL_BEFORE_S), connect(stage.url(OPTIONS)) as client, client.session() as session:
        session.send(stage.name, "1")
        stage.frames.clear()
        stage.proxy.arm(direction=Direction.TO_CLIENT, ending=Ending.RESET, bytes_max=1, linger_s=10 * WELL_BEFORE_S)
        session.send(stage.name, "2")
    asked = stage.seen(Direction.TO_TARGET, packets.ReattachSession, packets.CreateSessionV2)
    assert [type(packet) for packet in asked] == [packets.ReattachSession, packets.CreateSessionV2]
    assert [answer.reattached for answer in stage.seen(Direction.TO_CLIENT, packets.ReattachSessionResponse)] == [False]
    assert stage.witness.texts(stage.name) == ["1", "2"]


def test_submitted_messages_of_which_some_arrived_are_there_once_and_in_order(stage: Recorder) -> None:
    with connect(stage.url(OPTIONS)) as client, client.session() as session, session.producer(stage.name) as producer:
        stage.set_trap(
            stage.proxy.cut_all,
            *[(Direction.TO_TARGET, (packets.SessionSend,))] * 20,
            *[(Direction.TO_CLIENT, (packets.NullResponse,))] * 5,
        )
        for number in range(40):
            producer.submit(str(number))
    assert stage.witness.texts(stage.name) == [str(number) for number in range(40)]


# -- (c): the fence, and another broker ------------------------------------------------------------------------------------


def test_nothing_is_written_before_what_the_session_before_did_is_replicated(pair: ArtemisPair) -> None:
    """Without the fence the new session's first answers come before the old session's messages are safe, and before they are in
    the queue: newer ones overtake them."""
    with witnesses_of(pair.primary) as witnesses, Recorder(pair.primary, witnesses) as stage:
        with (
            connect(stage.url(OPTIONS)) as client,
            client.session() as session,
            session.producer(stage.name) as producer,
        ):
            producer.send("0")
            stage.frames.clear()
            pair.backup.freeze()
            try:
                for number in range(1, 20):
                    producer.submit(str(number))
                stage.wait_for(lambda: len(stage.sends) == 19)
                stage.proxy.cut_all()
                before = len(stage.seen(Direction.TO_TARGET, *COMMANDS))
                producer.submit("20")
                stage.wait_for(lambda: stage.fence_refusals >= 3)
                assert len(stage.seen(Direction.TO_TARGET, *COMMANDS)) == before
            finally:
                pair.backup.thaw()
        assert stage.witness.texts(stage.name) == [str(number) for number in range(21)]


def test_at_a_broker_with_another_node_id_nobody_knows(stage: Recorder, pair: ArtemisPair) -> None:
    def move() -> None:
        stage.proxy.target = ("127.0.0.1", pair.primary.port)
        stage.proxy.cut_all()

    with connect(stage.url(OPTIONS)) as client, client.session() as session:
        session.create_queue(stage.name)
        stage.set_trap(move, (Direction.TO_TARGET, (packets.SessionSend,)))
        with pytest.raises(Unblocked):
            session.send(stage.name, "x")
        session.send(stage.name, "at the other one")


# -- (f): queues that keep their memory --------------------------------------------------------------------------------------


def test_a_queue_that_the_client_made_and_that_was_emptied_remembers_what_was_sent(
    stage: Recorder, artemis: Artemis
) -> None:
    """An auto-deleted one would take the ids with it: the message that was handled meanwhile would come again."""

    vanished = threading.Event()

    def vanish() -> None:
        stage.proxy.target = ("127.0.0.1", 1)
        stage.proxy.cut_all()
        vanished.set()

    with (
        connect(stage.url(OPTIONS)) as client,
        client.session() as session,
        witnesses_of(artemis) as witness,
        ThreadPoolExecutor() as helper,
    ):
        stage.frames.clear()
        stage.set_trap(vanish, *SENT_AND_ANSWERED)
        sending = helper.submit(session.send, stage.name, "x")
        assert vanished.wait(PATIENCE_S)
        with witness.session() as other, other.consumer(stage.name) as consumer:
            assert next(consumer).text == "x"
        stage.heal()
        sending.result(PATIENCE_S)
    assert len(stage.sends) == 3, "once, a receipt, and once more"
    assert stage.witness.exists(stage.name)
    assert stage.witness.count(stage.name) == 0


def test_an_existing_queue_that_the_broker_deletes_when_empty_is_named(
    stage: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(stage.url(OPTIONS)) as client, client.session() as session:
        queue = QueueConfiguration(name=stage.name, routing_type=RoutingType.ANYCAST, auto_delete=True)
        session.create_queue(queue)
        session.send(stage.name, "x")
    assert f"queue '{stage.name}' is deleted when it is empty" in caplog.text


# -- (e): receipts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", World, ids=lambda world: world.value)
def test_a_commit_that_waits_for_the_backup_is_not_taken_for_lost(pair: ArtemisPair, world: World) -> None:
    """It is stored, not replicated, and not visible: without the fence the receipt would be accepted, and the commit completed
    afterwards."""
    with witnesses_of(pair.primary) as witnesses, Recorder(pair.primary, witnesses) as stage:
        stage.witness.queue(stage.name, "1", "2")
        stage.witness.queue(f"{stage.name}.out")

        def thaw() -> None:
            try:
                stage.wait_for(lambda: stage.fence_refusals >= 1)
            finally:
                pair.backup.thaw()

        with ThreadPoolExecutor(1) as pool:
            thawing = pool.submit(thaw)
            url = stage.url(f"{ONCE}&callTimeout=1500")
            runs = world.run(client_transact_lanes.forwards, url, stage.name, pair.backup.freeze, None)
            thawing.result()
        assert runs == 1
        assert (stage.witness.texts(stage.name), stage.witness.texts(f"{stage.name}.out")) == ([], ["1", "2"])


# -- before it begins


def test_who_connects_waits_for_no_broker_that_goes_during_the_first_questions(artemis: Artemis) -> None:
    def in_world(world: World, witnesses: Client) -> None:
        with Stage(artemis, witnesses) as bench:

            def vanish() -> None:
                bench.proxy.target = ("127.0.0.1", 1)
                bench.proxy.cut_all()

            bench.set_trap(vanish, (Direction.TO_TARGET, (packets.SessionBindingQuery,)))
            with pytest.raises(CallTimeout):
                world.run(client_transact_lanes.connects, bench.url(f"{OPTIONS}&callTimeout=3000"))
            assert bench.struck, f"in the world of {world.value}"

    with witnesses_of(artemis) as witnesses:
        threads(*(partial(in_world, world, witnesses) for world in World))


# -- and the end of the pair ---------------------------------------------------------------------------------------------------


def test_what_was_stored_and_not_replicated_is_sent_again_to_the_successor_once_and_in_order(pair: ArtemisPair) -> None:
    with connect(f"{pair.address}?{OPTIONS}") as client, client.session() as session:
        with session.producer("succession") as producer:
            producer.send("0")
            pair.backup.freeze()
            try:
                for number in range(1, 20):
                    producer.submit(str(number))
                pair.kill_primary()
            finally:
                pair.backup.thaw()
            producer.submit("20")
        with session.browser("succession") as browser:
            assert [message.text for message in browser] == [str(number) for number in range(21)]
