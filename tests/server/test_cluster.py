"""``corewire cluster``: rows that are true of both nodes, orders that reach the right one, exit codes for scripts."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.interop.ports import free_port
from tests.server.link_node import LinkNode, status
from tests.server.pairs import Pair as Nodes

from corewire_server.cli import cluster, main
from corewire_server.cli.pair_options import NodeAddress, Pair, read_nodes
from corewire_server.node.operating import Wish

if TYPE_CHECKING:
    from collections.abc import Iterator

LOST = {"in_step": False, "lease_age_ms": 65_000, "input_age_ms": 65_100, "last_input": 900}
WAITS = {**LOST, "waits_for": "the node of epoch 2 to answer or to refuse"}


@pytest.fixture
def pair() -> Iterator[tuple[LinkNode, LinkNode]]:
    with LinkNode(status("primary", 2)) as one, LinkNode(status("backup", 2)) as two:
        one.is_peer_of(two)
        two.is_peer_of(one)
        yield one, two


@pytest.fixture
def nobody() -> str:
    """The URL of a node whose process is dead."""
    return f"tcp://127.0.0.1:61616?link={free_port()}"


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def show(*urls: str, json: bool = True) -> int:
    return main(["cluster", "show", "--url", ",".join(urls), *(["--json"] if json else [])])


def test_both_nodes_are_shown(pair: tuple[LinkNode, LinkNode], capsys: pytest.CaptureFixture[str]) -> None:
    assert show(pair[0].url, pair[1].url) == 0
    shown = rows(capsys)
    assert [(row["role"], row["serves"], row["epoch"], row["in_step"]) for row in shown] == [
        ("primary", True, 2, True),
        ("backup", False, 2, True),
    ]
    assert set(shown[0]) == set(cluster.COLUMNS)


@pytest.mark.parametrize("named", [0, 1])
def test_peer_of_the_only_named_node_is_asked_too(
    pair: tuple[LinkNode, LinkNode], capsys: pytest.CaptureFixture[str], named: int
) -> None:
    assert show(pair[named].url) == 0
    assert sorted(row["role"] for row in rows(capsys)) == ["backup", "primary"]


def test_rows_for_a_pipe_have_one_head(pair: tuple[LinkNode, LinkNode], capsys: pytest.CaptureFixture[str]) -> None:
    assert show(pair[0].url, pair[1].url, json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "\t".join(cluster.COLUMNS)
    assert lines[1].split("\t")[:4] == ["tcp://127.0.0.1:61616", "primary", "true", "2"]


def test_lag_of_a_backup_is_shown_as_the_primary_knows_it(capsys: pytest.CaptureFixture[str]) -> None:
    nodes = Nodes.in_step()
    nodes.say(b"0")
    nodes.b.reads = False
    nodes.say(b"1", b"2")
    nodes.sleep(700)
    behind = nodes.a.up.status(nodes.now)
    with LinkNode(replace(behind, peer=None)) as node:
        assert show(node.url) == 0
    (row,) = rows(capsys)
    assert row["lag_bytes"] == behind.lag_bytes > 2 * len(b"keep 1")
    assert (row["lag_inputs"], row["lag_ms"]) == (2, 700)


def test_people_see_the_nodes_side_by_side(
    pair: tuple[LinkNode, LinkNode], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    assert show(pair[0].url, pair[1].url, json=False) == 0
    text = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out)
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == ["node", "tcp://127.0.0.1:61616", "tcp://127.0.0.1:61616"]
    assert lines[1:5] == [["role", "primary", "backup"], ["serves", "true", "false"], ["epoch", "2", "2"], lines[4]]


def test_unreachable_node_is_a_row(
    pair: tuple[LinkNode, LinkNode], nobody: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(nobody, pair[0].url) == 0
    dead, alive = rows(capsys)
    assert (dead["role"], dead["epoch"], alive["role"]) == ("unreachable", None, "primary")
    assert "refused" in dead["waits_for"]


def test_no_node_that_serves_is_1(nobody: str, capsys: pytest.CaptureFixture[str]) -> None:
    with LinkNode(status("waiting", 2, **WAITS)) as node:
        assert show(nobody, node.url) == 1
        assert rows(capsys)[1]["waits_for"] == WAITS["waits_for"]


def test_no_node_that_is_reached_is_3(nobody: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(nobody, nobody) == 3
    assert [row["role"] for row in rows(capsys)] == ["unreachable"] * 2


def test_watch_goes_on_while_no_node_is_reached(
    nobody: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with LinkNode(status("primary", 2)) as node:
        urls = [node.url, nobody]

        def named(_: Pair) -> list[NodeAddress]:
            return read_nodes(urls.pop())

        monkeypatch.setattr(Pair, "nodes", named)
        with pytest.raises(IndexError):  # it looked a third time
            main(["cluster", "show", "--watch", "1ms", "--json"])
    assert [row["role"] for row in rows(capsys)] == ["unreachable", "primary"]


def test_two_nodes_that_serve_are_a_warning_and_1(capsys: pytest.CaptureFixture[str]) -> None:
    with LinkNode(status("primary", 2)) as one, LinkNode(status("primary", 3)) as two:
        assert show(one.url, two.url) == 1
        assert "at once" in capsys.readouterr().err


def test_cluster_password_comes_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret\n")
    with LinkNode(status("primary", 2), "cluster", "secret") as node:
        options = ["--cluster-user", "cluster", "--cluster-password-file", str(secret)]
        assert main(["cluster", "show", "--url", node.url, *options]) == 0
        secret.write_text("guess\n")
        assert main(["cluster", "show", "--url", node.url, *options]) == 4
        assert "CLUSTER_SECURITY_EXCEPTION" in capsys.readouterr().err


def test_node_that_refuses_is_a_row_beside_one_that_answers(
    pair: tuple[LinkNode, LinkNode], capsys: pytest.CaptureFixture[str]
) -> None:
    with LinkNode(status("backup", 2), "cluster", "other") as stranger:
        assert show(pair[0].url, stranger.url) == 0
        assert [row["role"] for row in rows(capsys)] == ["primary", "refuses"]


def test_look_is_repeated_until_it_is_interrupted(
    pair: tuple[LinkNode, LinkNode], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = list[float]()

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("corewire_server.cli.cluster.time.sleep", sleep)
    assert main(["cluster", "show", "--watch", "2s", "--url", f"{pair[0].url},{pair[1].url}"]) == 130
    assert pauses == [2.0] * 3
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 1 + 3 * 2


def test_switch_asks_the_node_that_serves_and_waits_for_the_other(
    pair: tuple[LinkNode, LinkNode], capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = pair
    wishes = list[Wish]()

    def hand_over(wish: Wish) -> None:
        wishes.append(wish)
        one.status = replace(one.status, role="joining", serving=False)
        two.status = replace(two.status, role="primary", serving=True, epoch=3)

    one.obey = hand_over
    assert main(["cluster", "switch", "--json", "--url", two.url]) == 0
    assert wishes == [Wish.SWITCH]
    told = capsys.readouterr()
    assert [(json.loads(line)["role"], json.loads(line)["epoch"]) for line in told.out.splitlines()] == [
        ("primary", 3),
        ("joining", 2),
    ]
    assert "serves in epoch 3" in told.err


def test_switch_to_a_backup_that_is_not_in_step_is_refused(
    pair: tuple[LinkNode, LinkNode], capsys: pytest.CaptureFixture[str]
) -> None:
    pair[0].status = replace(pair[0].status, in_step=False)
    assert main(["cluster", "switch", "--url", pair[0].url]) == 4
    assert "not in step" in capsys.readouterr().err


def test_switch_that_takes_too_long_says_how_it_stands(
    pair: tuple[LinkNode, LinkNode], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    minutes = SimpleNamespace(monotonic=lambda: 60.0 * len(pauses), sleep=pauses.append)
    monkeypatch.setattr(cluster, "time", minutes)
    assert main(["cluster", "switch", "--timeout", "90s", "--url", pair[0].url]) == 5
    assert "does not serve yet: backup" in capsys.readouterr().err
    assert len(pauses) == 2


def test_switch_without_anybody_who_serves_is_1(nobody: str, capsys: pytest.CaptureFixture[str]) -> None:
    with LinkNode(status("waiting", 2, **WAITS)) as node:
        assert main(["cluster", "switch", "--url", f"{node.url},{nobody}"]) == 1
    assert "no node serves" in capsys.readouterr().err


def test_switch_asked_of_a_backup_whose_primary_is_not_reached_names_it_and_what_to_do(
    pair: tuple[LinkNode, LinkNode], capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = pair
    one.__exit__()
    assert main(["cluster", "switch", "--url", two.url]) == 1
    said = capsys.readouterr().err
    primary = f"tcp://127.0.0.1:{one.port - 100}"
    assert f"it is backup, and its primary, {primary}, was not reached" in said
    assert f'corewire cluster switch --url "{primary}?link={one.port}"' in said


def test_failover_without_the_word_tells_what_it_stands_on_and_orders_nothing(
    nobody: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with LinkNode(status("backup", 2, **WAITS)) as node:
        assert main(["cluster", "failover", "--url", f"{nobody},{node.url}"]) == 2
        assert {command.name for command in node.commands} == {"show"}
    said = capsys.readouterr().err
    for word in ("65.0 s ago", "number 900, 65.1 s ago", WAITS["waits_for"], "--old-process-is-dead"):
        assert str(word) in said


def test_failover_with_the_word_is_ordered_and_waited_for(nobody: str, capsys: pytest.CaptureFixture[str]) -> None:
    with LinkNode(status("backup", 2, **WAITS)) as node:

        def take_over(_: Wish) -> None:
            node.status = replace(node.status, role="primary", serving=True, epoch=3)

        node.obey = take_over
        words = ["cluster", "failover", "--old-process-is-dead", "--json", "--url", f"{nobody},{node.url}"]
        assert main(words) == 0
    assert [(row["role"], row["epoch"]) for row in rows(capsys)] == [("primary", 3)]


def test_failover_beside_a_node_that_serves_is_not_ordered(
    pair: tuple[LinkNode, LinkNode], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cluster", "failover", "--old-process-is-dead", "--url", pair[1].url]) == 1
    assert "corewire cluster switch" in capsys.readouterr().err
    assert {command.name for node in pair for command in node.commands} == {"show"}


def test_failover_wants_one_node(capsys: pytest.CaptureFixture[str]) -> None:
    with LinkNode(status("waiting", 2, **WAITS)) as one, LinkNode(status("waiting", 2, **WAITS)) as two:
        assert main(["cluster", "failover", "--old-process-is-dead", "--url", f"{one.url},{two.url}"]) == 2
        assert "name the one" in capsys.readouterr().err


def test_failover_of_a_node_whose_data_is_not_whole_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with LinkNode(status("joining", 2, **LOST)) as node:
        assert main(["cluster", "failover", "--old-process-is-dead", "--url", node.url]) == 4
        assert "not whole" in capsys.readouterr().err


@pytest.mark.parametrize("order", [["switch"], ["failover", "--old-process-is-dead"]])
def test_order_to_a_broker_without_a_peer_is_3_and_says_where_a_node_is_reached(
    order: list[str], nobody: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cluster", *order, "--url", nobody]) == 3
    hint = capsys.readouterr().err.splitlines()[-1]
    assert "a broker without a peer has no replication link" in hint
    assert "corewire run" not in hint


@pytest.mark.parametrize(
    "words", [["--watch", "soon"], ["--watch", "0"], ["--timeout", "soon"], ["--url", "nonsense://"]]
)
def test_values_that_cannot_be_meant_are_wrong_usage(words: list[str]) -> None:
    assert main(["cluster", "show", *words]) == 2


def test_page_names_every_column_and_option(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs/reference/cluster.md").read_text()
    assert [name for name in cluster.COLUMNS if f"`{name}`" not in page] == []
    for command in ("show", "switch", "failover"):
        assert main(["cluster", command, "--help"]) == 0
        options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
        assert [option for option in options if option not in page] == []
