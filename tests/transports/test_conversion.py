"""Every world has the same tests, apart from a listed few."""

from __future__ import annotations

import pytest
from tests.transports.conversion import FOLDER, WORLDS, load_tests

FILES = sorted(FOLDER.glob("test_*.py"))

#: Tests that need somebody who runs at the same time: there is nobody in the blocking world.
NOT_IN_BLOCKING: dict[str, set[str]] = {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_world_has_the_same_tests(path: object) -> None:
    assert path in FILES
    found = {}
    for world in WORLDS:
        tests = vars(load_tests(FILES[FILES.index(path)], world))  # type: ignore[arg-type]
        found[world] = {name for name, value in tests.items() if name.startswith("test_") and value is not None}
    assert found["asyncio"] == found["trio"] == found["threads"]
    assert found["asyncio"] - found["blocking"] == NOT_IN_BLOCKING.get(FILES[FILES.index(path)].stem, set())  # type: ignore[arg-type]
