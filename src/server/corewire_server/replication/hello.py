"""
Who may speak on the replication link.

Each side proves that it knows the cluster user and password, without sending them: an HMAC over everything that was said so
far, the nonces of both sides in it. So a proof is of no use on another connection (other nonces), in the other direction (the
labels differ), or for another claim. What it does not do: the frames behind it are neither signed nor hidden. Whoever can change
bytes between the nodes can change them there, so the link belongs on a network of its own.

Guessing: who was sent a hello, or watches one, can try passwords at home. The key therefore costs tens of milliseconds to
make. Who has not proven itself is told nothing but that.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from functools import lru_cache
from typing import Final

from corewire_server.replication.link import NO_PROOF, Answer, Challenge, Claim, Hello, Role, Word, encode

_ITERATIONS: Final = 100_000
_HELLO: Final = b"corewire hello\x00"
_ANSWER: Final = b"corewire answer\x00"
_DIGEST: Final = b"corewire digest\x00"

NO_PASSWORD: Final = "without a cluster password this replication link is accepted from the same machine only"  # noqa: S105
ITSELF: Final = "this is the node itself: its peer must be the other one"
WRONG_PROOF: Final = "the cluster user or password is not that of this node"


def admits(password: str, *, loopback: bool) -> bool:
    """
    Whether a connection may be used at all: without a cluster password only one that does not leave this machine (``loopback``).

    To be asked by both sides, before the acceptor sends its challenge and before the dialler sends its hello.
    """
    return bool(password) or loopback


@lru_cache(maxsize=8)
def cluster_key(user: str, password: str) -> bytes:
    """The key of all proofs. Slow on purpose (tens of milliseconds), but at once without a password: it protects nothing."""
    iterations = _ITERATIONS if password else 1
    salt = b"corewire link\x00" + user.encode("utf-8", "surrogatepass")
    return hashlib.pbkdf2_hmac("sha256", password.encode("utf-8", "surrogatepass"), salt, iterations)


def sealed(key: bytes, digest: bytes) -> bytes:
    """A digest that a hello may show to anybody: passwords that went into it cannot be guessed without the key of the cluster."""
    return hmac.digest(key, _DIGEST + digest, "sha256")


def make_hello(key: bytes, challenge: Challenge, nonce: bytes, claim: Claim) -> Hello:
    """The dialler's hello to an acceptor's challenge. ``nonce``: 32 bytes never used before."""
    hello = Hello(nonce, claim)
    return replace(hello, proof=_hello_proof(key, challenge, hello))


def hello_is_proven(key: bytes, challenge: Challenge, hello: Hello, *, incarnation: bytes) -> bool:
    """
    Whether the dialler knows the key, answers this challenge, and is not ourselves (``incarnation``): else somebody whom we
    dial could have our own hello signed for a challenge of ours.
    """
    ours = hello.claim.incarnation == incarnation or hello.nonce == challenge.nonce
    return hmac.compare_digest(hello.proof, _hello_proof(key, challenge, hello)) and not ours


def make_answer(
    key: bytes, challenge: Challenge, hello: Hello, word: Word, claim: Claim, *, resume_from: int = 0, text: str = ""
) -> Answer:
    """The acceptor's answer to a hello that was proven."""
    answer = Answer(word, claim, resume_from, text)
    return replace(answer, proof=_answer_proof(key, challenge, hello, answer))


def answer_is_proven(key: bytes, challenge: Challenge, hello: Hello, answer: Answer) -> bool:
    """Whether the acceptor knows the key, and answers this hello. One that is not proven means nothing, but to people."""
    return hmac.compare_digest(answer.proof, _answer_proof(key, challenge, hello, answer))


def refusal(text: str) -> Answer:
    """The answer to a hello that is not proven: it says nothing of this node, and is not proven itself."""
    return Answer(Word.REFUSED, Claim(role=Role.WAITING), text=text)


def _hello_proof(key: bytes, challenge: Challenge, hello: Hello) -> bytes:
    said = encode(challenge) + encode(replace(hello, proof=NO_PROOF))
    return hmac.digest(key, _HELLO + said, "sha256")


def _answer_proof(key: bytes, challenge: Challenge, hello: Hello, answer: Answer) -> bytes:
    said = encode(challenge) + encode(hello) + encode(replace(answer, proof=NO_PROOF))
    return hmac.digest(key, _ANSWER + said, "sha256")
