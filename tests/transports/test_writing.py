"""What is written into a socket that takes only a part of it."""

from __future__ import annotations

import random
import socket

import pytest

from corewire_transports import _writing
from corewire_transports._writing import write_some

BUFFER_BYTES = 8_192
ROUNDS_MAX = 1_000


@pytest.mark.parametrize(
    "gathers", [True, False], ids=["several chunks at once", "one, where the system has no sendmsg"]
)
def test_what_a_socket_does_not_take_is_kept_in_order(monkeypatch: pytest.MonkeyPatch, gathers: bool) -> None:
    monkeypatch.setattr(_writing, "GATHERS", gathers)
    rng = random.Random(1)
    chunks = [rng.randbytes(rng.choice((1, 40, 5_000, 90_000))) for _ in range(40)]
    rest: list[bytes | memoryview] = [*chunks]
    rest_bytes, came, parts = sum(map(len, chunks)), bytearray(), 0
    near, far = socket.socketpair()
    with near, far:
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        near.setblocking(False)
        for _ in range(ROUNDS_MAX):
            rest_bytes = write_some(near, rest, rest_bytes)
            assert rest_bytes == sum(map(len, rest))
            if not rest:
                break
            came += far.recv(BUFFER_BYTES)
            parts += 1
        near.close()
        while data := far.recv(BUFFER_BYTES):
            came += data
    assert parts > 1, "it did not take all at once"
    assert came == b"".join(chunks)


def test_a_socket_whose_other_end_is_gone_raises() -> None:
    near, far = socket.socketpair()
    with near:
        near.setblocking(False)
        far.close()
        with pytest.raises(OSError, match="pipe"):
            write_some(near, [b"nobody hears this"], 17)
