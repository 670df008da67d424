"""Our broker killed under our clients and started again on its journal: what was confirmed is there, what was settled is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.client_traffic import errors, kill

from corewire_server.demo.broker import BrokerProcess
from corewire_server.demo.traffic import World

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
ROUNDS = 3  # all twenty: tests/campaign
#: Sessions are gone with the broker: what was under way on them is told so.
ALLOWED = {"Unblocked", "TransactionRolledBack", "TransactionOutcomeUnknown"}


def test_what_was_confirmed_is_there_and_what_was_settled_is_gone(tmp_path: Path) -> None:
    """Without ids nothing is sent again, so that a send that raised may be there once, or not."""
    for traffic in kill(BrokerProcess(tmp_path / "data"), ROUNDS, with_ids=[World.ASYNCIO, World.BLOCKING]):
        assert not [broken for ledger in traffic.ledgers for broken in ledger.broken]
        assert set(errors(traffic)) <= ALLOWED
        assert traffic.recreated_sessions
