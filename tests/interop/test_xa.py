"""XA against a real Artemis: every lane in every world, a Java client on the other side, and a broker that is killed."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.interop import client_xa_lanes
from tests.interop.artemis import JVM_OPTIONS, Artemis
from tests.interop.peers import ARTEMIS, lanes_class_path
from tests.interop.test_client_lanes import lanes_of
from tests.interop.worlds import World

from corewire import Xid
from corewire_transports.threads import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LANES = lanes_of(client_xa_lanes)


@pytest.mark.parametrize("world", World, ids=lambda world: world.value)
@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane.__name__)
def test_lane(lane: Callable[..., object], world: World, artemis: Artemis) -> None:
    world.run(lane, artemis.url, f"xa.{lane.__name__}.{world.value}")


class Puppet:
    """A Java client that does as it is told."""

    def __init__(self, url: str) -> None:
        command = ["java", *JVM_OPTIONS, "-cp", lanes_class_path(ARTEMIS), "XaPuppet", url]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._read() == "READY"

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def __call__(self, *words: str) -> str:
        """Its answer, without OK."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        assert answer.startswith("OK"), answer
        return answer.removeprefix("OK").strip()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def java_client(artemis: Artemis) -> Iterator[Puppet]:
    puppet = Puppet(artemis.url)
    yield puppet
    puppet.close()


def java_xid(name: str) -> Xid:
    """As the puppet makes it."""
    return Xid(9, name.encode(), b"b")


@pytest.mark.slow
class TestWithJava:
    """Branches that both work on. One world will do: what differs between them is not here."""

    def test_we_decide_what_java_prepared(self, artemis: Artemis, java_client: Puppet) -> None:
        with connect(artemis.url) as client, client.xa_session() as session:
            session.create_queue("from-java")
            for name in ("commits", "undoes"):
                java_client("start", name)
                java_client("send", "from-java", name)
                java_client("end", name)
                assert java_client("prepare", name) == "0"
            assert {java_xid("commits"), java_xid("undoes")} <= set(session.xa_recover())
            session.xa_commit(java_xid("commits"))
            session.xa_rollback(java_xid("undoes"))
            with session.consumer("from-java") as consumer:
                assert [message.text for message in consumer.drain()] == ["commits"]

    def test_java_decides_what_we_prepared(self, artemis: Artemis, java_client: Puppet) -> None:
        with connect(artemis.url) as client, client.xa_session() as session:
            for name in ("kept", "lost"):
                session.xa_start(java_xid(name))
                session.send("to-java", name)
                session.xa_end(java_xid(name))
                session.xa_prepare(java_xid(name))
        assert {"kept", "lost"} <= set(java_client("recover").split())
        java_client("commit", "kept")
        java_client("rollback", "lost")
        assert java_client("receive", "to-java") == "kept"

    def test_both_work_on_one_branch(self, artemis: Artemis, java_client: Puppet) -> None:
        xid = java_xid("both")
        with connect(artemis.url) as client, client.xa_session() as session:
            session.create_queue("both")
            java_client("start", "both")
            java_client("send", "both", "java")
            java_client("recover")  # a send in a branch asks for no answer: behind this one it has arrived
            session.xa_join(xid)
            session.send("both", "python")
            session.xa_end(xid)
            java_client("end", "both")
            assert java_client("prepare", "both") == "0"
            session.xa_commit(xid)
            session.xa_start(java_xid("more"))
            session.send("both", "more")
            java_client("join", "more")
            assert java_client("receive", "both") == "java"
            java_client("end", "more")
            session.xa_end(java_xid("more"))
            java_client("one", "more")
            with session.consumer("both") as consumer:
                assert sorted(message.text for message in consumer.drain()) == ["more", "python"]


@pytest.mark.slow
@pytest.mark.usefixtures("java")
def test_what_is_prepared_survives_a_kill_and_the_rest_does_not(tmp_path: Path) -> None:
    broker = Artemis(tmp_path / "killed")
    broker.create()
    broker.start()
    broker.wait()
    sent, taken, ended = (Xid(1, name, b"") for name in (b"sent", b"taken", b"ended"))
    try:
        with connect(broker.url) as client, client.xa_session() as session:
            for queue in (
                "in",
                "out",
            ):  # by hand: queues that made themselves go at a restart, when nothing visible is in them
                session.create_queue(queue)
            session.send("in", "order")
            for xid in (sent, ended):
                session.xa_start(xid)
                session.send("out", xid.global_transaction_id.decode())
                session.xa_end(xid)
            with session.consumer("in") as consumer:
                session.xa_start(taken)
                assert consumer.receive(timeout=10) is not None
                session.xa_end(taken)
            for xid in (sent, taken):
                session.xa_prepare(xid)
            broker.kill()
        broker.start()
        broker.wait()
        with connect(broker.url) as client, client.xa_session() as session:
            assert set(session.xa_recover()) == {sent, taken}
            for queue in ("in", "out"):
                with session.consumer(queue) as consumer:
                    assert consumer.receive(timeout=0) is None
            session.xa_commit(sent)
            session.xa_rollback(taken)
            for queue, text in (("in", "order"), ("out", "sent")):
                with session.consumer(queue) as consumer:
                    assert [message.text for message in consumer.drain()] == [text]
    finally:
        broker.stop()
