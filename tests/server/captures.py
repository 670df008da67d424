"""
Recorded conversations of real peers, replayed with our core as the broker.

The client's frames are fed as they were recorded, with the message ids that our broker gave instead of the recorded ones. What
the core answers is sorted per link and channel into answers, deliveries per consumer, credits, and confirmations, because the
real broker writes these from different threads; inside each the order must be the recorded one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from corewire.wire import packets, registry
from corewire.wire.framing import HEADER_SIZE, MAGIC, FrameReader, channel_id, packet_type
from corewire.wire.message import CoreMessage
from corewire_server.core import AddressSettings, Broker, CoreConfig
from corewire_server.core.effects import Append, SendBytes
from corewire_server.core.inputs import BytesReceived, LinkClosed, LinkOpened, Stopping, Timeout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corewire_server.records import Record

FOLDER = Path(__file__).parents[1] / "vectors" / "captures"
START = 1_700_000_000_000
_RUN = re.compile(r"\{([0-9a-f]+)\*(\d+)\}")
_FRAME = re.compile(r"(\d+) (C>S|S>C) (\S+)  # .*?t=([\d.]+)$")
_OPEN = re.compile(r"! (\d+) open (\w+)")
_END = re.compile(r"! (\d+) (eof C>S|reset|cut)")
_BROKER = re.compile(r"! broker std: (stop|start)$")
_PARTLY = re.compile(r"! (\d+) only (\d+) bytes")


class Line(NamedTuple):
    """One thing that was recorded: a frame, or that a link opened or ended, or that the broker stopped."""

    kind: str  # "open", "eof" by the client, "end" by the proxy, "stop" and "start" of the broker, "C>S", "S>C"
    link: int
    data: bytes
    time: float


def read(path: Path) -> list[Line]:
    """The lines of a capture. A frame of the client that did not arrive is left out or cut."""
    lines: list[Line] = []
    time = 0.0
    for text in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        if match := _FRAME.match(text):
            data = bytes.fromhex(_RUN.sub(lambda run: run[1] * int(run[2]), match[3]))
            time = float(match[4])
            lines.append(Line(match[2], int(match[1]), data, time))
        elif match := _OPEN.match(text):
            lines.append(Line("open", int(match[1]), match[2].encode(), time))
        elif ("was not passed on" in text or "dropped" in text) and lines and lines[-1].kind == "C>S":
            lines.pop()
            if match := _END.match(text):
                lines.append(Line("eof" if match[2] == "eof C>S" else "end", int(match[1]), b"", time))
        elif match := _PARTLY.match(text):
            last = lines.pop()
            lines.append(last._replace(data=last.data[: int(match[2])]) if last.kind == "C>S" else last)
        elif match := _END.match(text):
            lines.append(Line("eof" if match[2] == "eof C>S" else "end", int(match[1]), b"", time))
        elif match := _BROKER.match(text):
            lines.append(Line(match[1], 0, b"", time))
    return _timed(lines)


def _timed(lines: list[Line]) -> list[Line]:
    """A link opens when its first bytes come: only frames carry times."""
    for index, line in enumerate(lines):
        if line.kind == "open":
            first = next((later.time for later in lines[index:] if later.kind == "C>S"), line.time)
            lines[index] = line._replace(time=first)
    return lines


class Difference(NamedTuple):
    """Where ours and theirs part."""

    link: int
    channel: int
    what: str
    theirs: Any
    ours: Any


@dataclass
class Spoken:
    """What a broker wrote on one channel of one link, by kind."""

    answers: list[Any] = field(default_factory=list[Any])
    deliveries: dict[int, list[Any]] = field(default_factory=dict[int, list[Any]])
    credits: list[Any] = field(default_factory=list[Any])
    pings: list[Any] = field(default_factory=list[Any])
    confirmed: list[int] = field(default_factory=list[int])
    ids: list[int] = field(default_factory=list[int])  # of delivered messages, in order
    delivered_to: list[int] = field(default_factory=list[int])

    def parts(self) -> dict[str, list[Any]]:
        """What is compared, each list in order."""
        parts = {"answers": self.answers, "credits": self.credits, "pings": self.pings}
        return parts | {f"deliveries of consumer {number}": some for number, some in self.deliveries.items()}

    def take(self, frame: bytes, version: int) -> None:
        """Sort a frame in."""
        packet = registry.decode(frame, version)
        match packet:
            case packets.SessionReceiveMessage(message=raw, consumer_id=consumer, delivery_count=count):
                message = CoreMessage(raw)
                self.ids.append(message.id)
                self.delivered_to.append(consumer)
                self.deliveries.setdefault(consumer, []).append(_essence(message, count))
            case packets.Ping():
                self.pings.append(packet)
            case packets.ExceptionResponse(code=113, message=str(text)):  # what follows is Java's text of the message
                packet.message = text.partition(" Message information:")[0]
                self.answers.append(packet)
            case packets.SessionProducerCredits():
                self.credits.append(packet)
            case packets.PacketsConfirmed(command_id=number):
                self.confirmed.append(number)
            case packets.ClusterTopologyV4() | packets.ClusterTopologyV2():
                packet.node_id, packet.unique_event_id = "", 0
                self.answers.append(packet)
            case packets.DisconnectV3() | packets.DisconnectV2() | packets.Disconnect():
                packet.node_id = None
                self.answers.append(packet)
            case _:
                self.answers.append(packet)


def _essence(message: CoreMessage, count: int) -> tuple[Any, ...]:
    properties = {name: value for name, value in message.properties.items() if name not in _ACCIDENTAL}
    return (
        *(count, message.address, message.durable, message.priority, message.type, message.expiration),
        *(message.user_id, message.body, sorted(properties.items())),
    )


_ACCIDENTAL = ("_AMQ_ACTUAL_EXPIRY", "_AMQ_ORIG_MESSAGE_ID")


class Replay:
    """One capture against one core."""

    def __init__(self, path: Path, config: CoreConfig | None = None) -> None:
        self.lines = read(path)
        self.config = config or recorded_config(path.stem)
        self.records: list[Record] = []
        self.broker = Broker(self.config)
        self.now = START
        self.theirs: dict[tuple[int, int], Spoken] = {}
        self.ours: dict[tuple[int, int], Spoken] = {}
        self.readers: dict[int, FrameReader] = {}
        self.versions: dict[int, int] = {}
        self.cut = {line.link for line in self.lines if line.kind == "end"}

    def run(self) -> None:
        """Feed everything."""
        for line in self.lines:
            self._wait_until(START + round(line.time * 1000))
            match line.kind:
                case "open":
                    self.readers[line.link] = FrameReader()
                    self._step(LinkOpened(1 + line.link, "127.0.0.1:55966"))
                case "end" | "eof":
                    self._step(LinkClosed(1 + line.link))
                case "stop":
                    self._step(Stopping())
                case "start":
                    self.broker = Broker(self.config)
                    self.broker.recover(self.records)
                case "S>C":
                    self._spoken(self.theirs, line.link, line.data)
                case _:
                    self._step(BytesReceived(1 + line.link, self._with_our_ids(line.link, line.data)))

    def _wait_until(self, then: int) -> None:
        while (due := self.broker.next_timeout()) is not None and due <= then:
            self.now = max(self.now, due)
            self._step(Timeout())
        self.now = max(self.now, then)

    def _step(self, item: Any) -> None:
        for effect in self.broker.step(self.now, item):
            if isinstance(effect, SendBytes):
                for frame in self.readers[effect.link - 1].feed(effect.data):
                    self._spoken(self.ours, effect.link - 1, frame)
            elif isinstance(effect, Append):
                self.records += effect.records

    def _spoken(self, side: dict[tuple[int, int], Spoken], link: int, frame: bytes) -> None:
        spoken = side.setdefault((link, channel_id(frame)), Spoken())
        spoken.take(frame, self.versions.get(link, 136))

    def _with_our_ids(self, link: int, frame: bytes) -> bytes:
        if frame == MAGIC or len(frame) < HEADER_SIZE or len(frame) != int.from_bytes(frame[:4], "big") + 4:
            return frame
        if frame[4] == packets.SubscribeTopologyV2.TYPE:
            self.versions[link] = int.from_bytes(frame[14:18], "big")
        if packet_type(frame) not in (41, 81, 42):
            return frame
        consumer, recorded = (int.from_bytes(frame[at : at + 8], "big") for at in (13, 21))
        ours = self._our_id(channel_id(frame), consumer, recorded)
        return frame[:21] + (recorded if ours is None else ours).to_bytes(8, "big") + frame[29:]

    def _our_id(self, channel: int, consumer: int, recorded: int) -> int | None:
        """The id that our broker gave to the message of a recorded delivery, whichever link it went over."""
        theirs = list(self._deliveries(self.theirs, channel, consumer))
        ours = list(self._deliveries(self.ours, channel, consumer))
        for index in range(len(theirs) - 1, -1, -1):
            if theirs[index] == recorded and index < len(ours):
                return ours[index]
        return None

    @staticmethod
    def _deliveries(side: dict[tuple[int, int], Spoken], channel: int, consumer: int) -> Iterator[int]:
        for (_, number), spoken in side.items():
            if number == channel:
                yield from (i for i, to in zip(spoken.ids, spoken.delivered_to, strict=True) if to == consumer)

    def compare(self) -> tuple[int, list[Difference]]:
        """
        How many frames were compared, and where they differ.

        What a broker wrote into a link that was cut already was not recorded, so there ours may go on for longer.
        """
        compared, differences = 0, list[Difference]()
        for link, channel in sorted({*self.theirs, *self.ours}):
            theirs = self.theirs.get((link, channel), Spoken())
            ours = self.ours.get((link, channel), Spoken())
            for what in sorted({*theirs.parts(), *ours.parts()}):
                recorded, spoken = theirs.parts().get(what, []), ours.parts().get(what, [])
                compared += len(recorded)
                if link in self.cut:
                    spoken = spoken[: len(recorded)]
                if recorded != spoken:
                    differences.append(Difference(link, channel, what, recorded, spoken))
            if link not in self.cut and theirs.confirmed and theirs.confirmed[-1:] != ours.confirmed[-1:]:
                differences.append(Difference(link, channel, "confirmed", theirs.confirmed, ours.confirmed))
            compared += len(theirs.confirmed)
        return compared, differences


def recorded_config(scenario: str) -> CoreConfig:
    """The settings of the recorded broker."""
    attempts = 2 if scenario == "jms-redelivery" else 10
    addresses = AddressSettings(
        auto_delete_queues=False,
        dead_letter_address="DLQ",
        expiry_address="ExpiryQueue",
        max_delivery_attempts=attempts,
    )
    users = {"admin": "admin"} if scenario == "connect-wrong-password" else {}
    return CoreConfig(node_seed=b"capture", addresses=addresses, users=users)


def main() -> None:
    """Print how many recorded frames were compared per capture, and where ours differ."""
    total = 0
    for path in sorted(FOLDER.glob("*.txt")):
        replay = Replay(path)
        replay.run()
        compared, differences = replay.compare()
        total += compared
        print(f"{path.stem}: {compared} compared", *(f"{d.what} on link {d.link}" for d in differences), sep="; ")
    print(f"{total} frames compared")


if __name__ == "__main__":
    main()
