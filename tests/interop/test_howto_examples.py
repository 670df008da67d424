"""The programs of the pages on messages, XA, management, notifications, requests and exactly-once, against a real Artemis."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from corewire import Xid
from corewire_transports.threads import Client, connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.interop.artemis import Artemis

HOWTO = Path(__file__).parents[2] / "docs" / "howto"
FORMAT = 0x4F524452
pytestmark = pytest.mark.slow


def printed(name: str, *arguments: str) -> list[str]:
    """The lines that a program of a page prints."""
    command = [sys.executable, "-W", "error", str(HOWTO / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.fixture
def client(artemis: Artemis) -> Iterator[Client]:
    with connect(artemis.url) as client:
        yield client


def test_orders_are_moved_and_what_an_earlier_run_left_is_settled(
    artemis: Artemis, client: Client, tmp_path: Path
) -> None:
    log = tmp_path / "decisions"
    log.write_text(f"{b'decided'.hex()}\n")
    with client.xa_session() as session:
        for queue in ("orders", "orders.moved"):
            session.create_queue(queue, exist_ok=True)
        for number in range(3):
            session.send("orders", f"order {number}")
        for name in (b"decided", b"not decided"):
            xid = Xid(FORMAT, name, b"target")
            session.xa_start(xid)
            session.send("orders.moved", name.decode())
            session.xa_end(xid)
            session.xa_prepare(xid)
        assert printed("xa_move.py", artemis.url, artemis.url, str(log)) == [f"moved order {n}" for n in range(3)]
        assert not [xid for xid in session.xa_recover() if xid.format_id == FORMAT]
        with session.consumer("orders.moved") as moved:
            assert [message.text for message in moved.drain()] == ["decided", "order 0", "order 1", "order 2"]
    assert len(log.read_text().split()) == 4


def test_queues_are_reported_and_emptied(artemis: Artemis, client: Client) -> None:
    with client.session() as session:
        session.create_queue("orders.reported", exist_ok=True)
        for _ in range(5):
            session.send("orders.reported", "x")
    version, *lines = printed("management_report.py", artemis.url, "orders.reported", "orders.none")
    assert version.startswith("version 2.")
    assert lines[0] == "orders.reported: 5 messages, 0 consumers"
    assert lines[-2] == "removed 5"
    assert "orders.none" in lines[-1]


def test_consumers_are_watched(artemis: Artemis, client: Client) -> None:
    command = [sys.executable, "-W", "error", str(HOWTO / "notifications_watch.py"), artemis.url, "watched", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "watching\n"
        with client.session() as session, session.consumer("watched"):
            pass
        assert program.communicate(timeout=60)[0].splitlines() == ["CONSUMER_CREATED 1", "CONSUMER_CLOSED 0"]


def test_questions_are_answered(artemis: Artemis) -> None:
    assert printed("request_reply.py", artemis.url) == ["What time is it? It is half past nine."]


def test_each_message_comes_once(artemis: Artemis) -> None:
    url = f"{artemis.url}?exactlyOnce=true"
    apples = [f"apple {number}" for number in range(3)]
    assert printed("once.py", url) == [*apples, "copies that nobody saw: 0"]


def test_a_group_has_one_worker_who_gets_its_messages_in_order(artemis: Artemis) -> None:
    steps: dict[str, list[str]] = {}
    workers: dict[str, set[str]] = {}
    for line in printed("groups.py", artemis.url):
        order, step, worker = line.replace(": ", ", says the ").split(", says the ")
        steps.setdefault(order, []).append(step)
        workers.setdefault(order, set()).add(worker)
    assert steps == {"order 17": ["ordered", "paid", "sent", "filed"], "order 18": ["ordered", "paid", "sent"]}
    assert [len(each) for each in workers.values()] == [1, 1]


def test_reminders_come_when_they_are_due(artemis: Artemis, client: Client) -> None:
    assert printed("reminders.py", artemis.url) == ["soon"]
    with client.session() as session:
        assert session.query_queue("reminders").message_count == 1  # tomorrow's


def test_last_value_of_each_key_is_kept(artemis: Artemis) -> None:
    assert sorted(printed("last_value.py", artemis.url)) == ["ACME 42", "INITECH 7"]


def test_workers_forward_each_message_once(artemis: Artemis, client: Client) -> None:
    orders = [f"order {number}" for number in range(20)]
    with client.session() as session:
        session.create_queue("orders.open", exist_ok=True)
        for order in orders:
            session.send("orders.open", order)
        lines = printed("transact_workers.py", f"{artemis.url}?exactlyOnce=true")
        assert sorted(lines) == sorted(f"invoiced {order}" for order in orders)
        with session.consumer("orders.invoiced") as invoices:
            assert sorted(each.text for each in invoices.drain()) == sorted(f"invoice for {order}" for order in orders)


def test_a_large_file_goes_through_a_queue(artemis: Artemis, tmp_path: Path) -> None:
    source, folder = tmp_path / "movie.mp4", tmp_path / "taken"
    source.write_bytes(bytes(range(256)) * 50_000)
    folder.mkdir()
    url = f"{artemis.url}?maxCollectSize=1000000"
    assert printed("large_files.py", url, "put", "movies", str(source)) == ["sent movie.mp4: 12800000 bytes"]
    assert printed("large_files.py", url, "take", "movies", str(folder)) == ["took movie.mp4: 12800000 bytes"]
    assert (folder / "movie.mp4").read_bytes() == source.read_bytes()
