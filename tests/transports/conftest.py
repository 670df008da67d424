"""One broker for all, and one set of tests for all worlds: what lies in ``worlds/`` is written for anyio and run in every world."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.transports.conversion import WORLDS, load_tests

from corewire_server import BrokerConfig, serve
from corewire_server.proxy import Proxy
from corewire_transports import _sockets
from corewire_transports.anyio import _driver as anyio_driver
from corewire_transports.anyio import _link as anyio_link
from corewire_transports.blocking import _driver as blocking_driver
from corewire_transports.threads import _driver as threads_driver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corewire_server import Node

FOLDER = "worlds"


class WorldModule(pytest.Module):
    """The tests of one file, in one world."""

    world: str

    def _getobj(self) -> Any:
        return load_tests(self.path, self.world)


class Worlds(pytest.File):
    """One file, as often as there are worlds."""

    def collect(self) -> Iterator[pytest.Module]:
        for world in WORLDS:
            module = WorldModule.from_parent(self, path=self.path, name=world, nodeid=f"{self.nodeid}::{world}")
            module.world = world
            yield module


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> Any:
    if module_path.parent.name == FOLDER and module_path.name.startswith("test_"):
        return Worlds.from_parent(parent, path=module_path)
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here talks over loopback."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """A broker that keeps nothing."""
    with serve(BrokerConfig.for_tests()) as node:
        yield node


@pytest.fixture
def url(node: Node) -> str:
    return node.url


@pytest.fixture
def no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links that are given up have a minute for their rest: who waits for that, though nothing is left, is seen on any machine."""
    for module in (_sockets, anyio_driver, anyio_link, blocking_driver, threads_driver):
        monkeypatch.setattr(module, "LINGER_S", 60.0)


_numbers = itertools.count(1)


@pytest.fixture
def queue() -> str:
    """The name of a queue that no other test uses."""
    return f"queue-{next(_numbers)}"


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    """Between clients and the broker."""
    host, _, port = url.removeprefix("tcp://").rpartition(":")
    with Proxy((host, int(port))) as proxy:
        yield proxy


@pytest.fixture
def proxied(proxy: Proxy) -> str:
    """The broker's URL through the proxy."""
    return f"tcp://{proxy.host}:{proxy.port}"
