"""What a node decides about its peer: each rule as a table, and what must hold for all pictures that two nodes can have."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from corewire_server.ha._states import Role
from corewire_server.ha.roles import SPOKEN, Decision, Do, View, Waits, answer, ends_link, is_third, use, use_refusal
from corewire_server.records import Standing
from corewire_server.replication.link import Claim, Word
from corewire_server.replication.link import Role as Spoken

OURS, THEIRS, LATER = bytes(16), b"\x01" * 16, b"\x02" * 16  # incarnations; also of folders
STANDINGS = (None, *Standing)
ALONE, IN_STEP, JOINING = Standing.ALONE, Standing.IN_STEP, Standing.JOINING


def claim(role: Spoken, **values: Any) -> Claim:
    return Claim(**{"role": role, "folder": THEIRS, "incarnation": THEIRS, **values})


def view(role: Role, mine: dict[str, Any] | None = None, **values: Any) -> View:
    own = Claim(**{"role": SPOKEN[role], "folder": OURS, "incarnation": OURS, **(mine or {})})
    known = {"peer": THEIRS, "peer_folder": THEIRS} if role not in (Role.WAITING, Role.STOPPED) else {}
    return View(**{"role": role, "claim": own, "first": True, **known, **values})


def backup(**values: Any) -> View:
    mine = {"epoch": 2, "place": 1, "standing": IN_STEP}
    return view(Role.BACKUP, mine, **{"leased": True, "ended": True, **values})


def primary(waits: Waits, **values: Any) -> View:
    standing = IN_STEP if waits >= Waits.PLACED else ALONE
    return view(Role.PRIMARY, {"epoch": 2, "place": 1, "standing": standing}, waits=waits, **values)


# -- (c)


@pytest.mark.parametrize("missing", ["leased", "ended", None])
def test_backup_serves_by_refusal_only_in_step_and_when_the_other_side_ended_the_link(missing: str | None) -> None:
    me = backup() if missing is None else backup(**{missing: False})
    assert use_refusal(me) is (Do.SERVE if missing is None else Do.NOTHING)


def test_refusal_means_nothing_while_the_link_stands() -> None:
    assert use_refusal(backup(linked=True)) is Do.NOTHING
    assert use_refusal(primary(Waits.TOLD, linked=True)) is Do.NOTHING


@pytest.mark.parametrize(
    ("folder", "incarnation", "epoch", "leased", "do"),
    [
        (THEIRS, LATER, 2, True, Do.SERVE),
        (THEIRS, LATER, 2, False, Do.NOTHING),
        (THEIRS, THEIRS, 2, True, Do.NOTHING),  # the same process: it lives
        (LATER, LATER, 2, True, Do.NOTHING),  # of another data folder: says nothing of the primary
        (THEIRS, LATER, 4, True, Do.NOTHING),  # knows of a later service
    ],
)
def test_backup_serves_when_another_incarnation_claims_nothing(
    folder: bytes, incarnation: bytes, epoch: int, leased: bool, do: Do
) -> None:
    other = claim(Spoken.WAITING, folder=folder, incarnation=incarnation, epoch=epoch, standing=JOINING)
    assert use(backup(leased=leased), Word.OTHER, other) is do


def test_place_outlives_the_lease_if_the_primarys_record_still_has_it() -> None:
    same = claim(Spoken.WAITING, incarnation=LATER, epoch=2, place=1, standing=IN_STEP)
    older = claim(Spoken.WAITING, incarnation=LATER, epoch=2, place=2, standing=IN_STEP)
    assert use(backup(leased=False), Word.OTHER, same) is Do.SERVE
    assert use(backup(leased=False), Word.OTHER, older) is Do.NOTHING
    assert answer(backup(leased=False), same) == Decision(Do.SERVE, Word.JOIN)
    assert answer(backup(leased=False), older) == Decision(Do.NOTHING, Word.WAIT)


# -- (e)


@pytest.mark.parametrize(
    ("standing", "epoch", "leased", "expected"),
    [
        (ALONE, 2, True, Decision(Do.JOIN, Word.GO)),
        (ALONE, 4, False, Decision(Do.JOIN, Word.GO)),
        (IN_STEP, 4, True, Decision(Do.JOIN, Word.GO)),
        (IN_STEP, 2, True, Decision(Do.SERVE, Word.JOIN)),
        (JOINING, 2, True, Decision(Do.SERVE, Word.JOIN)),
        (None, 0, True, Decision(Do.SERVE, Word.JOIN)),
        (JOINING, 2, False, Decision(Do.NOTHING, Word.WAIT)),
        (None, 0, False, Decision(Do.NOTHING, Word.WAIT)),
    ],
)
def test_backup_settles_its_place_before_it_answers_its_primary_that_was_restarted(
    standing: Standing | None, epoch: int, leased: bool, expected: Decision
) -> None:
    asker = claim(Spoken.WAITING, incarnation=LATER, standing=standing, epoch=epoch)
    assert answer(backup(leased=leased), asker) == expected


def test_hello_of_another_incarnation_ends_the_link_unread() -> None:
    later = claim(Spoken.WAITING, incarnation=LATER)
    assert ends_link(backup(linked=True), later)
    assert not ends_link(backup(linked=True), claim(Spoken.PRIMARY))
    assert not ends_link(backup(linked=True), claim(Spoken.WAITING, incarnation=LATER, folder=LATER))
    assert ends_link(view(Role.JOINING, linked=True), later)


# -- (b)


@pytest.mark.parametrize("waits", Waits)
def test_primary_goes_on_without_its_backup_only_by_proof(waits: Waits) -> None:
    placed = waits >= Waits.PLACED
    assert use_refusal(primary(waits)) is (Do.GO_ALONE if placed else Do.NOTHING)
    later, same = claim(Spoken.WAITING, incarnation=LATER), claim(Spoken.BACKUP, epoch=2, place=1)
    assert use(primary(waits), Word.WAIT, later) is (Do.GO_ALONE if placed else Do.NOTHING)
    assert use(primary(waits), Word.HERE, same) is Do.NOTHING
    left = claim(Spoken.JOINING, epoch=2)  # the same process says that it gave its place up
    assert use(primary(waits), Word.WAIT, left) is (Do.GO_ALONE if placed else Do.NOTHING)


@pytest.mark.parametrize("waits", Waits)
def test_backup_that_is_back_goes_on_if_it_still_has_its_place(waits: Waits) -> None:
    placed = waits >= Waits.PLACED
    same = claim(Spoken.BACKUP, epoch=2, place=1)
    assert answer(primary(waits), same).word is (Word.LINK if placed else Word.JOIN)
    for change in ({"epoch": 1}, {"place": 3}, {"incarnation": LATER}):
        assert answer(primary(waits), claim(Spoken.BACKUP, **{"epoch": 2, "place": 1, **change})).do is Do.NOTHING


@pytest.mark.parametrize(
    ("waits", "incarnation", "expected"),
    [
        (Waits.ALONE, THEIRS, Decision(Do.TAKE_IN, Word.LINK)),
        (Waits.ALONE, LATER, Decision(Do.TAKE_IN, Word.LINK)),
        (Waits.CRITICAL, THEIRS, Decision(Do.GIVE_UP_JOIN, Word.WAIT)),
        (Waits.CRITICAL, LATER, Decision(Do.GIVE_UP_JOIN, Word.WAIT)),
        (Waits.PLACED, THEIRS, Decision(Do.GO_ALONE, Word.WAIT)),
        (Waits.TOLD, LATER, Decision(Do.GO_ALONE, Word.WAIT)),
    ],
)
def test_joiner_is_taken_in_when_nobody_is_waited_for(waits: Waits, incarnation: bytes, expected: Decision) -> None:
    assert answer(primary(waits), claim(Spoken.JOINING, incarnation=incarnation, epoch=2)) == expected


# -- two primaries


def test_of_two_primaries_the_lower_epoch_stops() -> None:
    higher = claim(Spoken.PRIMARY, epoch=3, standing=ALONE)
    assert answer(primary(Waits.ALONE), higher) == Decision(Do.JOIN, Word.WAIT)
    assert use(primary(Waits.TOLD), Word.FENCE, higher) is Do.JOIN
    lower = claim(Spoken.PRIMARY, epoch=1, standing=ALONE)
    assert answer(primary(Waits.ALONE), lower) == Decision(Do.NOTHING, Word.FENCE)
    assert use(primary(Waits.ALONE), Word.WAIT, lower) is Do.NOTHING


def test_data_that_counts_for_nothing_supersedes_nobody() -> None:
    for role, standing in ((Spoken.JOINING, ALONE), (Spoken.WAITING, JOINING), (Spoken.WAITING, None)):
        assert answer(primary(Waits.ALONE), claim(role, epoch=9, standing=standing)).do is not Do.JOIN


# -- handing over


def handing_over(**values: Any) -> View:
    return view(Role.HANDING_OVER, {"epoch": 2, "place": 1, "standing": IN_STEP}, waits=Waits.TOLD, **values)


def test_who_told_its_heir_to_serve_goes_on_only_by_proof_that_it_never_did() -> None:
    assert use_refusal(handing_over(fresh=True)) is Do.GO_ALONE
    assert use_refusal(handing_over(fresh=False)) is Do.NOTHING  # it may have served, and died since
    assert use_refusal(handing_over(fresh=True, linked=True)) is Do.NOTHING
    restarted = claim(Spoken.WAITING, incarnation=LATER, epoch=2, place=1, standing=IN_STEP)
    assert use(handing_over(), Word.WAIT, restarted) is Do.GO_ALONE
    assert answer(handing_over(), restarted) == Decision(Do.GO_ALONE, Word.WAIT)
    served = claim(Spoken.WAITING, incarnation=LATER, epoch=3, standing=ALONE)
    assert use(handing_over(), Word.WAIT, served) is Do.JOIN
    assert answer(handing_over(), served).do is Do.JOIN
    same = claim(Spoken.BACKUP, epoch=2, place=1)
    assert answer(handing_over(), same) == Decision(Do.RESUME, Word.LINK)
    assert use(handing_over(), Word.HERE, same) is Do.NOTHING


# -- (d)


def waiting(standing: Standing | None, epoch: int, last: int, *, first: bool) -> View:
    mine = {"standing": standing, "epoch": epoch, "last_input": last}
    return view(Role.WAITING, mine, first=first)


RECORDS = [(None, 0, 0), *((standing, epoch, last) for standing in Standing for epoch in (2, 3) for last in (5, 6))]


@pytest.mark.parametrize(("one", "two"), [*product(RECORDS, RECORDS)])
def test_of_two_restarted_nodes_at_most_one_serves_whoever_asks(one: Any, two: Any) -> None:
    a, b = waiting(*one, first=True), waiting(*two, first=False)
    served = set[str]()
    for asked, asker, names in ((a, b, "ab"), (b, a, "ba")):
        decision = answer(asked, asker.claim)
        if decision.do is Do.SERVE:
            served.add(names[0])
        elif use(asker, decision.word, asked.claim) is Do.SERVE:
            served.add(names[1])
    assert len(served) <= 1
    standings = {one[0], two[0]}
    if standings & {ALONE}:
        assert served, "data that needs nobody's word is served"
    if standings == {IN_STEP}:
        assert served
    if standings <= {None, JOINING} and standings != {None}:
        assert not served
    if standings == {None, IN_STEP}:
        assert not served, "what the empty one lost may be newer"
    if standings == {None}:
        assert served == {"a"}


@pytest.mark.parametrize("standing", STANDINGS)
def test_refused_at_the_start_only_who_was_alone_serves(standing: Standing | None) -> None:
    assert use_refusal(waiting(standing, 2, 5, first=True)) is (Do.SERVE if standing is ALONE else Do.NOTHING)


def test_who_was_alone_and_has_heard_of_a_higher_epoch_serves_neither_by_a_refusal_nor_by_an_empty_nodes_word() -> None:
    me = replace(waiting(ALONE, 2, 5, first=True), warned=True)
    assert use_refusal(me) is Do.NOTHING
    empty = claim(Spoken.WAITING, standing=None)
    assert answer(me, empty) == Decision(Do.NOTHING, Word.WAIT)
    assert use(me, Word.GO, empty) is Do.NOTHING
    assert answer(me, claim(Spoken.WAITING, standing=ALONE, epoch=3)) == Decision(Do.NOTHING, Word.GO)
    assert use(me, Word.JOIN, claim(Spoken.PRIMARY, standing=ALONE, epoch=5)) is Do.JOIN


@pytest.mark.parametrize(
    ("answered_by", "folder", "takes"),
    [
        (THEIRS, LATER, False),  # who joins is where we dial
        (b"", LATER, False),  # nobody is: the first one keeps the link
        (LATER, LATER, True),  # the other one is
        (THEIRS, THEIRS, True),  # it was restarted
    ],
)
def test_who_joins_keeps_its_link_unless_another_one_is_where_we_dial(
    answered_by: bytes, folder: bytes, takes: bool
) -> None:
    me = primary(Waits.ALONE, linked=True, answered_by=answered_by)
    asks = claim(Spoken.JOINING, incarnation=LATER, folder=folder)
    assert (answer(me, asks).do is Do.TAKE_IN) is takes
    assert is_third(me, asks) is not takes
    assert answer(replace(me, linked=False), asks).do is Do.TAKE_IN


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.WAITING, Role.BACKUP)])
@pytest.mark.parametrize("asker", [Spoken.WAITING, Spoken.JOINING, Spoken.BACKUP, Spoken.PRIMARY])
def test_nobody_begins_to_serve_but_who_waits_or_is_the_backup(role: Role, asker: Spoken) -> None:
    me = view(role, {"epoch": 2, "standing": IN_STEP, "place": 1}, leased=True, ended=True)
    for standing, incarnation, word in product(STANDINGS, (THEIRS, LATER), Word):
        other = claim(asker, standing=standing, incarnation=incarnation, epoch=2, place=1)
        assert answer(me, other).do is not Do.SERVE
        assert use(me, word, other) is not Do.SERVE
    assert use_refusal(me) is not Do.SERVE
