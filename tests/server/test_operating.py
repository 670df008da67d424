"""What a node does about an operator's orders: only what cannot make two nodes serve, as far as it can know."""

from __future__ import annotations

from typing import Any

import pytest
from tests.server.link_node import status

from corewire_server.ha._states import ROLES, Move, Role
from corewire_server.node.operating import Wish, consider
from corewire_server.node.status import PeerStatus
from corewire_server.replication.link import PREAMBLE, Command, LinkReader, encode

LOST = {"in_step": False, "lease_age_ms": 60_000}


def test_every_node_shows_itself() -> None:
    for one in (status("primary", 2), status("waiting", 2, **LOST, peer=None), status("joining", 0, standing=None)):
        wish, report = consider(Command("show", {}), one)
        assert wish is Wish.NOTHING
        assert report.content["ok"] is True
        assert report.content["status"]["role"] == one.role
        reader = LinkReader()
        reader.trust()
        assert list(reader.feed(PREAMBLE + encode(report))) == [report]


def test_primary_with_a_backup_in_step_hands_over() -> None:
    wish, report = consider(Command("switch", {}), status("primary", 2))
    assert wish is Wish.SWITCH
    assert report.content["ok"] is True


@pytest.mark.parametrize(
    ("role", "more", "reason"),
    [
        ("primary", {"in_step": False}, "not in step"),
        ("primary", {"peer": None}, "no peer"),
        ("backup", {}, "does not serve"),
        ("waiting", LOST, "does not serve"),
    ],
)
def test_nobody_else_hands_over(role: str, more: dict[str, Any], reason: str) -> None:
    wish, report = consider(Command("switch", {}), status(role, 2, **more))
    assert wish is Wish.NOTHING
    assert report.content["ok"] is False
    assert reason in report.content["said"]


def test_a_backup_names_its_primary_and_the_command_for_it() -> None:
    peer = PeerStatus(role="primary", epoch=2, client_address="one.example:61616", link_address="one.example:61716")
    _, report = consider(Command("switch", {}), status("backup", 2, peer=peer))
    assert report.content["said"] == (
        "it does not serve, it is backup: order its primary to hand over: "
        'corewire cluster switch --url "tcp://one.example:61616?link=61716"'
    )


def test_every_role_that_may_be_ordered_to_serve_has_a_way_to() -> None:
    for role in Role:
        wish, _ = consider(Command("failover", {}), status(role.value, 2, **LOST))
        assert (wish is Wish.FAILOVER) is ((role, Move.SERVE) in ROLES), role


@pytest.mark.parametrize("role", ["backup", "waiting"])
def test_node_that_lost_its_primary_takes_over_by_order(role: str) -> None:
    wish, report = consider(Command("failover", {}), status(role, 2, **LOST))
    assert wish is Wish.FAILOVER
    assert report.content["ok"] is True


@pytest.mark.parametrize(
    ("role", "more", "reason"),
    [
        ("primary", {}, "serves already"),
        ("backup", {"lease_age_ms": 250}, "answered 250 ms ago"),
        ("handing over", LOST, "hands over"),
        ("stopped", LOST, "being stopped"),
        ("joining", LOST, "not whole"),
        ("waiting", {**LOST, "standing": "joining"}, "not whole"),
        ("waiting", {**LOST, "standing": None}, "empty"),
        ("waiting", {**LOST, "peer": None}, "no peer"),
    ],
)
def test_nobody_takes_over_whose_data_may_not_be_served(role: str, more: dict[str, Any], reason: str) -> None:
    wish, report = consider(Command("failover", {}), status(role, 2, **more))
    assert wish is Wish.NOTHING
    assert reason in report.content["said"]


def test_unknown_command_is_named() -> None:
    wish, report = consider(Command("explode", {}), status("primary", 2))
    assert wish is Wish.NOTHING
    assert "explode" in report.content["said"]
