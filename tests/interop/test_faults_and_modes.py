"""Pairs of real Artemis under load: each fault once and each mode once. Each pair of them, ten times: tests/campaign/test_matrix.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.artemis_pair import ArtemisPair, PairKind
from tests.interop.matrix import Fault, Mode, run

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=PairKind, ids=lambda kind: kind.value)
def pair(request: pytest.FixtureRequest, java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArtemisPair]:
    """Whole, for all faults of its kind."""
    with ArtemisPair(tmp_path_factory.mktemp(request.param.value), request.param) as pair:
        yield pair


@pytest.mark.parametrize(
    ("pair", "fault", "modes"),
    [
        (PairKind.REPLICATED, Fault.CUT, (Mode.AUTO_COMMIT_WINDOW, Mode.TRANSACTED_WINDOW, Mode.XA_WINDOW)),
        (PairKind.REPLICATED, Fault.KILL, (Mode.EXACTLY_ONCE, Mode.XA)),
        (PairKind.SHARED_STORE, Fault.SHUTDOWN, (Mode.TRANSACTED,)),
        (PairKind.SHARED_STORE, Fault.FAILBACK, (Mode.AUTO_COMMIT,)),
    ],
    ids=["network cut", "kill -9", "planned shutdown", "failback"],
    indirect=["pair"],
)
def test_nothing_happened_that_must_not(pair: ArtemisPair, fault: Fault, modes: tuple[Mode, ...]) -> None:
    cells = run(pair, "CI", fault, modes, 1)
    assert [cell.wrong for cell in cells.values() if cell.wrong] == []
