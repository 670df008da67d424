"""The operator's side of a replication link: one question to a node, whether it serves or not, and its answer."""

from __future__ import annotations

import secrets
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from corewire.errors import (
    CallTimeout,
    ClusterSecurityError,
    ConfigError,
    Disconnected,
    IllegalState,
    NotConnected,
    RemoteProtocolError,
)
from corewire_server.replication.hello import NO_PASSWORD, admits, answer_is_proven, cluster_key, make_hello
from corewire_server.replication.link import (
    NONCE_BYTES,
    PREAMBLE,
    Answer,
    Challenge,
    Claim,
    Command,
    LinkProtocolError,
    LinkReader,
    Report,
    Role,
    Word,
    encode,
)
from corewire_server.runtime.remote import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corewire_server.replication.link import Frame

FrameT = TypeVar("FrameT", Challenge, Answer, Report)
_READ_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Operator:
    """Who asks: the cluster user and password of the pair. ``timeout_s``: for one question, dialling included."""

    user: str = ""
    password: str = field(default="", repr=False)
    timeout_s: float = 30.0


def ask(host: str, port: int, command: Command, operator: Operator) -> dict[str, Any]:
    """
    Ask the node whose replication link is at ``host`` and ``port``, and return the content of its report.

    Raises NotConnected if nobody listens there or the connection breaks, CallTimeout, ClusterSecurityError if one side does not
    believe the other, RemoteProtocolError if that is no replication link, ConfigError if a cluster password is needed to go
    there, and IllegalState with the node's reason if it does not do what was asked.
    """
    where = f"{host}:{port}"
    deadline = time.monotonic() + operator.timeout_s
    try:
        with socket.create_connection((host, port), timeout=operator.timeout_s) as sock:
            content = _Talk(sock, deadline, where).ask(command, operator)
    except TimeoutError as error:
        raise CallTimeout(f"no answer in {operator.timeout_s:g} s", connection=where) from error
    except OSError as error:
        raise NotConnected(error.strerror or str(error), connection=where) from error
    except LinkProtocolError as error:
        hint = "the port of its replication link: the port for clients + 100, or ?link=PORT in the URL"
        raise RemoteProtocolError(f"this is no replication link: {error}", connection=where, hint=hint) from error
    if content.get("ok") is not True:
        raise IllegalState(printable(str(content.get("said", "it does not say why"))), connection=where)
    return content


def printable(text: str) -> str:
    """``text`` of a report without what a terminal would obey."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


class _Talk:
    """One connection to one node."""

    def __init__(self, sock: socket.socket, deadline: float, where: str) -> None:
        self._sock = sock
        self._deadline = deadline
        self._where = where
        self._reader = LinkReader()
        self._frames: Iterator[Frame] = iter(())

    def ask(self, command: Command, operator: Operator) -> dict[str, Any]:
        if not admits(operator.password, loopback=is_loopback(self._sock)):
            raise ConfigError(NO_PASSWORD, parameter="cluster_password", hint="--cluster-password-file FILE")
        key = cluster_key(operator.user, operator.password)
        challenge = self._read(Challenge, hint="a node without a cluster password speaks to its own machine only")
        incarnation = secrets.token_bytes(16)
        hello = make_hello(
            key, challenge, secrets.token_bytes(NONCE_BYTES), Claim(role=Role.OPERATOR, incarnation=incarnation)
        )
        self._write(PREAMBLE + encode(hello))
        answer = self._read(Answer)
        if not answer_is_proven(key, challenge, hello, answer):
            refused = answer.word is Word.REFUSED
            said = f"the node refused: {answer.text}" if refused else "the node does not know the cluster password"
            hint = "--cluster-user NAME --cluster-password-file FILE"
            raise ClusterSecurityError(said, connection=self._where, hint=hint)
        if answer.word is Word.REFUSED:
            raise IllegalState(answer.text, connection=self._where)
        self._reader.trust()
        self._write(encode(command))
        return self._read(Report).content

    def _read(self, kind: type[FrameT], *, hint: str | None = None) -> FrameT:
        """The next frame, which must be of this kind. ``hint``: what it may mean if none comes."""
        while (frame := next(self._frames, None)) is None:
            self._bound()
            data = self._sock.recv(_READ_BYTES)
            if not data:
                raise Disconnected("the node closed the connection", connection=self._where, hint=hint)
            self._frames = self._reader.feed(data)
        if not isinstance(frame, kind):
            raise LinkProtocolError(f"{type(frame).__name__} where {kind.__name__} was due")
        return frame

    def _write(self, data: bytes) -> None:
        self._bound()
        self._sock.sendall(data)

    def _bound(self) -> None:
        """Let the next call on the socket end with the deadline. Raises TimeoutError if it is over."""
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._sock.settimeout(left_s)
