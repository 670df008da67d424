"""A replication link in a thread: it speaks to operators as a node does, about a status that the test sets. Loopback only."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from corewire_server.node.operating import Wish, consider
from corewire_server.node.status import PeerStatus, Status
from corewire_server.replication.hello import WRONG_PROOF, cluster_key, hello_is_proven, make_answer, refusal
from corewire_server.replication.link import (
    PREAMBLE,
    Challenge,
    Claim,
    Command,
    Hello,
    LinkReader,
    Role,
    Word,
    encode,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def status(role: str, epoch: int, **more: Any) -> Status:
    """A status of a healthy node, but for what is said otherwise."""
    default: dict[str, Any] = {
        "node_id": "636f7265-7769-8000-8000-000000000000",
        "serving": role == "primary",
        "standing": "in step",
        "place": 1,
        "in_step": True,
        "lease_age_ms": 250,
        "last_input": 1000,
        "input_age_ms": 400,
        "acknowledged": 1000,
        "executed": 1000,
        "lag_inputs": 0,
        "lag_bytes": 0,
        "lag_ms": 0,
        "waits_for": "",
        "fell_out": 0,
        "peer": PeerStatus(),
    }
    return Status(role=role, epoch=epoch, **default | more)


@dataclass
class LinkNode:
    """One node's link. ``obey`` is called for an order that ``consider`` let through."""

    status: Status
    user: str = ""
    password: str = ""
    obey: Callable[[Wish], None] = lambda _wish: None
    incarnation: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    commands: list[Command] = field(default_factory=list[Command])

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the accept
        self._listener.close()
        self._thread.join(30)

    @property
    def url(self) -> str:
        """How an operator names it: no client port of this node is open."""
        return f"tcp://127.0.0.1:61616?link={self.port}"

    def is_peer_of(self, other: LinkNode) -> None:
        """Let the status of this node know the address of the other one's link."""
        peer = PeerStatus(role=other.status.role, epoch=other.status.epoch, link_address=f"127.0.0.1:{other.port}")
        self.status = replace(self.status, peer=peer)

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with sock, contextlib.suppress(OSError):
                self._talk(sock)

    def _talk(self, sock: socket.socket) -> None:
        challenge = Challenge(secrets.token_bytes(32))
        sock.settimeout(30)
        sock.sendall(PREAMBLE + encode(challenge))
        key = cluster_key(self.user, self.password)
        reader = LinkReader()
        while data := sock.recv(4096):
            for frame in reader.feed(data):
                if isinstance(frame, Hello):
                    if not hello_is_proven(key, challenge, frame, incarnation=self.incarnation):
                        sock.sendall(encode(refusal(WRONG_PROOF)))
                        return
                    reader.trust()
                    me = Claim(role=Role.WAITING, incarnation=self.incarnation)
                    sock.sendall(encode(make_answer(key, challenge, frame, Word.HERE, me)))
                elif isinstance(frame, Command):
                    self.commands.append(frame)
                    wish, report = consider(frame, self.status)
                    sock.sendall(encode(report))
                    if wish is not Wish.NOTHING:
                        self.obey(wish)
