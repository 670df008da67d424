"""Which nodes a pair's URL names, and where the other options come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from corewire_server.cli.pair_options import NodeAddress, Pair, read_nodes
from corewire_server.cli.report import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("url", "nodes"),
    [
        ("tcp://one:1", [("one", 1, 101)]),
        ("tcp://one", [("one", 61616, 61716)]),
        ("one:7", [("one", 7, 107)]),
        ("tcp://one:1?link=5", [("one", 1, 5)]),
        ("tcp://one:1,tcp://two:2?link=9", [("one", 1, 101), ("two", 2, 9)]),
        ("(tcp://one:1?link=4,tcp://two:2)?ha=true;link=9", [("one", 1, 4), ("two", 2, 9)]),
        ("tcp://one:1?resilient=true#tcp://two:2", [("one", 1, 101), ("two", 2, 102)]),
        ("tcp://[::1]:1", [("::1", 1, 101)]),
    ],
)
def test_nodes_of_a_url(url: str, nodes: list[tuple[str, int, int]]) -> None:
    assert read_nodes(url) == [NodeAddress(*node) for node in nodes]


@pytest.mark.parametrize(
    "url", ["", "udp://231.7.7.7:9876", "tcp://", "tcp://a:x", "tcp://a:65500", "tcp://a:1?link=x", "tcp://a:1?link=0"]
)
def test_url_that_names_no_node_is_wrong_usage(url: str) -> None:
    with pytest.raises(UsageError):
        read_nodes(url)


def test_address_is_told_as_a_url() -> None:
    assert str(NodeAddress("::1", 5, 105)) == "tcp://[::1]:5"


def test_options_come_from_a_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contexts = tmp_path / "contexts.toml"
    contexts.write_text('[prod]\nurl = "tcp://one:1"\nuser = "ann"\ncluster_user = "cluster"\n')
    monkeypatch.setattr("corewire_server.cli.options.CONTEXTS", contexts)
    filled = Pair(context="prod", timeout="9s").filled()
    assert (filled.nodes(), filled.cluster_user, filled.timeout_s) == ([NodeAddress("one", 1, 101)], "cluster", 9.0)


def test_operator_is_made_of_the_options(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret\n")
    operator = Pair(cluster_user="pair", cluster_password_file=str(secret), timeout="2s").operator(5)
    assert (operator.user, operator.password, operator.timeout_s) == ("pair", "secret", 2.0)
    assert Pair().operator(5).timeout_s == 5.0
    with pytest.raises(UsageError, match="--timeout"):
        Pair(timeout="soon").operator(5)
