"""The proof of the replication link: who knows the password is believed, and nobody else, whatever he has overheard."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.link_frames import challenges, claims, nonces, proofs, texts

from corewire_server.records import Standing
from corewire_server.replication.hello import (
    admits,
    answer_is_proven,
    cluster_key,
    hello_is_proven,
    make_answer,
    make_hello,
    refusal,
    sealed,
)
from corewire_server.replication.link import NO_PROOF, Answer, Challenge, Claim, Hello, Role, Word, encode

KEY = cluster_key("cluster", "secret")
CHALLENGE = Challenge(b"a" * 32)
HERE = b"here" * 4
DIALLER = Claim(role=Role.BACKUP, incarnation=b"back" * 4, epoch=2, last_input=7)
ACCEPTOR = Claim(role=Role.PRIMARY, incarnation=HERE, epoch=2, last_input=9)


def hello(key: bytes = KEY, challenge: Challenge = CHALLENGE) -> Hello:
    return make_hello(key, challenge, b"d" * 32, DIALLER)


def proven(said: Hello, key: bytes = KEY, challenge: Challenge = CHALLENGE) -> bool:
    return hello_is_proven(key, challenge, said, incarnation=HERE)


@pytest.mark.parametrize(
    ("password", "loopback", "welcome"), [("", False, False), ("", True, True), ("x", False, True), ("x", True, True)]
)
def test_without_a_password_only_the_same_machine_is_welcome(password: str, loopback: bool, welcome: bool) -> None:
    assert admits(password, loopback=loopback) is welcome


@given(challenges, nonces, claims, claims, st.sampled_from(Word), texts)
def test_both_sides_that_know_the_key_believe_each_other(
    challenge: Challenge, nonce: bytes, dialler: Claim, acceptor: Claim, word: Word, text: str
) -> None:
    said = make_hello(KEY, challenge, nonce, dialler)
    ourselves = dialler.incarnation == acceptor.incarnation or nonce == challenge.nonce
    assert hello_is_proven(KEY, challenge, said, incarnation=acceptor.incarnation) is not ourselves
    answer = make_answer(KEY, challenge, said, word, acceptor, resume_from=8, text=text)
    assert answer_is_proven(KEY, challenge, said, answer)


@pytest.mark.parametrize(
    "key", [cluster_key("cluster", "Secret"), cluster_key("other", "secret"), cluster_key("", ""), b""]
)
def test_another_user_or_password_is_not_believed(key: bytes) -> None:
    said = hello(key)
    assert not proven(said)
    assert not answer_is_proven(KEY, CHALLENGE, hello(), make_answer(key, CHALLENGE, hello(), Word.GO, ACCEPTOR))


def test_user_and_password_do_not_run_into_each_other() -> None:
    assert len({cluster_key("ab", "c"), cluster_key("a", "bc"), cluster_key("abc", ""), cluster_key("", "abc")}) == 4


def test_hello_that_was_overheard_answers_no_other_challenge() -> None:
    assert proven(hello())
    assert not proven(hello(), challenge=Challenge(b"b" * 32))


def test_answer_that_was_overheard_answers_no_other_hello() -> None:
    said = hello()
    answer = make_answer(KEY, CHALLENGE, said, Word.GO, ACCEPTOR)
    again = make_hello(KEY, CHALLENGE, b"e" * 32, DIALLER)
    other = Challenge(b"b" * 32)
    assert answer_is_proven(KEY, CHALLENGE, said, answer)
    assert not answer_is_proven(KEY, CHALLENGE, again, answer)
    assert not answer_is_proven(KEY, other, make_hello(KEY, other, b"d" * 32, DIALLER), answer)


def test_own_hello_that_comes_back_is_not_believed() -> None:
    """Somebody whom this node dials hands it a challenge of this very node, and gives it the hello back."""
    said = make_hello(KEY, CHALLENGE, b"d" * 32, ACCEPTOR)
    assert not hello_is_proven(KEY, CHALLENGE, said, incarnation=ACCEPTOR.incarnation)


def test_proof_of_one_direction_is_none_in_the_other() -> None:
    said = hello()
    answer = Answer(Word.GO, DIALLER, proof=said.proof)
    assert not answer_is_proven(KEY, CHALLENGE, said, answer)
    given_back = make_answer(KEY, CHALLENGE, said, Word.GO, DIALLER)
    assert not proven(replace(said, proof=given_back.proof))


def test_nonce_that_only_repeats_the_challenge_is_not_believed() -> None:
    assert not proven(make_hello(KEY, CHALLENGE, CHALLENGE.nonce, DIALLER))


CHANGES: list[dict[str, Any]] = [
    {"role": Role.PRIMARY},
    {"folder": b"1" * 16},
    {"incarnation": b"2" * 16},
    {"node_id": "x"},
    {"epoch": 3},
    {"standing": Standing.ALONE},
    {"place": 1},
    {"last_input": 8},
    {"machine": b"m"},
    {"client_address": "h:1"},
    {"link_address": "h:1"},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_proof_covers_every_field_of_a_claim(change: dict[str, Any]) -> None:
    assert set(Claim.__dataclass_fields__) == {name for one in CHANGES for name in one}
    said = hello()
    assert not proven(replace(said, claim=replace(DIALLER, **change)))
    answer = make_answer(KEY, CHALLENGE, said, Word.LINK, DIALLER)
    assert not answer_is_proven(KEY, CHALLENGE, said, replace(answer, claim=replace(DIALLER, **change)))


def test_proof_covers_word_text_and_the_input_to_resume_from() -> None:
    said = hello()
    answer = make_answer(KEY, CHALLENGE, said, Word.LINK, ACCEPTOR, resume_from=8, text="x")
    for changed in (replace(answer, word=Word.GO), replace(answer, resume_from=9), replace(answer, text="y")):
        assert not answer_is_proven(KEY, CHALLENGE, said, changed)


@given(proofs)
def test_guessed_proof_is_not_believed(proof: bytes) -> None:
    assert not proven(replace(hello(), proof=proof))
    assert not answer_is_proven(KEY, CHALLENGE, hello(), Answer(Word.GO, ACCEPTOR, proof=proof))


def test_refusal_says_why_and_nothing_of_the_node() -> None:
    answer = refusal("the cluster user or password is not that of this node")
    assert answer.word is Word.REFUSED
    assert answer.claim == Claim(role=Role.WAITING)
    assert answer.proof == NO_PROOF
    assert ACCEPTOR.incarnation not in encode(answer)
    assert not answer_is_proven(KEY, CHALLENGE, hello(), answer)


def test_a_digest_that_is_shown_to_strangers_tells_them_nothing_without_the_key() -> None:
    digest = b"\x01" * 32
    shown = sealed(KEY, digest)
    assert shown == sealed(KEY, digest) != digest
    assert shown != sealed(cluster_key("other", "secret"), digest)
