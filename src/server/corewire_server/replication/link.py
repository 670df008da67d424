"""
What two nodes of a pair say to each other, byte by byte (docs/protocol/replication-link.md).

Each direction begins with the preamble; behind it come frames: ``u32 length | u8 type | body``, the length counting type and
body. Numbers are big-endian; strings and short bytes carry a u16 length. What a peer sends is a claim until its hello was
proven (``hello.py``): before that, frames are small and of three types only.

    acceptor                           dialler
    preamble, Challenge         ->
                                <-     preamble, Hello
    Answer                      ->
    (word LINK) snapshot, inputs, heart-beats  <->  acknowledgements; which side is the primary the claims say
    (role OPERATOR)             <-     Command
    Report                      ->
"""

from __future__ import annotations

import json
from collections.abc import Sequence  # noqa: TC003 - a dataclass looks it up where it is compiled
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate, pairwise
from struct import Struct, pack, unpack_from
from struct import error as StructError
from typing import TYPE_CHECKING, Any, Final, TypeAlias, assert_never, cast

from corewire_server.records import Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PREAMBLE: Final = b"CWPAIR\x00\x01"  # six letters, then the version of what follows
FRAME_BYTES_MAX: Final = (1 << 20) + (1 << 16)  # an Inputs frame is closed at 1 MiB, and its last input may stick out
UNPROVEN_FRAME_BYTES_MAX: Final = 1 << 12
TEXT_BYTES_MAX: Final = 512  # of each string in a claim, so that a hello fits
ID_BYTES: Final = 16
NONCE_BYTES: Final = 32
PROOF_BYTES: Final = 32
NO_PROOF: Final = bytes(PROOF_BYTES)


class LinkProtocolError(Exception):
    """The other side sent what is no frame of this link. The connection is of no use any more."""


class Role(IntEnum):
    """As what somebody speaks."""

    WAITING = 0  # started, and not sure yet who serves
    JOINING = 1
    BACKUP = 2  # has a place
    PRIMARY = 3
    OPERATOR = 4  # no node: ``corewire cluster``


class Word(IntEnum):
    """What an answer tells the dialler to do."""

    LINK = 1  # this connection is the replication link now
    JOIN = 2  # I serve: give your data up and join
    GO = 3  # I give way: serve
    WAIT = 4  # neither; ask again
    HERE = 5  # I am still the one you know, or (to an operator) I listen
    FENCE = 6  # I serve in a higher epoch: stop serving
    OTHER = 7  # I am another incarnation, and claim nothing
    REFUSED = 8  # the text says why; it proves nothing about me


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a node says of itself. All of it is covered by the proof of the frame that carries it."""

    role: Role
    folder: bytes = bytes(ID_BYTES)  # of its data, for the folder's life; zeros: none yet
    incarnation: bytes = bytes(ID_BYTES)  # of its process
    node_id: str = ""  # what clients know the pair by; "": not known yet
    epoch: int = 0
    standing: Standing | None = None  # of the last mark that is on its disk; None: an empty folder
    place: int = 0
    last_input: int = 0
    machine: bytes = b""  # hash of the state machines' version and of what is configured in the core
    client_address: str = ""  # "host:port"; an empty host: where this connection comes from
    link_address: str = ""


@dataclass(frozen=True, slots=True)
class Challenge:
    """The acceptor's first frame."""

    nonce: bytes


@dataclass(frozen=True, slots=True)
class Hello:
    """The dialler's only frame before it was answered."""

    nonce: bytes
    claim: Claim
    proof: bytes = NO_PROOF


@dataclass(frozen=True, slots=True)
class Answer:
    """What the acceptor decided. With REFUSED claim and proof may be empty."""

    word: Word
    claim: Claim
    resume_from: int = 0  # LINK: the first input that will be sent (a primary answers), or is wanted (a backup does)
    text: str = ""
    proof: bytes = NO_PROOF


@dataclass(frozen=True, slots=True)
class SnapshotBegin:
    """The state at an input, in the slices that follow; inputs from the next one on may come between them."""

    step: int
    epoch: int
    seed: bytes  # of the node id
    time: int  # of that input, milliseconds since the epoch


@dataclass(frozen=True, slots=True)
class SnapshotSlice:
    """The next bytes of the snapshot."""

    data: bytes


@dataclass(frozen=True, slots=True)
class SnapshotEnd:
    """The snapshot is whole."""

    effects_digest: bytes  # at its input


@dataclass(frozen=True, slots=True)
class Inputs:
    """Inputs in the order of their numbers, each encoded with its time (``core/inputs.py``)."""

    first: int  # the number of the first one
    items: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Told:
    """The backup is in step from here on; it has this place until the primary goes alone."""

    place: int
    epoch: int


@dataclass(frozen=True, slots=True)
class HeartBeat:
    """The primary's sign of life."""

    time: int  # of its inputs, milliseconds since the epoch
    echo: int  # the newest stamp of the backup that it has read; 0: none


@dataclass(frozen=True, slots=True)
class HandOver:
    """A planned change: the primary has stopped for good behind this input, and the backup shall serve."""

    step: int


@dataclass(frozen=True, slots=True)
class Ack:
    """The backup's sign of life: what it holds, has executed, and what time it is there."""

    received: int  # last input
    executed: int
    stamp: int  # its own clock, to be sent back
    placed: int  # the place it knows to have; 0: none
    slices: int  # of the snapshot that came on this link: how many it has taken
    digest_step: int  # the effects digest below is of this input; 0: none
    effects_digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Command:
    """What an operator wants."""

    name: str
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """And what comes of it."""

    content: dict[str, Any]


Frame: TypeAlias = (
    Challenge
    | Hello
    | Answer
    | SnapshotBegin
    | SnapshotSlice
    | SnapshotEnd
    | Inputs
    | Told
    | HeartBeat
    | HandOver
    | Ack
    | Command
    | Report
)

_LENGTH: Final = Struct(">I")
_HEAD: Final = Struct(">IB")
_SHORT: Final = Struct(">H")
_CLAIM: Final = Struct(">B16s16sQBQQ")
_INPUTS: Final = Struct(">QI")
_BEGIN: Final = Struct(">QQQ")
_PAIR: Final = Struct(">QQ")
_ONE: Final = Struct(">Q")
_ACK: Final = Struct(">QQQQQQ")


# Writing


def encode(frame: Frame) -> bytes:
    """One frame with its length. Raises ValueError for what would be too long, or has a field of a wrong size."""
    kind, body = _body(frame)
    if len(body) >= FRAME_BYTES_MAX:
        raise ValueError(f"{type(frame).__name__} of {len(body)} bytes is no frame: at most {FRAME_BYTES_MAX - 1}")
    return _HEAD.pack(len(body) + 1, kind) + body


def _body(frame: Frame) -> tuple[int, bytes]:
    match frame:
        case Inputs(first, items):
            lengths = pack(f">{len(items)}I", *map(len, items))
            return 19, b"".join((_INPUTS.pack(first, len(items)), lengths, *items))
        case Ack(received, executed, stamp, placed, slices, digest_step, digest):
            return 23, _ACK.pack(received, executed, stamp, placed, slices, digest_step) + digest
        case HeartBeat(time, echo):
            return 21, _PAIR.pack(time, echo)
        case SnapshotSlice(data):
            return 17, data
        case Challenge(nonce):
            return 1, _sized(nonce, NONCE_BYTES)
        case Hello(nonce, claim, proof):
            return 2, _sized(nonce, NONCE_BYTES) + _sized(proof, PROOF_BYTES) + _claim(claim)
        case Answer(word, claim, resume_from, text, proof):
            told = _ONE.pack(resume_from) + _text(text)
            return 3, b"".join((bytes((word,)), _sized(proof, PROOF_BYTES), _claim(claim), told))
        case SnapshotBegin(step, epoch, seed, time):
            return 16, _BEGIN.pack(step, epoch, time) + seed
        case SnapshotEnd(digest):
            return 18, digest
        case Told(place, epoch):
            return 20, _PAIR.pack(place, epoch)
        case HandOver(step):
            return 22, _ONE.pack(step)
        case Command(name, options):
            return 32, _text(name) + _json(options)
        case Report(content):
            return 33, _json(content)
        case _:
            assert_never(frame)


def _claim(claim: Claim) -> bytes:
    standing = 0 if claim.standing is None else claim.standing + 1
    ids = _sized(claim.folder, ID_BYTES), _sized(claim.incarnation, ID_BYTES)
    fixed = _CLAIM.pack(claim.role, *ids, claim.epoch, standing, claim.place, claim.last_input)
    texts = map(_text, (claim.node_id, claim.client_address, claim.link_address))
    return b"".join((fixed, _short(claim.machine), *texts))


def _sized(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise ValueError(f"{len(data)} bytes where {size} are wanted")
    return data


def _short(data: bytes) -> bytes:
    if len(data) > TEXT_BYTES_MAX:
        raise ValueError(f"{len(data)} bytes, at most {TEXT_BYTES_MAX}: {data[:40]!r}...")
    return _SHORT.pack(len(data)) + data


def _text(text: str) -> bytes:
    return _short(_printable(text).encode())


def _printable(text: str) -> str:
    """It goes to logs and terminals, which would obey other characters. Raises ValueError."""
    if not text.isprintable():
        raise ValueError(f"{text!r} is not printable")
    return text


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()


# Reading


class LinkReader:
    """Turns the bytes of one direction into frames. ``feed``, and ``trust`` as soon as the other side has proven itself."""

    __slots__ = ("_at", "_begun", "_buffer", "_trusted")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0  # where the next frame begins
        self._begun = False
        self._trusted = False

    def trust(self) -> None:
        """The other side is proven: from the next frame on all types and sizes are welcome."""
        self._trusted = True

    def feed(self, data: bytes) -> Iterator[Frame]:
        """
        Take bytes, as the socket gave them. The iterator reads a frame when it is asked for it, so that ``trust`` called for
        one frame counts for the next; what it was not asked for comes with the next ``feed``. It raises LinkProtocolError,
        and does so again if it is asked again.
        """
        self._buffer += data
        return self._frames()

    def _frames(self) -> Iterator[Frame]:
        buffer = self._buffer
        if not self._begun and not self._begin():
            return
        while len(buffer) - self._at >= 4:
            (length,) = _LENGTH.unpack_from(buffer, self._at)
            limit = FRAME_BYTES_MAX if self._trusted else UNPROVEN_FRAME_BYTES_MAX
            if not 0 < length <= limit:
                raise LinkProtocolError(f"a frame of {length} bytes, at most {limit} are welcome here")
            end = self._at + 4 + length
            if len(buffer) < end:
                break
            kind = buffer[self._at + 4]
            if not self._trusted and kind > 3:
                raise LinkProtocolError(f"a frame of type {kind} from somebody who has proven nothing")
            frame = _decode(kind, bytes(memoryview(buffer)[self._at + 5 : end]))
            self._at = end
            yield frame
        del buffer[: self._at]
        self._at = 0

    def _begin(self) -> bool:
        """Whether the preamble is whole."""
        if not PREAMBLE.startswith(self._buffer[: len(PREAMBLE)]):
            raise LinkProtocolError(f"no replication link of this version: it begins with {bytes(self._buffer[:8])!r}")
        self._begun = len(self._buffer) >= len(PREAMBLE)
        if self._begun:
            self._at = len(PREAMBLE)
        return self._begun


def _decode(kind: int, body: bytes) -> Frame:
    read = _READERS.get(kind)
    if read is None:
        raise LinkProtocolError(f"a frame of unknown type {kind}")
    try:
        return read(body)
    except (StructError, ValueError, RecursionError) as problem:
        raise LinkProtocolError(f"no frame of type {kind}: {problem}") from problem


def _read_challenge(body: bytes) -> Challenge:
    return Challenge(_sized(body, NONCE_BYTES))


def _read_hello(body: bytes) -> Hello:
    fields = _Fields(body)
    nonce, proof = fields.take(NONCE_BYTES), fields.take(PROOF_BYTES)
    hello = Hello(nonce, fields.claim(), proof)
    fields.end()
    return hello


def _read_answer(body: bytes) -> Answer:
    fields = _Fields(body)
    word, proof, claim = Word(fields.take(1)[0]), fields.take(PROOF_BYTES), fields.claim()
    (resume_from,) = _ONE.unpack(fields.take(_ONE.size))
    answer = Answer(word, claim, resume_from, fields.text(), proof)
    fields.end()
    return answer


def _read_begin(body: bytes) -> SnapshotBegin:
    step, epoch, time = _BEGIN.unpack_from(body)
    return SnapshotBegin(step, epoch, body[_BEGIN.size :], time)


def _read_inputs(body: bytes) -> Inputs:
    first, count = _INPUTS.unpack_from(body)
    start = _INPUTS.size + 4 * count
    if start > len(body):
        raise ValueError(f"{count} lengths in {len(body)} bytes")
    ends = list(accumulate(unpack_from(f">{count}I", body, _INPUTS.size), initial=start))
    if ends[-1] != len(body):
        raise ValueError("the lengths of the inputs do not add up to that of the frame")
    return Inputs(first, [body[begin:end] for begin, end in pairwise(ends)])


def _read_ack(body: bytes) -> Ack:
    received, executed, stamp, placed, slices, digest_step = _ACK.unpack_from(body)
    return Ack(received, executed, stamp, placed, slices, digest_step, body[_ACK.size :])


def _read_command(body: bytes) -> Command:
    fields = _Fields(body)
    return Command(fields.text(), _object(fields.rest()))


def _object(data: bytes) -> dict[str, Any]:
    content: object = json.loads(data)
    if not isinstance(content, dict):
        raise ValueError("no JSON object")
    return cast("dict[str, Any]", content)


class _Fields:
    """Cuts a body into its fields. Raises ValueError where it is too short or too long."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        at = self._at
        self._at = at + size
        return _sized(self._data[at : self._at], size)

    def short(self) -> bytes:
        (size,) = _SHORT.unpack(self.take(2))
        return self.take(size)

    def text(self) -> str:
        return _printable(self.short().decode())

    def claim(self) -> Claim:
        role, folder, incarnation, epoch, standing, place, last_input = _CLAIM.unpack(self.take(_CLAIM.size))
        machine = self.short()
        return Claim(
            role=Role(role),
            folder=folder,
            incarnation=incarnation,
            epoch=epoch,
            standing=Standing(standing - 1) if standing else None,
            place=place,
            last_input=last_input,
            machine=machine,
            node_id=self.text(),
            client_address=self.text(),
            link_address=self.text(),
        )

    def rest(self) -> bytes:
        at, self._at = self._at, len(self._data)
        return self._data[at:]

    def end(self) -> None:
        if left := len(self._data) - self._at:
            raise ValueError(f"{left} bytes left behind its end")


_READERS: Final[dict[int, Callable[[bytes], Frame]]] = {
    1: _read_challenge,
    2: _read_hello,
    3: _read_answer,
    16: _read_begin,
    17: SnapshotSlice,
    18: SnapshotEnd,
    19: _read_inputs,
    20: lambda body: Told(*_PAIR.unpack(body)),
    21: lambda body: HeartBeat(*_PAIR.unpack(body)),
    22: lambda body: HandOver(*_ONE.unpack(body)),
    23: _read_ack,
    32: _read_command,
    33: lambda body: Report(_object(body)),
}
