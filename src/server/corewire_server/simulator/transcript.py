"""
A history, written down for people: a line for what happens, with its time, to whom, and what.

    0.004310  sender-1     sends sender-1#3 to orders
    0.004871  a            input 41: Append 1, to link 4294967297: NULL_RESPONSE
    0.005122  sender-1     sender-1#3 is confirmed

The same seed gives the same lines, byte for byte, on any machine. ``Detail.STEPS`` adds what the nodes do between.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING

from corewire.wire.framing import HEADER_SIZE, packet_type
from corewire.wire.registry import packet_name
from corewire_server.simulator.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corewire_server.core.broker import Broker
    from corewire_server.records import Record


class Detail(Enum):
    """How much is written down."""

    STORY = "story"  # what applications, clients and processes see, and what goes wrong
    STEPS = "steps"  # also each input of a core, what it keeps, and what leaves the node


class Transcript(Observer):
    """Writes down what it hears."""

    def __init__(self, detail: Detail = Detail.STORY) -> None:
        self.lines: list[str] = []
        self._steps = detail is Detail.STEPS
        self._calls: dict[int, str] = {}

    @property
    def text(self) -> str:
        """All lines, each ended."""
        return "".join(f"{line}\n" for line in self.lines)

    @property
    def fingerprint(self) -> str:
        """A hash of the text: what two machines compare."""
        return sha256(self.text.encode()).hexdigest()[:16]

    def write(self, now: int, who: str, what: str) -> None:
        """One line."""
        self.lines.append(f"{now // 1_000_000:4}.{now % 1_000_000:06}  {who:<12} {what}")

    # -- messages

    def sent(
        self, now: int, client: str, producer: str, number: int, queue: str, *, durable: bool, priority: int
    ) -> None:
        kind = f"{'' if durable else ', not durable'}{'' if priority == 4 else f', priority {priority}'}"
        self.write(now, client, f"sends {producer}#{number} to {queue}{kind}")

    def confirmed(self, now: int, client: str, producer: str, number: int) -> None:
        self.write(now, client, f"{producer}#{number} is confirmed")

    def refused(self, now: int, client: str, producer: str, number: int, error: Exception) -> None:
        self.write(now, client, f"{producer}#{number} is refused: {type(error).__name__}")

    def unknown(self, now: int, client: str, producer: str, number: int, error: Exception) -> None:
        self.write(now, client, f"{producer}#{number} may be there or not: {type(error).__name__}")

    def tried(self, now: int, client: str, producer: str, outcome: str, error: Exception | None) -> None:
        words = outcome.lower().replace("_", " ") or "failed"
        self.write(now, client, f"{producer} tried: {words}{'' if error is None else f' ({type(error).__name__})'}")

    def delivered(
        self, now: int, client: str, consumer: str, producer: str, number: int, queue: str, *, redelivered: bool
    ) -> None:
        again = " again" if redelivered else ""
        self.write(now, client, f"{consumer} gets {producer}#{number}{again} from {queue}")

    def consumed(self, now: int, client: str, consumer: str, producer: str, number: int, queue: str) -> None:
        self.write(now, client, f"{consumer} has consumed {producer}#{number}")

    def browsed(self, now: int, client: str, queue: str, producer: str, number: int) -> None:
        self.write(now, client, f"sees {producer}#{number} in {queue}")

    # -- calls and clients

    def call_began(self, now: int, client: str, call: int, name: str, deadline: int | None) -> None:
        self._calls[call] = name
        if self._steps:
            until = "" if deadline is None else f", until {deadline / 1e6:.3f} s"
            self.write(now, client, f"waits for {name} ({call}){until}")

    def call_ended(self, now: int, client: str, call: int, error: Exception | None) -> None:
        name = self._calls.pop(call, "?")
        if error is not None:
            self.write(now, client, f"{name} ({call}) raises {type(error).__name__}: {error}")
        elif self._steps:
            self.write(now, client, f"{name} ({call}) returns")

    def event(self, now: int, client: str, text: str) -> None:
        self.write(now, client, f"is told: {text}")

    def client_killed(self, now: int, client: str) -> None:
        self.write(now, client, "is killed")

    # -- nodes

    def started(self, now: int, node: str, incarnation: int) -> None:
        self.write(now, node, f"starts, for the {_th(incarnation)} time")

    def ended(self, now: int, node: str, reason: str) -> None:
        self.write(now, node, f"ends: {reason}")

    def serving(self, now: int, node: str, epoch: int, serves: bool) -> None:
        self.write(now, node, f"serves in epoch {epoch}" if serves else "serves no longer")

    def core_made(self, now: int, node: str, core: Broker) -> None:
        if self._steps:
            self.write(now, node, f"has a core of {core.node_id}, effects {core.effects_digest.hex()}")

    def stepped(self, now: int, node: str, step: int, core: Broker) -> None:
        if self._steps:
            self.write(now, node, f"input {step}: effects {core.effects_digest[8:].hex()}")

    def appended(self, now: int, node: str, step: int, records: Sequence[Record]) -> None:
        if self._steps:
            self.write(now, node, f"input {step} keeps {', '.join(f'{one.op}.{one.kind} {one.id}' for one in records)}")

    def answered(self, now: int, node: str, link: int, data: bytes) -> None:
        if self._steps:
            self.write(now, node, f"to link {link >> 32}.{link & 0xFFFF_FFFF}: {_packets(data)}")

    def recovered(self, now: int, node: str, step: int, records: Sequence[Record], *, power_lost: bool) -> None:
        cause = "; the power had gone" if power_lost else ""
        self.write(now, node, f"finds {len(records)} records on its disk, up to input {step}{cause}")

    def log(self, now: int, node: str, level: str, text: str) -> None:
        self.write(now, node, f"{level}: {text}")

    # -- the world

    def fault(self, now: int, kind: str, detail: str) -> None:
        self.write(now, "*", f"{kind}: {detail}")

    def calm(self, now: int) -> None:
        self.write(now, "*", "nothing goes wrong any more")

    def probe(self, name: str) -> None:
        if self._steps:
            self.lines.append(f"{'':13}*            reached: {name}")

    def finished(self, now: int, unfinished: Sequence[str]) -> None:
        self.write(now, "*", "the end" if not unfinished else f"the end; unfinished: {'; '.join(unfinished)}")


def _th(count: int) -> str:
    return f"{count}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(count if count < 20 else count % 10, 'th') }"


def _packets(data: bytes) -> str:
    """The names of the packets in whole frames."""
    names: Counter[str] = Counter()
    at = 0
    while at + HEADER_SIZE <= len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        names[packet_name(packet_type(data[at:end]))] += 1
        at = end
    return ", ".join(name if count == 1 else f"{count} {name}" for name, count in names.items())
