"""Every role and every move: made as the table of ``ha/_states.py`` says, or refused."""

from __future__ import annotations

import pytest

from corewire_server.ha._states import ROLES, IllegalMove, Move, Role, advance


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("move", Move)
def test_move_is_made_or_refused(role: Role, move: Move) -> None:
    if (role, move) in ROLES:
        assert advance(role, move) is ROLES[role, move]
    else:
        with pytest.raises(IllegalMove, match=f"cannot {move.value} while {role.value}"):
            advance(role, move)


def test_every_role_can_be_reached_and_every_move_made() -> None:
    reached = {Role.WAITING}
    while more := {after for (before, _), after in ROLES.items() if before in reached} - reached:
        reached |= more
    assert reached == set(Role)
    assert {move for _, move in ROLES} == set(Move)


def test_who_joins_never_serves_before_it_was_told_that_it_is_in_step() -> None:
    """Neither an operator nor an arbiter makes data whole."""
    assert {after for (before, move), after in ROLES.items() if before is Role.JOINING and move is not Move.TOLD} == {
        Role.JOINING,
        Role.STOPPED,
    }


def test_who_told_its_heir_to_serve_serves_again_only_by_proof_or_by_an_arbiter() -> None:
    moves = {move for (before, move), after in ROLES.items() if (before, after) == (Role.HANDING_OVER, Role.PRIMARY)}
    assert moves == {Move.GO_ON, Move.GRANT}


def test_the_arbiters_word_has_a_place_in_every_role() -> None:
    assert {role for role, move in ROLES if move is Move.GRANT} == set(Role)
    assert {role for role, move in ROLES if move is Move.REVOKE} == set(Role)
    assert Role.PRIMARY not in {after for (_, move), after in ROLES.items() if move is Move.REVOKE}


def test_stopped_is_the_end() -> None:
    assert {after for (before, _), after in ROLES.items() if before is Role.STOPPED} == {Role.STOPPED}
