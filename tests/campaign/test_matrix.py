"""
Pairs of real Artemis, each fault under load in every mode: ``make campaign``. One line per cell is printed with ``-s``.

CAMPAIGN_FAULTS says how often each fault comes; 10 if it is not set, which takes some twenty minutes on two cores.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.interop.artemis_pair import ArtemisPair, PairKind
from tests.interop.matrix import Cell, Fault, Mode, run

if TYPE_CHECKING:
    from collections.abc import Iterator

FAULTS = int(os.environ.get("CAMPAIGN_FAULTS", "10"))


@pytest.fixture(scope="session", params=PairKind, ids=lambda kind: kind.value)  # so all faults of a pair come in a row
def pair(
    request: pytest.FixtureRequest, java: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ArtemisPair, PairKind]]:
    """Whole, for all faults of its kind."""
    kind: PairKind = request.param
    with ArtemisPair(tmp_path_factory.mktemp(kind.value), kind) as pair:
        yield pair, kind


@pytest.fixture(scope="module", params=Fault, ids=lambda fault: fault.value)
def cells(request: pytest.FixtureRequest, pair: tuple[ArtemisPair, PairKind]) -> dict[Mode, Cell]:
    """Of one fault: all modes are under load at the same time."""
    broken, kind = pair
    return run(broken, kind.value, request.param, Mode, FAULTS)


@pytest.mark.parametrize("mode", Mode, ids=lambda mode: mode.words)
def test_nothing_happened_that_must_not(cells: dict[Mode, Cell], mode: Mode) -> None:
    assert cells[mode].wrong == []
