"""Plays for the client (`client_play`): those that coverage-guided fuzzing found worth keeping, and changes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz.client_play import Play
from tests.fuzz.seeds import seeds

#: One play a line, in hex: a small set that reaches what `make fuzz` reached in ten minutes.
KEPT = [bytes.fromhex(line) for line in (Path(__file__).parent / "plays.txt").read_text().split()]

SOME = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
def test_kept_plays_end_well() -> None:
    for play in KEPT + seeds():
        Play(play).run()


@SOME
@given(play=st.sampled_from(KEPT), at=st.integers(0, 400), change=st.binary(min_size=1, max_size=8), cut=st.booleans())
def test_changed_plays_end_well(play: bytes, at: int, change: bytes, cut: bool) -> None:
    at %= len(play)
    Play(play[:at] + change + (play[at:] if cut else play[at + len(change) :])).run()


@SOME
@given(st.lists(st.sampled_from(KEPT), min_size=2, max_size=3))
def test_plays_in_a_row_end_well(plays: list[bytes]) -> None:
    Play(b"".join(plays)).run()
