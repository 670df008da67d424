"""The door over the invented network does what the runtime's does over sockets (``tests/server/test_door.py``)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from corewire.wire import packets, registry
from corewire.wire.versions import VERSION
from corewire_server.node.doorkeeper import HELD_BYTES_MAX, REACH_S
from corewire_server.node.orders import Door
from corewire_server.simulator.door import ClientDoor
from corewire_server.simulator.network import Conduct, Network, Process
from corewire_server.simulator.node import CLIENT_PORT
from corewire_server.simulator.observer import Observer
from corewire_server.simulator.world import MS, SECOND, World

if TYPE_CHECKING:
    from corewire_server.simulator.network import End
    from corewire_server.simulator.pair import PairProcess

TARGET = f"primary:{CLIENT_PORT}"
WRITE_LIMIT = 1000


class Peer(Process):
    """A client, or a primary that says only what it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.streams: list[End] = []
        self.heard: dict[End, bytes] = {}
        self.over: list[End] = []

    def accepted(self, end: End) -> None:
        self.streams.append(end)

    def received(self, end: End, data: bytes) -> None:
        self.heard[end] = self.heard.get(end, b"") + data

    def lost(self, end: End) -> None:
        self.over.append(end)


class Backup(Process):
    """A process with a door, as `PairProcess` is one; it serves by taking note."""

    def __init__(self, world: World, network: Network) -> None:
        super().__init__()
        self.world = world
        hardware = SimpleNamespace(write_limit_bytes=WRITE_LIMIT)
        self.machine = SimpleNamespace(name="backup", network=network, hardware=hardware)
        self.door = ClientDoor(cast("PairProcess", cast("Any", self)), f"backup:{CLIENT_PORT}")
        self.served: dict[End, bytes] = {}

    def serve(self, end: End, held: bytes) -> None:
        self.served[end] = held

    def accepted(self, end: End) -> None:
        self.door.accepted(end)

    def connected(self, end: End) -> None:
        assert self.door.connected(end)

    def refused(self, end: End) -> None:
        assert self.door.refused(end)

    def received(self, end: End, data: bytes) -> None:
        if not self.door.received(end, data):
            self.served[end] += data

    def lost(self, end: End) -> None:
        self.door.lost(end)

    def writable(self, end: End) -> None:
        assert self.door.writable(end)


class Scene:
    """A backup that leads, the primary, a client, and time."""

    def __init__(self, *, reachable: bool = True) -> None:
        self.world = World(1, Observer())
        self.network = Network(self.world, Conduct())
        self.primary, self.client = Peer(), Peer()
        self.backup = Backup(self.world, self.network)
        if reachable:
            self.network.listen(("primary", CLIENT_PORT), self.primary)
        self.backup.door.set(Door.LEAD, TARGET)
        self.end = self.network.dial(self.client, "client", ("backup", CLIENT_PORT))
        self.pass_time(10 * MS)

    def pass_time(self, time: int) -> None:
        self.world.run(lambda: False, self.world.now + time)
        self.world.now += time

    def say(self, data: bytes) -> None:
        self.end.write(data)
        self.pass_time(10 * MS)

    def answer(self, data: bytes) -> None:
        self.primary.streams[-1].write(data)
        self.pass_time(10 * MS)

    @property
    def told(self) -> bytes:
        """What the client has heard."""
        return self.client.heard.get(self.end, b"")


def test_client_is_led_to_the_primary_and_stays_with_it() -> None:
    scene = Scene()
    scene.say(b"one")
    scene.answer(b"first")
    scene.backup.door.set(Door.SERVE, "")
    scene.say(b"two")
    scene.answer(b"second")
    [stream] = scene.primary.streams
    assert scene.primary.heard[stream] == b"onetwo"
    assert scene.told == b"firstsecond"
    assert scene.backup.served == {}
    stream.close()
    scene.pass_time(10 * MS)
    assert scene.client.over == [scene.end]


def test_client_that_finds_no_primary_is_held_and_served_from_its_first_byte() -> None:
    scene = Scene(reachable=False)
    scene.say(b"he")
    scene.pass_time(SECOND)
    scene.backup.door.set(Door.SERVE, "")
    scene.say(b"llo")
    assert list(scene.backup.served.values()) == [b"hello"]
    assert scene.backup.door.keeper.held_served == 1
    assert scene.backup.door.streams == {}


def test_held_client_is_led_as_soon_as_the_primary_can_be_reached() -> None:
    scene = Scene(reachable=False)
    scene.say(b"hello")
    scene.network.silence("backup", "primary")
    scene.pass_time(3 * int(REACH_S * SECOND))
    scene.network.listen(("primary", CLIENT_PORT), scene.primary)
    scene.network.heal("backup", "primary")
    scene.pass_time(3 * int(REACH_S * SECOND))
    assert scene.primary.heard[scene.primary.streams[-1]] == b"hello"
    assert set(scene.primary.streams[:-1]) <= set(scene.primary.over), "tries that were given up"


def test_held_client_is_read_up_to_a_limit_and_nothing_is_lost() -> None:
    scene = Scene(reachable=False)
    data = bytes(range(251)) * (4 * HELD_BYTES_MAX // 251)
    for at in range(0, len(data), 5000):
        scene.end.write(data[at : at + 5000])
    scene.pass_time(SECOND)
    [early] = scene.backup.door.keeper.early
    assert len(early.held) == HELD_BYTES_MAX
    assert scene.end.unread == len(data) - HELD_BYTES_MAX
    scene.backup.door.set(Door.SERVE, "")
    scene.pass_time(SECOND)
    assert list(scene.backup.served.values()) == [data]
    assert scene.end.unread == 0


def test_client_whose_question_died_with_the_primary_is_asked_again_here() -> None:
    scene = Scene()
    scene.say(b"hello")
    scene.network.shut(("primary", CLIENT_PORT))
    scene.primary.streams[0].close()
    scene.pass_time(10 * MS)
    scene.backup.door.set(Door.SERVE, "")
    assert list(scene.backup.served.values()) == [b"hello"]


def test_client_that_the_primary_drops_twice_without_a_word_is_dropped() -> None:
    scene = Scene()
    scene.say(b"nonsense")
    for count in range(2):
        assert scene.primary.heard[scene.primary.streams[count]] == b"nonsense"
        assert scene.client.over == []
        scene.primary.streams[count].close()
        scene.pass_time(10 * MS)
    assert scene.client.over == [scene.end]
    assert scene.backup.door.streams == {}


def test_closing_the_door_sends_the_held_away() -> None:
    scene = Scene(reachable=False)
    scene.backup.door.set(Door.CLOSED, "")
    scene.pass_time(10 * MS)
    assert scene.client.over == [scene.end]


def test_closing_the_door_leaves_a_client_whose_question_the_primary_has() -> None:
    scene = Scene()
    scene.say(b"question")
    scene.backup.door.set(Door.CLOSED, "")
    scene.answer(b"answer")
    assert scene.told == b"answer"


def test_door_that_closes_for_good_leaves_nobody() -> None:
    scene = Scene()
    scene.say(b"question")
    scene.backup.door.close()
    scene.pass_time(10 * MS)
    assert scene.client.over == [scene.end]
    assert scene.primary.over == scene.primary.streams


def test_client_that_leaves_takes_its_way_along() -> None:
    scene = Scene()
    scene.say(b"question")
    scene.end.close()
    scene.pass_time(10 * MS)
    assert scene.primary.over == scene.primary.streams
    assert scene.backup.door.streams == {}


def test_much_passes_both_ways_while_nobody_writes_more_than_is_read() -> None:
    scene = Scene()
    scene.say(b"question")
    scene.answer(b"answer")
    [stream] = scene.primary.streams
    data = bytes(range(256)) * 100
    for side, other, peer in ((scene.end, stream, scene.primary), (stream, scene.end, scene.client)):
        before = peer.heard[other]
        other.read(wanted=False)
        for at in range(0, len(data), 500):
            side.write(data[at : at + 500])
            scene.pass_time(MS)
        assert peer.heard[other] == before
        assert side.unread > len(data) - 3 * WRITE_LIMIT, "the door does not read what it cannot pass on"
        other.read(wanted=True)
        scene.pass_time(SECOND)
        assert peer.heard[other] == before + data


def test_led_client_is_told_first_that_the_nodes_have_changed_places() -> None:
    scene = Scene()
    scene.say(b"hello")
    live = packets.TransportConfiguration("live", "factory", {"host": "primary", "port": str(CLIENT_PORT)})
    truth = packets.ClusterTopologyV4(
        exit=False, node_id="node", unique_event_id=7, primary=live, backup=None, last=True
    )
    scene.answer(registry.encode(truth, 0, VERSION))
    told = registry.decode(scene.told, VERSION)
    assert isinstance(told, packets.ClusterTopologyV4)
    assert told.primary is not None
    assert (told.primary.params, told.backup) == ({"host": "backup", "port": str(CLIENT_PORT)}, live)
