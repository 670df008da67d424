"""Real peers as fixtures: started once, shared by all tests of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.interop.artemis import Artemis
from tests.interop.ours import OurBroker
from tests.interop.peers import artemis_home, missing_tools

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
KEEPER = "keeper"  # a user of the guarded broker, and his password


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="session")
def java() -> None:
    """What needs Java and Maven is skipped without them (an error where CI=true, see ``tests/conftest.py``)."""
    if missing := missing_tools():
        pytest.skip(f"not on the path: {', '.join(missing)}")
    artemis_home()


@pytest.fixture(scope="session")
def artemis(java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Artemis]:
    """A real broker that accepts anybody."""
    broker = Artemis(tmp_path_factory.mktemp("artemis") / "single")
    broker.create()
    with broker.running():
        yield broker


@pytest.fixture(scope="session")
def guarded(java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Artemis]:
    """A broker with two users, of which one may make the address of the receipts."""
    broker = Artemis(tmp_path_factory.mktemp("guarded") / "broker", "guarded")
    broker.create()
    for name, line in (("users", f"{KEEPER} = {KEEPER}"), ("roles", f"keepers = {KEEPER}")):
        with (broker.folder / "etc" / f"artemis-{name}.properties").open("a") as file:
            file.write(f"\n{line}\n")
    with broker.running():
        yield broker


@pytest.fixture
def our_broker(tmp_path: Path) -> Iterator[OurBroker]:
    """``corewire run`` on an empty folder."""
    with OurBroker(tmp_path / "ours") as broker:
        yield broker
        assert "Traceback" not in broker.log
