"""Somebody who gives orders to a pair, over the link's port, as ``corewire cluster`` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from corewire_server.replication.hello import answer_is_proven, cluster_key, make_hello
from corewire_server.replication.link import (
    ID_BYTES,
    NONCE_BYTES,
    PREAMBLE,
    Answer,
    Challenge,
    Claim,
    Command,
    Hello,
    LinkReader,
    Report,
    Role,
    encode,
)
from corewire_server.simulator.network import Process

if TYPE_CHECKING:
    from random import Random

    from corewire_server.simulator.network import Address, End, Network

CLUSTER_USER = CLUSTER_PASSWORD = "cluster"  # noqa: S105 - nobody is kept out


class Operator(Process):
    """One command to one node. ``report`` is what came of it, None while or where nothing came."""

    def __init__(self, network: Network, rng: Random, target: Address, command: str) -> None:
        super().__init__()
        self.report: dict[str, Any] | None = None
        self._command = Command(command, {})
        self._rng = rng
        self._key = cluster_key(CLUSTER_USER, CLUSTER_PASSWORD)
        self._reader = LinkReader()
        self._challenge = Challenge(b"")
        self._hello: Hello | None = None
        network.dial(self, "operator", target)

    def received(self, end: End, data: bytes) -> None:
        for frame in self._reader.feed(data):
            match frame:
                case Challenge():
                    claim = Claim(role=Role.OPERATOR, incarnation=self._rng.randbytes(ID_BYTES))
                    self._challenge = frame
                    self._hello = make_hello(self._key, frame, self._rng.randbytes(NONCE_BYTES), claim)
                    end.write(PREAMBLE + encode(self._hello))
                case Answer():
                    assert self._hello is not None
                    assert answer_is_proven(self._key, self._challenge, self._hello, frame)
                    self._reader.trust()
                    end.write(encode(self._command))
                case Report(content):
                    self.report = content
                    end.close()
                    return
                case _:
                    raise AssertionError(frame)
