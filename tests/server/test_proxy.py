"""The proxy between two plain sockets: the test plays the client and the target."""

from __future__ import annotations

import errno
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from corewire_server.proxy import Direction, Ending, Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.interop
PATIENCE_S = 60.0


class World:
    """A listening target, a proxy in front of it, and pairs of joined sockets."""

    def __init__(self, proxy: Proxy, listener: socket.socket) -> None:
        self.proxy = proxy
        self.listener = listener
        self._sockets: list[socket.socket] = []

    def dial(self) -> socket.socket:
        client = socket.create_connection((self.proxy.host, self.proxy.port), PATIENCE_S)
        self._sockets.append(client)
        return client

    def join(self) -> tuple[socket.socket, socket.socket]:
        client = self.dial()
        target, _ = self.listener.accept()
        target.settimeout(PATIENCE_S)
        self._sockets.append(target)
        return client, target

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()


@contextmanager
def world_of(seed: int = 0, port: int = 0, buffer_bytes: int | None = None) -> Iterator[World]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE_S)
        with Proxy(listener.getsockname(), seed=seed, port=port, buffer_bytes=buffer_bytes) as proxy:
            world = World(proxy, listener)
            try:
                yield world
            finally:
                world.close()


@pytest.fixture
def world() -> Iterator[World]:
    with world_of() as made:
        yield made


def read(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        assert part, f"ended after {data!r}"
        data += part
    return data


def read_to_end(sock: socket.socket) -> tuple[bytes, str]:
    """All that comes, and how it ended."""
    data = b""
    try:
        while part := sock.recv(65536):
            data += part
    except ConnectionResetError:
        return data, "reset"
    except TimeoutError:
        return data, "stall"
    return data, "fin"


def test_bytes_pass_both_ways_and_an_end_passes_too(world: World) -> None:
    client, target = world.join()
    client.sendall(b"question")
    assert read(target, 8) == b"question"
    target.sendall(b"answer")
    target.close()
    assert read_to_end(client) == (b"answer", "fin")
    assert world.proxy.wait_until(lambda proxy: proxy.links == 0, PATIENCE_S)
    assert world.proxy.cuts == 0


def test_more_than_the_buffers_hold_passes_when_the_reader_reads(world: World) -> None:
    client, target = world.join()
    body = bytes(range(256)) * 40_000
    writer = threading.Thread(target=client.sendall, args=[body])
    writer.start()
    assert read(target, len(body)) == body
    writer.join()


def test_small_buffers_let_nobody_write_much_at_once() -> None:
    taken: list[int] = []
    for size in (4_096, None):
        with world_of(buffer_bytes=size) as world:
            world.proxy.stall()
            client = world.dial()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
            client.settimeout(0.5)
            taken.append(0)
            with suppress(TimeoutError):
                while True:
                    taken[-1] += client.send(bytes(100_000))
    assert taken[0] < 20_000 < taken[1]


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("ending", [Ending.FIN, Ending.RESET])
def test_the_planned_byte_is_the_last(world: World, direction: Direction, ending: Ending) -> None:
    client, target = world.join()
    plan = world.proxy.arm(bytes_max=100, direction=direction, ending=ending)
    writer, reader = (client, target) if direction is Direction.TO_TARGET else (target, client)
    sent = bytes(range(plan.after_bytes + 50))
    writer.sendall(sent[: plan.after_bytes - 1])
    assert read(reader, plan.after_bytes - 1) == sent[: plan.after_bytes - 1]
    writer.sendall(sent[plan.after_bytes - 1 :])
    data, how = read_to_end(reader)
    assert how == ending.value
    assert data == sent[plan.after_bytes - 1 : plan.after_bytes] or how == "reset"  # a reset may overtake the last byte
    assert world.proxy.wait_until(lambda proxy: proxy.cuts == 1, PATIENCE_S)
    assert read_to_end(writer)[1] in {"fin", "reset"}  # bytes that were on their way turn a FIN into a reset


def test_a_plan_is_used_once(world: World) -> None:
    world.proxy.arm(bytes_max=1, direction=Direction.TO_TARGET)
    client, target = world.join()
    client.sendall(b"x")
    assert world.proxy.wait_until(lambda proxy: proxy.cuts == 1, PATIENCE_S)
    client, target = world.join()
    client.sendall(b"whole")
    assert read(target, 5) == b"whole"
    assert world.proxy.cuts == 1


def test_a_disarmed_plan_is_forgotten(world: World) -> None:
    client, target = world.join()
    world.proxy.arm(bytes_max=1, direction=Direction.TO_TARGET)
    world.proxy.disarm()
    client.sendall(b"whole")
    assert read(target, 5) == b"whole"


def test_a_plan_can_wait_for_one_link(world: World) -> None:
    (one, target_of_one), (other, _) = world.join(), world.join()
    assert world.proxy.living == [0, 1]
    world.proxy.arm(bytes_max=1, direction=Direction.TO_TARGET, link=1)
    one.sendall(b"whole")
    assert read(target_of_one, 5) == b"whole"
    other.sendall(b"x")
    assert world.proxy.wait_until(lambda proxy: proxy.cuts == 1, PATIENCE_S)
    assert world.proxy.living == [0]


def test_a_young_link_is_spared(world: World) -> None:
    client, target = world.join()
    world.proxy.arm(bytes_max=1, direction=Direction.TO_TARGET, spare_s=3600)
    client.sendall(b"whole")
    assert read(target, 5) == b"whole"
    assert world.proxy.cuts == 0


def test_the_targets_side_lingers(world: World) -> None:
    client, target = world.join()
    world.proxy.arm(bytes_max=1, direction=Direction.TO_TARGET, ending=Ending.RESET, linger_s=3600)
    client.sendall(b"x")
    assert read_to_end(client)[1] == "reset"
    assert read(target, 1) == b"x"
    target.settimeout(0.05)
    assert read_to_end(target) == (b"", "stall")


def test_a_stalled_cut_is_silent_on_both_sides(world: World) -> None:
    client, target = world.join()
    world.proxy.arm(bytes_max=1, direction=Direction.TO_CLIENT, ending=Ending.STALL)
    target.sendall(b"xyz")
    assert read(client, 1) == b"x"
    client.settimeout(0.05)
    assert read_to_end(client) == (b"", "stall")
    client.sendall(b"lost")
    client.close()
    target.settimeout(0.05)
    assert read_to_end(target) == (b"", "stall")
    assert world.proxy.links == 0


def test_a_swallowing_cut_loses_one_direction_and_passes_the_other(world: World) -> None:
    client, target = world.join()
    world.proxy.arm(bytes_max=1, direction=Direction.TO_CLIENT, ending=Ending.SWALLOW)
    target.sendall(b"xyz")
    assert read(client, 1) == b"x"
    client.settimeout(0.05)
    assert read_to_end(client) == (b"", "stall")
    client.sendall(b"heard")
    assert read(target, 5) == b"heard"
    client.close()
    assert read_to_end(target) == (b"", "fin")


def test_the_same_seed_draws_the_same_plans() -> None:
    drawn = []
    for _ in range(2):
        with world_of(seed=7) as world:
            drawn.append([world.proxy.arm() for _ in range(20)])
    assert drawn[0] == drawn[1]
    assert {plan.direction for plan in drawn[0]} == set(Direction)
    assert {plan.ending for plan in drawn[0]} == {Ending.FIN, Ending.RESET}


def test_a_stall_holds_back_and_resume_lets_go(world: World) -> None:
    client, target = world.join()
    world.proxy.stall()
    client.sendall(b"late")
    target.settimeout(0.05)
    assert read_to_end(target) == (b"", "stall")
    world.proxy.resume()
    target.settimeout(PATIENCE_S)
    assert read(target, 4) == b"late"


def test_a_swallowed_direction_loses_its_bytes(world: World) -> None:
    client, target = world.join()
    world.proxy.swallow(Direction.TO_TARGET)
    client.sendall(b"lost")
    target.sendall(b"passes")
    assert read(client, 6) == b"passes"
    client.sendall(b"lost too")
    target.settimeout(0.05)
    assert read_to_end(target) == (b"", "stall")
    world.proxy.swallow()
    client.sendall(b"passes")
    target.settimeout(PATIENCE_S)
    assert read(target, 6) == b"passes"


def test_slow_links_deliver_everything_in_order_but_later(world: World) -> None:
    client, target = world.join()
    world.proxy.slow(delay_s=0.05, bytes_per_s=100_000)
    began = time.monotonic()
    client.sendall(b"first")
    client.sendall(b"x" * 10_000)
    client.close()
    assert read_to_end(target) == (b"first" + b"x" * 10_000, "fin")
    assert time.monotonic() - began >= 0.15


def test_refused_links_are_refused_and_living_ones_go_on(world: World) -> None:
    client, target = world.join()
    world.proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        world.dial()
    client.sendall(b"on")
    assert read(target, 2) == b"on"
    world.proxy.accept()
    world.join()
    assert world.proxy.links == 2


def test_the_port_stays_when_the_target_changes(world: World) -> None:
    port = world.proxy.port
    old, _ = world.join()
    with socket.create_server(("127.0.0.1", 0)) as successor:
        successor.settimeout(PATIENCE_S)
        world.proxy.target = successor.getsockname()
        assert world.proxy.cut_all() == 1
        assert read_to_end(old)[1] == "reset"
        client = world.dial()
        target, _ = successor.accept()
        with target:
            client.sendall(b"new")
            assert read(target, 3) == b"new"
    assert world.proxy.port == port


def test_a_missing_target_ends_the_link(world: World) -> None:
    world.listener.close()
    with pytest.raises(ConnectionResetError):
        world.dial().recv(1)
    assert world.proxy.wait_until(lambda proxy: (proxy.links_opened, proxy.links) == (1, 0), PATIENCE_S)


def test_closing_leaves_no_thread_and_no_port() -> None:
    with world_of() as world:
        world.join()
        world.dial()
        port = world.proxy.port
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("proxy:")]
    with socket.create_server(("127.0.0.1", port)):
        pass
    world.proxy.close()


def test_a_taken_port_is_an_error(world: World) -> None:
    with pytest.raises(OSError, match=str(errno.EADDRINUSE)):
        Proxy(("127.0.0.1", 1), port=world.listener.getsockname()[1]).start()


class Notes:
    def __init__(self) -> None:
        self.lines: list[tuple[object, ...]] = []

    def opened(self, link: int) -> None:
        self.lines.append(("opened", link))

    def passed(self, link: int, direction: Direction, data: bytes) -> None:
        self.lines.append((link, direction, data))

    def closed(self, link: int, why: str) -> None:
        self.lines.append((link, why))


def test_a_tap_sees_what_passed() -> None:
    notes = Notes()
    with world_of() as world:
        world.proxy.tap = notes
        client, target = world.join()
        client.sendall(b"question")
        read(target, 8)
        client.close()
        assert world.proxy.wait_until(lambda proxy: proxy.links == 0, PATIENCE_S)
    assert notes.lines == [("opened", 0), (0, Direction.TO_TARGET, b"question"), (0, "eof C>S")]


class Censor(Notes):
    """Cuts at what it does not like to see."""

    proxy: Proxy

    def passed(self, link: int, direction: Direction, data: bytes) -> None:
        if b"bad" in data:
            self.proxy.cut_all()


def test_a_tap_may_cut_before_what_it_sees_arrives() -> None:
    censor = Censor()
    with world_of() as world:
        censor.proxy, world.proxy.tap = world.proxy, censor
        client, target = world.join()
        client.sendall(b"good")
        assert read(target, 4) == b"good"
        client.sendall(b"bad")
        assert read_to_end(target) == (b"", "reset")
        assert read_to_end(client) == (b"", "reset")


def test_links_come_from_where_they_are_told_to() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        Proxy(listener.getsockname(), source="127.0.0.2") as proxy,
        socket.create_connection((proxy.host, proxy.port)),
    ):
        target, (host, _port) = listener.accept()
        target.close()
    assert host == "127.0.0.2"
