"""A data folder that was a pair's: a node serves it alone only if nobody can have gone on without it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.server.test_service_pair import configs, pair, until

from corewire_server.records import Mark, Standing
from corewire_server.runtime.data_folder import is_aside, journal_of, why_not_alone
from corewire_server.runtime.pair_service import PairService
from corewire_server.runtime.service import NodeFailed, NodeState, Service

if TYPE_CHECKING:
    from pathlib import Path

    from corewire_server.config import BrokerConfig

pytestmark = [pytest.mark.interop, pytest.mark.anyio]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def alone(config: BrokerConfig) -> Service:
    return Service(replace(config, ha_policy=None))


async def stopped_in_order(folder: Path) -> list[BrokerConfig]:
    """The folders of a pair whose backup was stopped first."""
    one, two = configs(folder)
    async with pair(PairService(one), PairService(two)) as (first, second):
        await until(lambda: first.service.status is not None and first.service.status.in_step)
        await second.stop()
        await until(lambda: first.service.status is not None and first.service.status.standing == "alone")
    return [one, two]


def test_record_decides_whether_a_node_may_serve_without_asking() -> None:
    assert why_not_alone(None) is None
    assert why_not_alone(Mark(Standing.ALONE, 4, 0)) is None
    for standing, hint in ((Standing.IN_STEP, "corewire cluster failover"), (Standing.JOINING, "--peer URL")):
        refused = why_not_alone(Mark(standing, 4, 1))
        assert refused is not None
        assert "epoch 4" in refused[0]
        assert hint in refused[1]


async def test_node_started_without_its_peer_does_not_serve_what_is_not_the_newest(tmp_path: Path) -> None:
    one, two = await stopped_in_order(tmp_path)
    assert two.data is not None
    with pytest.raises(NodeFailed, match=r"in step in epoch 2[^\n]*\n.*cluster failover") as refused:
        await alone(two).start()
    assert str(two.data / "journal") in str(refused.value)
    service = alone(one)
    await service.start()
    assert (service.state, service.epoch) == (NodeState.ACTIVE, 3)
    service.end()
    await service.run()


async def test_what_was_set_aside_is_named_at_the_start_and_can_be_looked_into(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = await stopped_in_order(tmp_path)
    assert one.data is not None
    assert two.data is not None
    aside = one.data / "aside-1"
    (two.data / "journal").rename(aside)
    with caplog.at_level(logging.WARNING):
        service = alone(one)
        await service.start()
    assert f"corewire run --data {aside}" in caplog.text
    service.end()
    await service.run()
    assert not is_aside(one.data)
    assert journal_of(aside) == aside
    with pytest.raises(NodeFailed, match="was set aside"):
        await PairService(replace(one, data=aside)).start()
    service = alone(replace(one, data=aside))
    await service.start()
    assert (service.state, service.epoch) == (NodeState.ACTIVE, 3)
    service.end()
    await service.run()


def test_folder_that_is_only_called_like_an_aside_is_a_data_folder(tmp_path: Path) -> None:
    folder = tmp_path / "aside-work"
    assert journal_of(folder) == folder / "journal"
    (folder / "journal").mkdir(parents=True)
    assert journal_of(folder) == folder / "journal"
