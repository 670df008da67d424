"""
Connections of the replication link until it is known what each is: challenges, hellos, answers and their proofs.

What is not proven is told nothing but that, and closed. A connection ends here, too, if the other side does not go on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from corewire_server.core.effects import Log
from corewire_server.node.desk import sooner
from corewire_server.node.orders import ClosePeer, DialPeer, SendPeer
from corewire_server.replication.hello import (
    ITSELF,
    NO_PASSWORD,
    WRONG_PROOF,
    admits,
    answer_is_proven,
    cluster_key,
    hello_is_proven,
    make_answer,
    make_hello,
    refusal,
)
from corewire_server.replication.link import (
    NONCE_BYTES,
    PREAMBLE,
    Answer,
    Challenge,
    Claim,
    Command,
    Hello,
    LinkProtocolError,
    LinkReader,
    Role,
    Word,
    encode,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from corewire_server.node.orders import Order
    from corewire_server.node.settings import PairSettings
    from corewire_server.replication.link import Frame

GREETING_MS: Final = 5000  # for whoever connected to say who he is, and what he wants
STRANGERS_MAX: Final = 64  # connections at one time that are not the link
COMPLAINTS_MAX: Final = 100  # different ones in the life of a node


class Stage(Enum):
    """What is waited for on a connection."""

    CONNECTING = "the connection"
    CHALLENGE = "a challenge"
    ANSWER = "an answer"
    HELLO = "a hello"
    WORD = "our answer"
    COMMAND = "a command"
    LINKED = "frames"


_PATIENT: Final = (Stage.WORD, Stage.LINKED)  # not the other side's turn, or the node's own business
_PROVEN: Final = (Stage.WORD, Stage.COMMAND, Stage.LINKED)


@dataclass(slots=True)
class Conn:
    """One connection."""

    stage: Stage
    until: int  # when the other side must have gone on; LINKED: never
    reader: LinkReader = field(default_factory=LinkReader)
    challenge: Challenge | None = None
    hello: Hello | None = None


class Peers:
    """All connections of one node's replication link."""

    def __init__(
        self, settings: PairSettings, incarnation: bytes, entropy: Callable[[int], bytes], out: list[Order]
    ) -> None:
        self._settings = settings
        self._incarnation = incarnation
        self._entropy = entropy
        self._out = out
        self._key = cluster_key(settings.cluster_user, settings.cluster_password)
        self._conns: dict[int, Conn] = {}
        self._next_dial = -1
        self._complaints: set[str] = set()  # those that were logged
        self.estranged = ""  # why whoever lives where the other node should be does not take us for its peer, or we him

    def next_timeout(self) -> int | None:
        """When a connection's patience is over."""
        due: int | None = None
        for conn in self._conns.values():  # asked at every input: hence no generator
            if conn.stage not in _PATIENT:
                due = sooner(due, conn.until)
        return due

    def expire(self, now: int) -> list[int]:
        """Close what does not go on. Returns those connections."""
        due = self.next_timeout()
        if due is None or now < due:
            return []
        late = [number for number, conn in self._conns.items() if conn.stage not in _PATIENT and now >= conn.until]
        for number in late:
            self.close(number)
        return late

    def has(self, number: int) -> bool:
        """Whether a connection is there."""
        return number in self._conns

    def proven(self, number: int) -> bool:
        """Whether the other side has shown that it knows the cluster user and password."""
        conn = self._conns.get(number)
        return conn is not None and conn.stage in _PROVEN

    # -- begin and end

    def dial(self, now: int) -> int:
        """Connect to the peer. Returns the number of the connection."""
        self._next_dial += 2
        self._conns[self._next_dial] = Conn(Stage.CONNECTING, now + self._settings.dial_ms)
        self._out.append(DialPeer(self._next_dial))
        return self._next_dial

    def connected(self, now: int, number: int, *, loopback: bool) -> None:
        """A dial got through: the challenge is next."""
        conn = self._conns.get(number)
        if conn is None or conn.stage is not Stage.CONNECTING:
            return
        if not admits(self._settings.cluster_password, loopback=loopback):
            self.complain(f"the other node is on another machine: {NO_PASSWORD}")
            self.close(number)
            return
        conn.stage, conn.until = Stage.CHALLENGE, now + 5 * self._settings.dial_ms

    def accepted(self, now: int, number: int, *, loopback: bool) -> None:
        """Somebody connected: he is challenged."""
        if not admits(self._settings.cluster_password, loopback=loopback):
            self.complain(f"a connection from another machine was refused: {NO_PASSWORD}")
            self.refuse(number)
            return
        if len(self._conns) >= STRANGERS_MAX:
            self.refuse(number)
            return
        challenge = Challenge(self._entropy(NONCE_BYTES))
        self._conns[number] = Conn(Stage.HELLO, now + GREETING_MS, challenge=challenge)
        self._out.append(SendPeer(number, PREAMBLE + encode(challenge)))

    def refuse(self, number: int) -> None:
        """End a connection that was accepted just now, without a word."""
        self._out.append(ClosePeer(number))

    def close(self, number: int) -> None:
        """End a connection from our side."""
        if self._conns.pop(number, None) is not None:
            self._out.append(ClosePeer(number))

    def forget(self, number: int) -> None:
        """A connection has ended."""
        self._conns.pop(number, None)

    def complain(self, text: str) -> None:
        """Log what is wrong between the nodes: once, not at every dial. It may be more than one thing, in turns."""
        if text not in self._complaints and len(self._complaints) < COMPLAINTS_MAX:
            self._complaints.add(text)
            self._out.append(Log("warning", text))

    # -- what comes

    def read(self, number: int, data: bytes, claim: Callable[[], Claim]) -> Iterator[Hello | Answer | Command | Frame]:
        """
        Bytes came. Gives proven hellos and answers, commands of operators, and the frames of the link, each to be acted on
        before the next is asked for; stops when the connection is closed. ``claim``: what this node says of itself in a hello.

        Raises LinkProtocolError, after which the connection is of no use.
        """
        conn = self._conns.get(number)
        if conn is None:
            return
        for frame in conn.reader.feed(data):
            if conn.stage is Stage.LINKED or self._expected(number, conn, frame, claim):
                yield frame
            if self._conns.get(number) is not conn:
                return

    def _expected(self, number: int, conn: Conn, frame: Frame, claim: Callable[[], Claim]) -> bool:
        """Whether a frame means something to the node."""
        match conn.stage, frame:
            case Stage.CHALLENGE, Challenge():
                conn.challenge = frame
                conn.hello = make_hello(self._key, frame, self._entropy(NONCE_BYTES), claim())
                conn.stage = Stage.ANSWER
                self._out.append(SendPeer(number, PREAMBLE + encode(conn.hello)))
                return False
            case Stage.ANSWER, Answer():
                return self._proven_answer(conn, frame)
            case Stage.HELLO, Hello():
                return self._proven_hello(number, conn, frame)
            case Stage.COMMAND, Command():
                return True
            case _:
                raise LinkProtocolError(f"{type(frame).__name__} while {conn.stage.value} was due")

    def _proven_answer(self, conn: Conn, answer: Answer) -> bool:
        assert conn.challenge is not None
        assert conn.hello is not None
        if not answer_is_proven(self._key, conn.challenge, conn.hello, answer):
            said = answer.text if answer.word is Word.REFUSED else WRONG_PROOF
            self.estranged = said
            self.complain(f"the other node was dialled, and is not believed: {said}")
            raise LinkProtocolError(said)
        conn.reader.trust()
        return True

    def _proven_hello(self, number: int, conn: Conn, hello: Hello) -> bool:
        assert conn.challenge is not None
        if not hello_is_proven(self._key, conn.challenge, hello, incarnation=self._incarnation):
            reason = ITSELF if hello.claim.incarnation == self._incarnation else WRONG_PROOF
            if reason is WRONG_PROOF:
                self.complain(f"a connection was refused: {reason}")
            self._out.append(SendPeer(number, encode(refusal(reason))))
            self.close(number)
            return False
        conn.reader.trust()
        conn.hello, conn.stage = hello, Stage.WORD
        return True

    # -- what is said

    def answer(self, number: int, word: Word, claim: Claim, *, resume_from: int = 0, text: str = "") -> None:
        """Answer a hello. LINK makes the connection the link; an operator may give his command; all others have ended."""
        conn = self._conns.get(number)
        if conn is None or conn.stage is not Stage.WORD:
            return
        assert conn.challenge is not None
        assert conn.hello is not None
        said = make_answer(self._key, conn.challenge, conn.hello, word, claim, resume_from=resume_from, text=text)
        self.send(number, encode(said))
        if word is Word.LINK:
            conn.stage = Stage.LINKED
        elif conn.hello.claim.role is Role.OPERATOR and word is Word.HERE:
            conn.stage = Stage.COMMAND
        else:
            self.close(number)

    def link(self, number: int) -> None:
        """A dial was answered by LINK."""
        self._conns[number].stage = Stage.LINKED

    def send(self, number: int, data: bytes) -> None:
        """Write to a connection."""
        self._out.append(SendPeer(number, data))
