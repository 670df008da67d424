"""What only threads can do to a client: many at once, an engine that fails, signals, forks."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from corewire import Operation
from corewire.errors import LocalProtocolError, NotConnected, ObjectClosed
from corewire_transports import blocking, threads
from corewire_transports.threads import _driver

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire_server.proxy import Proxy

WORLDS = [threads, blocking]
WAITS_S = 0.25  # until then whoever begins to wait does, on a busy machine, too


def in_threads(count: int, work: Any) -> None:
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001  # shown below
            failures.append(error)

    workers = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert failures == []


@pytest.mark.parametrize("shared", [True, False])
def test_bodies_of_many_threads_stay_whole_and_in_order(proxied: str, queue: str, shared: bool) -> None:
    per_thread = 40
    with threads.connect(f"{proxied}?tcpSendBufferSize=4096") as client, client.session() as common:

        def work(number: int) -> None:
            session = common if shared else client.session()
            for index in range(per_thread):
                pattern = f"{number}:{index}:"
                session.send(queue, pattern * (1 + (number * 7919 + index * 104729) % 3000))

        in_threads(16, work)
        seen: dict[str, list[int]] = {}
        with common.consumer(queue, window_bytes=None) as consumer:
            for message in consumer.drain():
                number, index, _ = message.text.split(":", 2)
                assert message.text == f"{number}:{index}:" * (1 + (int(number) * 7919 + int(index) * 104729) % 3000)
                seen.setdefault(number, []).append(int(index))
        assert seen == {str(number): list(range(per_thread)) for number in range(16)}


def test_a_transaction_belongs_to_the_thread_that_began_it(url: str, queue: str) -> None:
    with threads.connect(url) as client, client.session() as watcher, client.transacted_session() as session:
        watcher.create_queue(queue)
        told: list[int] = []
        commands: list[Callable[[], None]] = [lambda: session.send(queue, "mixed in"), session.commit, session.rollback]
        begun, tried = threading.Barrier(2, timeout=10), threading.Barrier(2, timeout=10)

        def work(number: int) -> None:
            for index in range(10):
                if number == 0:
                    session.send(queue, f"{index}")
                begun.wait()
                if number == 1:
                    for command in commands:
                        with pytest.raises(LocalProtocolError, match="another thread"):
                            command()
                    told.append(index)
                tried.wait()
                if number == 0:
                    session.commit()

        in_threads(2, work)
        assert told == list(range(10))
        with watcher.consumer(queue) as consumer:
            assert [message.text for message in consumer.drain()] == [str(index) for index in range(10)]
        session.send(queue, "afterwards anybody may")
        session.commit()


def test_many_threads_consume_with_a_session_each(url: str, queue: str) -> None:
    got: list[str] = []
    with threads.connect(url) as client:
        with client.session() as session, session.producer(queue) as producer:
            for number in range(400):
                producer.submit(str(number))

        def work(_: int) -> None:
            with client.session() as session, session.consumer(queue, window_bytes=0) as consumer:
                got.extend(message.text for message in consumer.drain())

        in_threads(8, work)
    assert sorted(got, key=int) == [str(number) for number in range(400)]


def test_mistake_in_the_engine_wakes_every_caller(url: str, queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with threads.connect(url) as client, client.session() as session:

        def boom(*_: Any) -> None:
            raise AssertionError("boom")

        monkeypatch.setattr(client._engine, "receive_data", boom)
        with pytest.raises(NotConnected, match="boom"):
            session.query_queue(queue)
        with pytest.raises(NotConnected, match="boom"):
            session.query_queue(queue)


@pytest.mark.parametrize("world", WORLDS, ids=["threads", "blocking"])
def test_interrupt_in_the_middle_of_the_engine_ends_the_client(
    world: Any, url: str, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world.connect(url) as client, client.session() as session:

        def interrupt(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(client._engine, "query_queue", interrupt)
        with pytest.raises(KeyboardInterrupt):
            session.query_queue(queue)
        monkeypatch.undo()
        with pytest.raises(NotConnected, match="interrupted"):
            session.query_queue(queue)


def test_interrupt_at_the_door_of_the_engine_leaves_the_client_in_order(
    url: str, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with threads.connect(url) as client, client.session() as session:

        def interrupt() -> float:
            if threading.current_thread() is threading.main_thread():
                raise KeyboardInterrupt
            return time.monotonic()

        monkeypatch.setattr(_driver, "time", SimpleNamespace(monotonic=interrupt))
        with pytest.raises(KeyboardInterrupt):
            session.query_queue(queue)
        monkeypatch.undo()
        session.create_queue(queue)


@pytest.mark.parametrize("world", WORLDS, ids=["threads", "blocking"])
def test_interrupt_while_waiting_leaves_the_client_in_order(world: Any, url: str, queue: str) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    try:
        with world.connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
            signal.setitimer(signal.ITIMER_REAL, WAITS_S)
            with pytest.raises(KeyboardInterrupt):
                consumer.receive()
            session.send(queue, "x")
            assert consumer.receive().text == "x"
    finally:
        signal.signal(signal.SIGALRM, old)


@pytest.mark.parametrize("world", WORLDS, ids=["threads", "blocking"])
def test_client_may_be_closed_from_a_signal_handler(world: Any, url: str, queue: str) -> None:
    client = world.connect(url)
    consumer = client.session().consumer(queue)
    old = signal.signal(signal.SIGALRM, lambda *_: client.close())
    try:
        signal.setitimer(signal.ITIMER_REAL, WAITS_S)
        with pytest.raises(ObjectClosed):
            consumer.receive()
    finally:
        signal.signal(signal.SIGALRM, old)
        client.close()
    assert client.state.value == "closed"


@pytest.mark.parametrize("world", WORLDS, ids=["threads", "blocking"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_client_does_not_survive_fork(world: Any, url: str, queue: str) -> None:
    with world.connect(url) as client, client.session() as session:
        child = os.fork()
        if child == 0:
            try:
                session.send(queue, "from the child")
            except LocalProtocolError:
                os._exit(17)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 17
        session.send(queue, "from the parent")
        assert session.query_queue(queue).message_count == 1


def sends(client: threads.Client, session: threads.Session) -> None:
    session.send("queue", "from the child")


def closes(client: threads.Client, session: threads.Session) -> None:
    client.close()


@pytest.mark.parametrize("use", [sends, closes])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_child_of_a_fork_does_not_wait_for_a_thread_that_it_does_not_have(
    url: str, use: Callable[[threads.Client, threads.Session], None]
) -> None:
    """The driver's thread was in the middle of a turn; its lock stayed held in the child for ever."""
    held, over = threading.Event(), threading.Event()
    with threads.connect(url) as client, client.session() as session:

        def turn() -> None:
            with client._driver._lock:
                held.set()
                over.wait(60)

        thread = threading.Thread(target=turn)
        thread.start()
        held.wait(60)
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(10)  # ends it, if it waits for ever
            try:
                use(client, session)
            except LocalProtocolError:
                os._exit(17)
            os._exit(1)
        status = os.waitpid(child, 0)[1]
        over.set()
        thread.join()
    assert os.waitstatus_to_exitcode(status) == 17


@pytest.mark.parametrize("world", WORLDS, ids=["threads", "blocking"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_what_was_submitted_before_a_fork_leaves_the_parent_once(world: Any, url: str, queue: str) -> None:
    with world.connect(url) as client, client.session() as session:
        session.create_queue(queue)
        producer = session.producer(queue)
        producer.submit("first")
        producer.submit("with the next call, if nobody else turns the engine")
        child = os.fork()
        if child == 0:
            try:
                producer.submit("from the child")
            except LocalProtocolError:
                os._exit(17)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 17
        producer.flush()
        assert session.query_queue(queue).message_count == 2


@pytest.mark.parametrize("world", WORLDS, ids=["threads", "blocking"])
def test_client_closed_by_a_signal_in_the_middle_of_what_is_gathered_closes(world: Any, url: str, queue: str) -> None:
    client = world.connect(url)
    session = client.session()
    session.create_queue(queue)
    producer = session.producer(queue)
    producer.submit("first")

    def interrupted(now: float) -> None:
        client.close()
        raise ValueError("half")

    with pytest.raises(ValueError, match="half"):
        client._driver.gather(interrupted)
    client.close()
    with pytest.raises(ObjectClosed):
        session.query_queue(queue)
    assert client.state.value == "closed"
    with world.connect(url) as other, other.session() as session:
        assert session.query_queue(queue).message_count == 1


def test_deadline_is_cancelled_from_another_thread(url: str, queue: str) -> None:
    for world in WORLDS:
        with world.connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
            with world.move_on_after(None) as scope:
                canceller = threading.Timer(0.02, scope.cancel)
                canceller.start()
                consumer.receive()
            assert scope.cancelled_caught
            canceller.join()  # others count threads


def test_thread_is_only_one_and_goes(url: str) -> None:
    before = threading.active_count()
    with threads.connect(url) as client:
        for _ in range(5):
            client.session()
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def test_waiting_needs_no_lock(proxied: str, proxy: Proxy, queue: str) -> None:
    """Whoever waits for an answer keeps nobody else from sending."""
    with threads.connect(proxied) as client, client.session() as session, client.session().consumer(queue) as consumer:
        got: list[str] = []
        worker = threading.Thread(target=lambda: got.append(consumer.receive().text))
        worker.start()
        session.send(queue, "x")
        worker.join(5)
        assert got == ["x"]
    assert proxy.links_opened == 1


def test_done_operation_is_not_waited_for(url: str) -> None:
    with threads.connect(url) as client:
        done: Operation[None] = Operation()
        done.succeed(None)
        client._driver.wait(done)
