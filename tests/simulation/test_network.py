"""What the invented network does to streams, dials and those who are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from corewire_server.simulator.network import Conduct, End, Network, Process
from corewire_server.simulator.observer import Observer
from corewire_server.simulator.world import SECOND, World

if TYPE_CHECKING:
    from collections.abc import Callable

PORT = 7


class Peer(Process):
    """Notes what it is told."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.heard: list[str] = []
        self.got: list[bytes] = []
        self.end: End | None = None
        self.at = 0  # when it heard something last

    def _note(self, word: str) -> None:
        self.heard.append(word)
        self.at = self.world.now

    def accepted(self, end: End) -> None:
        self.end = end
        self._note("accepted")

    def connected(self, end: End) -> None:
        self._note("connected")

    def refused(self, end: End) -> None:
        self._note("refused")

    def received(self, end: End, data: bytes) -> None:
        self.got.append(data)
        self.at = self.world.now

    def lost(self, end: End) -> None:
        self._note("lost")

    def writable(self, end: End) -> None:
        self._note("writable")


class Two:
    """A client and a server, and time."""

    def __init__(self, seed: int = 1, conduct: Conduct | None = None) -> None:
        self.world = World(seed, Observer())
        self.net = Network(self.world, conduct or Conduct())
        self.client, self.server = Peer(self.world), Peer(self.world)
        self.net.listen(("s", PORT), self.server)

    def dial(self) -> End:
        self.end = self.net.dial(self.client, "c", ("s", PORT))
        return self.end

    def pass_time(self, us: int = 10 * SECOND) -> None:
        self.world.run(lambda: False, self.world.now + us)

    def joined(self) -> tuple[End, End]:
        end = self.dial()
        self.pass_time(SECOND)
        assert self.server.end is not None
        return end, self.server.end


def test_a_stream_arrives_whole_and_in_order_however_it_is_cut() -> None:
    two = Two(conduct=Conduct(jitter_us=5000, pieces=0.7))
    end, _ = two.joined()
    sent = [bytes([number]) * number for number in range(1, 60)]
    for data in sent:
        end.write(data)
    two.pass_time()
    assert b"".join(two.server.got) == b"".join(sent)
    assert len(two.server.got) > len(sent)


def test_what_was_written_before_the_end_arrives_before_it() -> None:
    two = Two()
    end, _ = two.joined()
    end.write(b"last words")
    end.close()
    two.pass_time()
    assert two.server.got == [b"last words"]
    assert two.server.heard == ["accepted", "lost"]
    assert two.client.heard == ["connected"]  # who closes is not told


@pytest.mark.parametrize(
    ("prepare", "heard"),
    [
        (lambda two: None, ["connected"]),
        (lambda two: two.net.shut(("s", PORT)), ["refused"]),
        (lambda two: two.net.power("s", on=False), []),
        (lambda two: two.net.silence("c", "s"), []),
        (lambda two: two.net.silence("s", "c"), []),
    ],
)
def test_a_refused_dial_is_told_from_one_without_an_answer(prepare: Callable[[Two], None], heard: list[str]) -> None:
    two = Two()
    prepare(two)
    two.dial()
    two.pass_time()
    assert two.client.heard == heard


def test_a_refusal_does_not_come_through_a_silent_path() -> None:
    two = Two()
    two.net.shut(("s", PORT))
    two.net.silence("s", "c")
    two.dial()
    two.pass_time()
    assert two.client.heard == []
    two.net.heal("s", "c")
    two.pass_time()
    assert two.client.heard == ["refused"]


def test_a_dial_that_waited_for_a_dead_machine_is_answered_when_it_is_up() -> None:
    two = Two()
    two.net.power("s", on=False)
    two.net.shut(("s", PORT))
    two.dial()
    two.pass_time()
    two.net.power("s", on=True)
    two.pass_time()
    assert two.client.heard == ["refused"]


def test_what_goes_into_silence_in_one_direction_arrives_when_it_heals_and_the_other_goes_on() -> None:
    two = Two()
    end, other = two.joined()
    two.net.silence("c", "s")
    end.write(b"one")
    other.write(b"back")
    end.write(b"two")
    two.pass_time()
    assert two.server.got == []
    assert two.client.got == [b"back"]
    two.net.heal("c", "s")
    two.pass_time()
    assert two.server.got == [b"one", b"two"]


def test_each_side_notices_a_reset_at_its_own_time() -> None:
    times: set[bool] = set()
    for seed in range(10):
        two = Two(seed)
        end, _ = two.joined()
        two.net.reset(end, 3 * SECOND)
        two.pass_time()
        assert two.client.heard[-1] == two.server.heard[-1] == "lost"
        times.add(two.client.at < two.server.at)
    assert times == {False, True}


def test_after_a_reset_nothing_that_is_written_arrives() -> None:
    two = Two()
    end, _ = two.joined()
    two.net.reset(end, SECOND)
    end.write(b"too late")
    two.pass_time()
    assert two.server.got == []


@pytest.mark.parametrize("count", [0, 1, 5, 6])
def test_a_stream_is_cut_behind_any_byte(count: int) -> None:
    two = Two()
    end, _ = two.joined()
    end.cut_after = count
    end.write(b"abc")
    end.write(b"def!")
    two.pass_time()
    assert b"".join(two.server.got) == b"abcdef!"[:count]
    assert two.server.heard[-1] == two.client.heard[-1] == "lost"


def test_the_kernel_tells_the_peers_of_a_process_that_was_killed() -> None:
    two = Two()
    end, other = two.joined()
    other.write(b"written before")
    two.net.leave(two.server, 50_000)
    two.pass_time(20_000)
    assert two.client.got == [b"written before"]
    assert "lost" not in two.client.heard
    end.write(b"to nobody")
    two.pass_time()
    assert two.client.heard == ["connected", "lost"]
    assert two.server.got == []
    two.dial()
    two.pass_time()
    assert two.client.heard[-1] == "refused"


def test_who_dials_while_a_killed_process_still_has_its_socket_is_accepted_and_lost() -> None:
    two = Two()
    two.net.leave(two.server, 50_000)
    two.dial()
    two.pass_time()
    assert two.client.heard == ["connected", "lost"]
    assert two.server.heard == []


def test_nobody_tells_of_a_machine_without_power_until_it_is_up_and_hears_something() -> None:
    two = Two()
    end, _ = two.joined()
    two.net.leave(two.server, None)
    two.net.power("s", on=False)
    end.write(b"hello?")
    two.pass_time()
    two.net.power("s", on=True)
    two.pass_time()
    assert two.client.heard == ["connected", "lost"]


def test_who_says_nothing_does_not_learn_that_a_machine_was_dead() -> None:
    two = Two()
    end, _ = two.joined()
    two.net.leave(two.server, None)
    two.net.power("s", on=False)
    two.pass_time()
    two.net.power("s", on=True)
    two.pass_time()
    assert two.client.heard == ["connected"]
    end.write(b"hello?")
    two.pass_time()
    assert two.client.heard == ["connected", "lost"]


def test_buffers_fill_while_a_process_stands_still_and_it_reads_first_when_it_goes_on() -> None:
    two = Two()
    end, _ = two.joined()
    two.server.stop()
    two.world.after(1, two.server, lambda _: two.server.heard.append("timer"))
    for data in (b"a", b"b", b"c"):
        end.write(data)
    end.close()
    two.pass_time()
    assert two.server.got == []
    two.server.go_on()
    assert two.server.got == [b"abc"]
    assert two.server.heard == ["accepted", "lost", "timer"]


def test_a_process_that_stands_still_is_connected_to_all_the_same() -> None:
    two = Two()
    two.server.stop()
    end = two.dial()
    two.pass_time()
    assert two.client.heard == ["connected"]
    end.write(b"early")
    two.pass_time()
    two.server.go_on()
    assert two.server.heard == ["accepted"]
    assert two.server.got == [b"early"]


def test_who_does_not_read_leaves_it_in_the_buffer_and_the_writer_learns_when_it_was_read() -> None:
    two = Two()
    end, other = two.joined()
    end.limit = 100
    other.read(wanted=False)
    end.write(bytes(90))
    before = end.throttled
    end.write(bytes(90))
    assert (before, end.throttled) == (False, True)
    two.pass_time()
    assert two.server.got == []
    other.read(wanted=True)
    two.pass_time()
    assert two.server.got == [bytes(180)]
    assert two.client.heard == ["connected", "writable"]


def test_a_dial_that_was_given_up_is_not_answered_and_its_other_side_ends() -> None:
    two = Two()
    two.net.silence("s", "c")
    end = two.dial()
    two.pass_time()
    end.close()
    two.net.heal("s", "c")
    two.pass_time()
    assert two.client.heard == []
    assert two.server.heard == ["accepted", "lost"]


def test_a_slow_path_takes_longer_and_keeps_the_order() -> None:
    two = Two()
    end, _ = two.joined()
    two.net.slow("c", "s", SECOND)
    end.write(b"slow")
    two.net.slow("c", "s", 0)
    end.write(b"behind")
    began = two.world.now
    two.pass_time()
    assert two.server.got == [b"slow", b"behind"]
    assert two.server.at - began >= SECOND
