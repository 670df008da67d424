"""
A client that loses its connection at any point, and writes as Java clients do: whatever happens, each of its commands is executed
once and in order, and the broker's number is that of the commands it executed.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.helpers import Delivery, Session, World, send_packet

from corewire.wire import packets

WINDOW = 1 << 20
DELIVERIES = 8
STEPS = ("send", "gap", "acknowledge", "start", "ask", "deaf", "cut", "cut early", "cut twice", "tick")


class Player:
    """Numbers its commands, keeps them, and writes them again from where the broker says."""

    def __init__(self) -> None:
        self.world = World()
        self.session = self.world.connect().session(window_size=WINDOW)
        self.session.queue("q")
        feeder = self.world.connect().session()
        feeder.queue("in")
        for number in range(DELIVERIES):
            feeder.publish("in", str(number))
        self.session.consume("in")
        self.deliveries: list[Delivery] = self.session.deliveries()
        self.commands: list[object] = []  # behind those of the beginning, whose number is ``first``
        self.first = self.reattached() + 1
        self.number = 0
        self.texts: list[str] = []
        self.deaf = False  # what is written from now on is lost with the connection

    def write(self, *commands: object) -> None:
        if not self.deaf:
            for command in commands:
                self.session.tell(command)

    def command(self, command: object) -> None:
        self.commands.append(command)
        self.write(command)

    def reattached(self) -> int:
        self.session.client.lose()
        answer = self.world.connect().reattach(self.session, -1)
        assert answer.reattached
        return answer.last_confirmed_command_id

    def send(self, skipped: int) -> None:
        self.number += 1 + skipped
        self.texts.append(str(self.number))
        self.command(send_packet("q", self.texts[-1], requires_response=True, correlation_id=self.number))

    def ask(self) -> None:
        """A command that blocks: its client goes on when it is answered, and that is after a failover if need be."""
        self.command(packets.SessionCommit())
        if self.deaf:
            self.cut()

    def cut(self, *, early: bool = False, again: bool = False) -> None:
        """``early``: the thread that was about to write the last send is faster than the replay."""
        lost = self.lost()
        last = self.commands[-1] if self.commands else None
        if early and isinstance(last, packets.SessionSend):
            self.write(last)
        if again:
            self.write(*lost[: len(lost) // 2])
            lost = self.lost()
        self.write(*lost)

    def lost(self) -> list[object]:
        self.deaf = False
        return self.commands[self.reattached() + 1 - self.first :]

    def play(self, step: str) -> None:
        match step:
            case "send" | "gap":
                self.send(2 if step == "gap" else 0)
            case "acknowledge" if self.deliveries:
                one = self.deliveries.pop(0)
                self.command(packets.SessionAcknowledge(one.consumer, one.message.id, requires_response=False))
            case "start":
                self.command(packets.SessionStart())
            case "ask":
                self.ask()
            case "deaf":
                self.deaf = True
            case "tick":
                self.world.sleep(2_000)
            case _:
                self.cut(early=step == "cut early", again=step == "cut twice")


def all_texts(session: Session, queue: str) -> list[str]:
    session.consume(queue, browse=True)
    return session.texts()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=25))
def test_every_command_is_executed_once_and_counted(steps: list[str]) -> None:
    player = Player()
    for step in steps:
        player.play(step)
    player.cut()
    player.world.sleep(10_000)
    assert all_texts(player.world.connect().session(), "q") == player.texts
    left = player.world.connect().session().ask(packets.SessionQueueQuery("in"))
    assert left.message_count == len(player.deliveries)
    assert player.reattached() + 1 - player.first == len(player.commands)
