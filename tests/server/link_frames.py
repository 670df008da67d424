"""Strategies for frames of the replication link, shared by the tests of its codec and its proofs."""

from __future__ import annotations

from hypothesis import strategies as st

from corewire_server.records import Standing
from corewire_server.replication import link

numbers = st.integers(0, 2**64 - 1)
ids = st.binary(min_size=link.ID_BYTES, max_size=link.ID_BYTES)
nonces = st.binary(min_size=link.NONCE_BYTES, max_size=link.NONCE_BYTES)
proofs = st.binary(min_size=link.PROOF_BYTES, max_size=link.PROOF_BYTES)
texts = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), max_size=60)
digests = st.binary(max_size=16)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=8), json_values, max_size=4)

claims = st.builds(
    link.Claim,
    role=st.sampled_from(link.Role),
    folder=ids,
    incarnation=ids,
    node_id=texts,
    epoch=numbers,
    standing=st.none() | st.sampled_from(Standing),
    place=numbers,
    last_input=numbers,
    machine=st.binary(max_size=40),
    client_address=texts,
    link_address=texts,
)
challenges = st.builds(link.Challenge, nonces)
hellos = st.builds(link.Hello, nonces, claims, proofs)
answers = st.builds(link.Answer, st.sampled_from(link.Word), claims, numbers, texts, proofs)
unproven = st.one_of(challenges, hellos, answers)
proven = st.one_of(
    st.builds(link.SnapshotBegin, numbers, numbers, ids, numbers),
    st.builds(link.SnapshotSlice, st.binary(max_size=200)),
    st.builds(link.SnapshotEnd, digests),
    st.builds(link.Inputs, numbers, st.lists(st.binary(max_size=40), max_size=8)),
    st.builds(link.Told, numbers, numbers),
    st.builds(link.HeartBeat, numbers, numbers),
    st.builds(link.HandOver, numbers),
    st.builds(link.Ack, numbers, numbers, numbers, numbers, numbers, numbers, digests),
    st.builds(link.Command, texts, objects),
    st.builds(link.Report, objects),
)
frames = st.one_of(unproven, proven)
