"""
Bytes to frames and back (docs/protocol/framing.md).

A frame is ``i32 length; i8 type; i64 channel; payload``, where the length counts what follows it. Reads hold many small
frames, so ``FrameReader`` joins what was left of the last read with the new one and cuts slices. A frame that spans many
reads would make that quadratic: as soon as its length is known, its pieces are only collected, and joined once.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from corewire.errors import RemoteProtocolError

HEADER_SIZE: Final = 13
LENGTH_SIZE: Final = 4
LENGTH_MIN: Final = HEADER_SIZE - LENGTH_SIZE
FRAME_BYTES_MAX: Final = 2**31 - 1  #: whole frame; what Artemis takes
MAGIC: Final = b"ARTEMIS"  #: a client's first bytes; frames follow at once

_HEADER: Final = Struct(">ibq")
_LENGTH: Final = Struct(">i")
_TYPE: Final = Struct(">b")
_CHANNEL: Final = Struct(">q")


def packet_type(frame: bytes) -> int:
    """Return the type code, -128 to 127, of a whole frame."""
    value: int = _TYPE.unpack_from(frame, 4)[0]
    return value


def channel_id(frame: bytes) -> int:
    """Return the channel of a whole frame."""
    value: int = _CHANNEL.unpack_from(frame, 5)[0]
    return value


def frame_header(packet_type: int, channel: int, payload_size: int) -> bytes:
    """Return the 13 bytes before a payload of so many bytes."""
    return _HEADER.pack(payload_size + LENGTH_MIN, packet_type, channel)


class FrameReader:
    """
    Cuts a stream of bytes, in whatever pieces it comes, into whole frames.

    ``frame_bytes_max`` limits a whole frame, its length field included, and may be changed at any time. A frame's length is
    judged as soon as it is there, so a claim costs no memory.
    """

    __slots__ = ("_awaited", "_held", "_pieces", "frame_bytes_max")

    def __init__(self, frame_bytes_max: int = FRAME_BYTES_MAX) -> None:
        self.frame_bytes_max = frame_bytes_max
        self._pieces: list[bytes] = []
        self._held = 0  # bytes in the pieces
        self._awaited = LENGTH_SIZE  # bytes without which no frame can be cut

    @property
    def rest(self) -> bytes:
        """The frame that is not whole yet, for a snapshot: a new reader that is fed with it goes on from here."""
        return b"".join(self._pieces)

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take the next bytes and return the frames that they complete, each with its length field.

        Raises RemoteProtocolError for a length that is too small or above the limit; the frames before it are lost with
        the link, and the reader must not be fed again.
        """
        held = self._held + len(data)
        if self._pieces:
            self._pieces.append(data)
            if held < self._awaited:
                self._held = held
                return []
            data = b"".join(self._pieces)
            self._pieces = []
        frames: list[bytes] = []
        add, unpack = frames.append, _LENGTH.unpack_from
        most = self.frame_bytes_max
        at, last = 0, held - LENGTH_SIZE
        awaited = LENGTH_SIZE
        while at <= last:
            end = at + LENGTH_SIZE + unpack(data, at)[0]
            if not HEADER_SIZE <= end - at <= most:
                raise self._refusal(data, at, end - at)
            if end > held:
                awaited = end - at
                break
            add(data[at:end])
            at = end
        self._held = held - at
        self._awaited = awaited
        if at < held:
            self._pieces.append(data[at:])
        return frames

    def _refusal(self, data: bytes, at: int, size: int) -> RemoteProtocolError:
        if size < HEADER_SIZE and size >= LENGTH_SIZE:
            return RemoteProtocolError(f"a frame length of {size - LENGTH_SIZE}, less than its header", offset=0)
        claimed = int.from_bytes(data[at : at + LENGTH_SIZE], "big")
        return RemoteProtocolError(
            f"a frame of {claimed + LENGTH_SIZE} bytes, above the limit of {self.frame_bytes_max}", offset=0
        )
