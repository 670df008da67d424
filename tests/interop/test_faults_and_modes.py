"""Pairs of real Artemis under load: each fault once and each mode once. Each pair of them, ten times: tests/campaign/test_matrix.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.artemis_pair import ArtemisPair, PairKind
from tests.interop.matrix import Fault, Mode, run

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="class")
def pair(request: pytest.FixtureRequest, java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArtemisPair]:
    """Of the kind that the class says, whole, for all its faults."""
    kind: PairKind = request.param
    with ArtemisPair(tmp_path_factory.mktemp("pair"), kind) as pair:
        yield pair


def see_that_nothing_happened_that_must_not(pair: ArtemisPair, fault: Fault, *modes: Mode) -> None:
    cells = run(pair, "CI", fault, modes, 1)
    assert [cell.wrong for cell in cells.values() if cell.wrong] == []


@pytest.mark.parametrize("pair", [PairKind.REPLICATED], indirect=True, ids=["a pair"])
class TestReplication:
    def test_network_cut(self, pair: ArtemisPair) -> None:
        modes = (Mode.AUTO_COMMIT_WINDOW, Mode.TRANSACTED_WINDOW, Mode.XA_WINDOW)
        see_that_nothing_happened_that_must_not(pair, Fault.CUT, *modes)

    def test_kill(self, pair: ArtemisPair) -> None:
        see_that_nothing_happened_that_must_not(pair, Fault.KILL, Mode.EXACTLY_ONCE, Mode.XA)


@pytest.mark.parametrize("pair", [PairKind.SHARED_STORE], indirect=True, ids=["a pair"])
class TestSharedStore:
    def test_planned_shutdown(self, pair: ArtemisPair) -> None:
        see_that_nothing_happened_that_must_not(pair, Fault.SHUTDOWN, Mode.TRANSACTED)

    def test_failback(self, pair: ArtemisPair) -> None:
        see_that_nothing_happened_that_must_not(pair, Fault.FAILBACK, Mode.AUTO_COMMIT)
