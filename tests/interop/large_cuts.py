"""Large messages over links that are cut when a named packet passes for the n-th time, and in the middle of very large ones."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corewire.errors import LargeMessageInterrupted, Unblocked
from corewire.wire.framing import MAGIC, FrameReader, packet_type
from corewire_server.proxy import Direction, Proxy
from corewire_transports.threads import connect

if TYPE_CHECKING:
    from corewire.wire.registry import Packet
    from corewire_transports.threads import Consumer, Session

CHUNK = 10_000
BODY = b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(4_000))
CHUNKS = -(-len(BODY) // CHUNK)
WAYS = {
    "recreated": "confirmationWindowSize=-1",
    "reattached": "confirmationWindowSize=1048576",
    "exactly once": "exactlyOnce=true",
}
PROGRAM = Path(__file__).with_name("large_program.py")
BLOCK = 1_048_576


class CutAt:
    """A proxy's tap: cuts all links when the packet passes for the n-th time; it does not arrive. Or behind so many bytes."""

    def __init__(self, port: int) -> None:
        self.proxy = Proxy(("127.0.0.1", port), tap=self)
        self._readers: dict[tuple[int, Direction], FrameReader] = {}
        self._kind, self._left = 0, 0
        self._bytes: dict[Direction, int] = {}

    def __enter__(self) -> CutAt:
        self.proxy.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.proxy.close()

    def url(self, words: str) -> str:
        """Of the broker, through the proxy."""
        return f"tcp://127.0.0.1:{self.proxy.port}?reconnectAttempts=-1&retryInterval=20&{words}"

    def when(self, kind: type[Packet], number: int) -> None:
        """Cut at this packet."""
        self._kind, self._left = kind.TYPE, number

    def behind(self, bytes_each_way: int) -> None:
        """Cut once in each direction, behind so many bytes."""
        self._bytes = dict.fromkeys(Direction, bytes_each_way)

    def opened(self, link: int) -> None:
        pass

    def closed(self, link: int, why: str) -> None:
        pass

    def passed(self, link: int, direction: Direction, data: bytes) -> None:
        if (left := self._bytes.get(direction, 0)) > 0:
            self._bytes[direction] = left - len(data)
            if left <= len(data):
                self.proxy.cut_all()
        if not self._left:
            return
        reader = self._readers.setdefault((link, direction), FrameReader())
        for frame in reader.feed(data.removeprefix(MAGIC)):
            if self._left and packet_type(frame) == self._kind:
                self._left -= 1
                if not self._left:
                    self.proxy.cut_all()


def read_all(consumer: Consumer, count: int) -> list[bytes]:
    """The SHA-256 of ``count`` bodies, and of what else is there. One that is interrupted comes again, when its session is gone."""
    found: list[bytes] = []
    while True:
        message = consumer.receive() if len(found) < count else consumer.receive(timeout=0)
        if message is None:
            return found
        digest = hashlib.sha256()
        try:
            for piece in message.chunks():
                digest.update(piece)
        except LargeMessageInterrupted:
            continue
        found.append(digest.digest())


def receive_over_a_cut(stage: CutAt, kind: type[Packet], at: int, words: str, queue: str) -> list[bytes]:
    """What comes where the link is cut when this packet passes for the n-th time."""
    words += f"&minLargeMessageSize={CHUNK}&consumerWindowSize=45000"
    with connect(stage.url(words)) as client, client.session() as session:
        session.send(queue, BODY)
        stage.when(kind, at)
        with session.consumer(queue) as consumer:
            return read_all(consumer, 1)


def send_over_a_cut(stage: CutAt, kind: type[Packet], at: int, words: str, queue: str, source: Any) -> tuple[int, int]:
    """How many of two messages were sent, and how many came; each that comes is as it was sent."""
    words += f"&minLargeMessageSize={CHUNK}"
    sent = 0
    with connect(stage.url(words)) as client, client.session() as session:
        session.query_address(queue)
        stage.when(kind, at)
        for _ in range(2):
            sent += _sent(session, queue, source)
        with session.consumer(queue) as consumer:
            came = read_all(consumer, sent)
    assert set(came) == {hashlib.sha256(BODY).digest()}
    return sent, len(came)


def _sent(session: Session, queue: str, source: Any) -> int:
    try:
        if isinstance(source, bytes):
            session.send(queue, source)
        else:
            session.send_stream(queue, source)
    except Unblocked:
        return 0
    return 1


def through_one_program(stage: CutAt, queue: str, path: Path, size: int, timeout_s: float) -> dict[str, Any]:
    """Send a file of ``size`` bytes and read it again, in a program of its own, with a cut in the middle of each way.

    Returns what it says: SHA-256, and by how many KiB its memory grew at most.
    """
    with path.open("wb") as file:
        for number in range(size // BLOCK):
            file.write(hashlib.sha256(number.to_bytes(8, "big")).digest() * (BLOCK // 32))
    stage.behind(size // 2)
    command = [sys.executable, str(PROGRAM), stage.url("exactlyOnce=true"), queue, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
