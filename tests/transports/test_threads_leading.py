"""Who turns the sockets of a client for threads: its own thread, callers that come again and again, or one that waits."""

from __future__ import annotations

import math
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.transports.company_threads import Company, beside, until
from tests.transports.test_threads import WAITS_S

from corewire.errors import NotConnected, ObjectClosed
from corewire_transports import threads
from corewire_transports.threads import _driver

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def thread_aside(client: threads.Client, *, deaf: bool = True) -> Generator[None]:
    """The thread of a client leaves the sockets to callers. ``deaf``: and comes back for nothing."""
    driver, stands, is_over = client._driver, threading.Event(), threading.Event()
    wait = driver._summons.wait

    def hold(seconds: float) -> bool:
        stands.set()
        return is_over.wait(60) if deaf else wait(seconds)

    driver._summons.wait = hold  # type: ignore[method-assign]
    driver._callers_until = time.monotonic() + 60
    driver._bell.ring()  # it looks around, and has nothing to do
    assert stands.wait(10)
    try:
        yield
    finally:
        driver._callers_until = -math.inf
        is_over.set()
        driver._ring()


@contextmanager
def led(client: threads.Client, monkeypatch: pytest.MonkeyPatch, *, seconds: float = 60.0) -> Generator[None]:
    """Whoever waits turns the sockets, for so long although nothing comes; the thread stands aside until it is called."""
    with monkeypatch.context() as changed, thread_aside(client, deaf=False), threads.fail_after(10):
        changed.setattr(_driver, "TIMER_SLACK_S", 60.0)
        changed.setattr(_driver, "LEAD_S", seconds)
        client._driver._short = True
        with threads.move_on_after(None, shield=True):  # whose deadline is soon does not lead
            yield


def test_whoever_waits_for_an_answer_calls_the_thread_back(
    url: str, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with threads.connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        monkeypatch.setattr(_driver, "TIMER_SLACK_S", 60.0)
        with threads.fail_after(10):
            for number in range(20):
                client._driver._callers_until = time.monotonic() + 60
                client._driver._short = False  # it may take long
                session.send(queue, str(number))
                assert consumer.receive().text == str(number)


def test_whoever_waits_turns_the_sockets_while_the_thread_stands_aside(
    url: str, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with threads.connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        monkeypatch.setattr(_driver, "LEAD_S", 60.0)
        client._driver._short = True
        with thread_aside(client):
            for number in range(20):
                session.send(queue, str(number))
                assert consumer.receive().text == str(number)


def test_whoever_waits_long_in_vain_calls_the_thread_back(
    url: str, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with threads.connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        with led(client, monkeypatch, seconds=0.001), beside(consumer.receive) as receiving:
            until(lambda: not client._driver._aside)
            session.send(queue, "x")
            assert receiving.result().text == "x"
        assert client._driver._leader is None


def test_who_still_waits_when_the_leader_has_what_it_waited_for_is_not_left_alone(
    url: str, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver: Any
    with threads.connect(url) as client, client.session() as first, client.session() as second:
        driver = client._driver
        one, other = first.consumer(queue), second.consumer(f"{queue}-2")
        with threads.connect(url) as elsewhere, elsewhere.session() as sending, led(client, monkeypatch):
            leading, following = Company(), Company()
            leading.start(one.receive)
            until(lambda: driver._selecting)
            following.start(other.receive)
            until(lambda: len(driver._waiting) == 2)
            sending.send(queue, "x")
            assert leading.result().text == "x"
            sending.send(f"{queue}-2", "y")
            assert following.result().text == "y"


def test_what_others_gather_leaves_while_somebody_leads(url: str, queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with threads.connect(f"{url}?producerWindowSize=-1") as client, client.session() as session:
        producer, consumer = client.session().producer(queue), session.consumer(queue)
        with led(client, monkeypatch), beside(consumer.receive) as receiving:
            until(lambda: client._driver._selecting)
            monkeypatch.setattr(_driver, "GATHER_S", 60.0)
            producer.submit("x")
            assert receiving.result().text == "x"


def test_leader_whose_deadline_is_cancelled_goes_at_once(url: str, queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with threads.connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        with led(client, monkeypatch), beside(consumer.receive) as receiving:
            until(lambda: client._driver._selecting)
            receiving.cancel()
            receiving.join()
        assert receiving.cancelled
        session.send(queue, "x")
        assert consumer.receive().text == "x"


def test_deadline_is_as_exact_for_whoever_leads(url: str, queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with threads.connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        with led(client, monkeypatch), threads.move_on_after(0.02) as scope:
            consumer.receive()
        assert scope.cancelled_caught


@pytest.mark.parametrize("wrong", [AssertionError("boom"), KeyboardInterrupt("boom")])
def test_leader_that_fails_in_the_engine_ends_the_client(
    url: str, queue: str, monkeypatch: pytest.MonkeyPatch, wrong: BaseException
) -> None:
    with threads.connect(url) as client, client.session() as session:

        def boom(*_: Any) -> None:
            raise wrong

        with led(client, monkeypatch):
            monkeypatch.setattr(client._engine, "receive_data", boom)
            with pytest.raises(NotConnected if isinstance(wrong, Exception) else KeyboardInterrupt, match="boom"):
                session.query_queue(queue)
        with pytest.raises(NotConnected, match="boom"):
            session.query_queue(queue)


def test_leader_may_be_interrupted(url: str, queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    try:
        with threads.connect(url) as client, client.session() as session, led(client, monkeypatch):
            consumer = session.consumer(queue)
            signal.setitimer(signal.ITIMER_REAL, WAITS_S)
            with pytest.raises(KeyboardInterrupt):
                consumer.receive()
            session.send(queue, "x")
            assert consumer.receive().text == "x"
    finally:
        signal.signal(signal.SIGALRM, old)


@pytest.mark.parametrize("closes", [True, False])
def test_signal_handler_of_the_leader_may_use_the_client(
    url: str, queue: str, monkeypatch: pytest.MonkeyPatch, closes: bool
) -> None:
    client = threads.connect(url)
    session, other = client.session(), client.session()
    consumer = session.consumer(queue)
    old = signal.signal(signal.SIGALRM, lambda *_: client.close() if closes else other.send(queue, "x"))
    try:
        with led(client, monkeypatch, seconds=2 * WAITS_S):
            client._driver._callers_until = time.monotonic() + 2 * WAITS_S  # then the thread is back
            signal.setitimer(signal.ITIMER_REAL, WAITS_S)
            if closes:
                with pytest.raises(ObjectClosed):
                    consumer.receive()
            else:
                assert consumer.receive().text == "x"
    finally:
        signal.signal(signal.SIGALRM, old)
        client.close()
    assert client.state.value == "closed"


def test_thread_takes_the_sockets_back_from_a_leader_that_is_late(url: str, queue: str) -> None:
    """It may be in a signal's handler, for long."""
    with threads.connect(url) as client, client.session() as session:
        driver = client._driver
        with thread_aside(client, deaf=False), threads.fail_after(10):
            driver._leader = threading.Event()
            driver._callers_until = -math.inf
            driver._summons.send()
            session.create_queue(queue)
        assert driver._leader is None


def test_callers_that_come_again_and_again_read_themselves(url: str, queue: str) -> None:
    with threads.connect(f"{url}?producerWindowSize=-1") as client, client.session() as session:
        producer = session.producer(queue, durable=False)
        with thread_aside(client), threads.fail_after(10):
            first = producer.submit("x")
            while first.state is not threads.SendState.CONFIRMED:
                producer.submit("y")


def test_what_was_gathered_leaves_although_nobody_calls_again(
    url: str, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = f"{url}?producerWindowSize=-1"
    with threads.connect(free) as sending, threads.connect(url) as taking, sending.session() as session:
        producer = session.producer(queue)
        monkeypatch.setattr(_driver, "GATHER_S", 60.0)
        with thread_aside(sending):
            producer.submit("x")
            assert sending._driver._gathered == 1
        with taking.session() as other, other.consumer(queue) as consumer, threads.fail_after(10):
            assert consumer.receive().text == "x"
