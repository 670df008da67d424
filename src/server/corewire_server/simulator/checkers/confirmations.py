"""What a confirmation covers was done, and was not refused behind its back."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from corewire.wire import hot, packets
from corewire.wire.framing import HEADER_SIZE, LENGTH_SIZE, channel_id
from corewire.wire.registry import is_response
from corewire_server.simulator.checkers.checker import Checker

if TYPE_CHECKING:
    from corewire_server.core.broker import Broker

_type: Final = Struct(">b").unpack_from
_command_id: Final = Struct(">i").unpack_from
_EXCEPTION: Final = packets.ExceptionResponse.TYPE


class ConfirmedIsDone(Checker):
    """
    A broker confirms no command that it has not taken, and the EXCEPTION of a command leaves before a confirmation that covers
    it: a client may take the confirmation for success.

    Which command an answer belongs to is not written on it. But behind the confirmation of command n can only stand one answer
    of n itself, and then those of commands that came after n; so if there are more than came, the first of them was n's.
    """

    rule = "confirmation"

    def __init__(self) -> None:
        super().__init__()
        self._cores: dict[str, Broker] = {}

    def core_made(self, now: int, node: str, core: Broker) -> None:
        self._cores[node] = core

    def answered(self, now: int, node: str, link: int, data: bytes) -> None:
        behind: dict[int, tuple[int, list[int]]] = {}  # channel -> what was confirmed last, and the answers behind that
        at = 0
        while at < len(data):
            end = at + LENGTH_SIZE + int.from_bytes(data[at : at + LENGTH_SIZE], "big")
            kind: int = _type(data, at + LENGTH_SIZE)[0]
            if kind == hot.PACKETS_CONFIRMED:
                behind[channel_id(data[at:end])] = _command_id(data, at + HEADER_SIZE)[0], []
            elif behind and is_response(kind):
                confirmed = behind.get(channel_id(data[at:end]))
                if confirmed is not None:
                    confirmed[1].append(kind)
            at = end
        for channel, (number, answers) in behind.items():
            self._judge(now, node, link, channel, number, answers)

    def _judge(self, now: int, node: str, link: int, channel: int, number: int, answers: list[int]) -> None:
        known = self._cores[node].state.links.get(link)
        session = None if known is None else known.sessions.get(channel)
        if session is None:
            return
        last = session.channel.last_received
        if number > last:
            self.broken(now, f"{node} confirms command {number} of session {session.name}, and has taken {last}")
        elif len(answers) > last - number and answers[0] == _EXCEPTION:
            self.broken(now, f"{node} refuses command {number} of session {session.name} after it has confirmed it")
