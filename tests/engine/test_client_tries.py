"""
`transact` in the engine: what it finds out about a commit whose answer was lost. Each history is one of those for which a clause
of the algorithm is there (docs/design/exactly-once.md).
"""

from __future__ import annotations

import random
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.client_world import ONE, TWO, ClientWorld, resilient

from corewire._states import ClientState
from corewire.client._receipts import GUARD, RECEIPTS, make_receipts
from corewire.client._reconnect import Balancer
from corewire.client._tries import TryOutcome
from corewire.client.config import ClientConfig, LoadBalancing
from corewire.client.message import Message
from corewire.errors import (
    DuplicateIdRejected,
    LocalProtocolError,
    SecurityError,
    TransactionOutcomeUnknown,
    TransactionRolledBack,
)
from corewire.events import FailedOver, Reattached
from corewire.values import Queue, RoutingType
from corewire.wire.packets import ExceptionResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire._operation import Operation


class Fate(Enum):
    """What becomes of a commit."""

    ANSWERED = "answered"
    EXECUTED = "executed"  #: and its answer lost
    UNREAD = "unread"


def exactly_once(**fields: Any) -> ClientConfig:
    return ClientConfig(**{"endpoints": (ONE,), "exactly_once": True, **fields})


class Forwarder:
    """A transacted session that forwards from one queue to another, at a broker that is not ours; and one that looks."""

    def __init__(self, config: ClientConfig | None = None, *, foreign: bool = True, work: bool = True) -> None:
        self.world = ClientWorld(config or exactly_once(), foreign=foreign)
        self.engine = self.world.engine
        self.session = self.world.session(transacted=True)
        self.other = self.world.session()
        for text in ("1", "2"):
            self.world.run(self.engine.send(self.now, self.other, Queue("in"), Message(text)))
        self.consumer = self.world.consumer(self.session, "in")
        if work:
            self.work()

    @property
    def now(self) -> float:
        return self.world.now

    def work(self, text: str = "1") -> None:
        """What the function of `transact` does."""
        self.engine.begin_try(self.now, self.session)
        assert self.world.run(self.engine.receive(self.now, self.consumer)).body == text
        self.world.run(self.engine.send(self.now, self.session, Queue("out"), Message(text)))

    def commit(self, *, last: bool = False) -> Operation[TryOutcome]:
        return self.engine.commit_try(self.now, self.session, last=last)

    def count(self, queue: str) -> int:
        return self.world.run(self.engine.query_queue(self.now, self.other, queue)).message_count

    def play(self, operation: Operation[Any], fates: list[Fate]) -> None:
        """Until it is done: the commits of this session have these fates, one after the other; further ones are answered."""
        fates = list(fates)
        seen = self.commits

        def next_commit() -> bool:
            return operation.done or self.commits > seen

        while True:
            self.move_until(next_commit)
            if operation.done:
                return
            seen += 1
            self.strike(fates.pop(0) if fates else Fate.ANSWERED)

    @property
    def commits(self) -> int:
        """How many this client has written."""
        return self.world.sent.count("SESS_COMMIT")

    def move_until(self, condition: Callable[[], bool]) -> None:
        """Deliver frame by frame, and let time pass, until it holds."""
        for _ in range(2_000):
            while self.world.perform():
                pass
            if condition():
                return
            if not self.world.step():
                self.world.advance(0.1)
        raise AssertionError("that never comes")

    def strike(self, fate: Fate) -> None:
        if fate is Fate.UNREAD:
            self.world.cut()
        elif fate is Fate.EXECUTED:
            self.world.wire.client_reads = 0
            self.world.turn()


# -- an unknown outcome is settled


def test_a_try_whose_answer_was_lost_is_found_to_have_committed() -> None:
    forwarder = Forwarder()
    trying = forwarder.commit()
    forwarder.play(trying, [Fate.EXECUTED])
    assert trying.result() is TryOutcome.COMMITTED_BEFORE
    assert (forwarder.count("in"), forwarder.count("out")) == (1, 1)


def test_a_try_that_was_lost_is_run_again() -> None:
    forwarder = Forwarder()
    trying = forwarder.commit()
    forwarder.play(trying, [Fate.UNREAD])
    assert trying.result() is TryOutcome.AGAIN
    assert (forwarder.count("in"), forwarder.count("out")) == (2, 0)
    forwarder.work()
    trying = forwarder.commit()
    forwarder.play(trying, [])
    assert trying.result() is TryOutcome.COMMITTED
    assert (forwarder.count("in"), forwarder.count("out")) == (1, 1)


def test_a_question_that_was_accepted_unheard_is_not_taken_for_the_try() -> None:
    """Clause (e): asked with the receipt alone, it would find its own receipt there."""
    forwarder = Forwarder()
    trying = forwarder.commit()
    forwarder.play(trying, [Fate.UNREAD, Fate.ANSWERED, Fate.EXECUTED])
    assert trying.result() is TryOutcome.AGAIN
    assert forwarder.count("out") == 0


def test_before_the_question_a_broker_not_ours_stores_what_it_had_begun() -> None:
    """The commit may lie in its journal's buffer when the fence is passed: its receipt is not known yet, nor is it lost."""
    forwarder = Forwarder()
    trying = forwarder.commit()
    forwarder.play(trying, [Fate.UNREAD, Fate.UNREAD])
    assert trying.result() is TryOutcome.AGAIN
    committing = [name for name in forwarder.world.sent if name in ("REATTACH_SESSION", "SESS_SEND", "SESS_COMMIT")]
    lost = ["REATTACH_SESSION"] * 2
    wait, question = ["SESS_SEND", "SESS_COMMIT"], ["SESS_SEND", "SESS_SEND", "SESS_COMMIT"]
    assert committing[committing.index("REATTACH_SESSION") :] == [*lost, *wait, *lost, *wait, *question]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from((Fate.EXECUTED, Fate.UNREAD)), st.lists(st.sampled_from(Fate), max_size=9))
def test_whatever_becomes_of_questions_the_truth_is_found(first: Fate, fates: list[Fate]) -> None:
    forwarder = Forwarder()
    trying = forwarder.commit()
    forwarder.play(trying, [first, *fates])
    committed = first is Fate.EXECUTED
    assert trying.result() is (TryOutcome.COMMITTED_BEFORE if committed else TryOutcome.AGAIN)
    assert forwarder.count("out") == committed
    forwarder.work("2" if committed else "1")
    trying = forwarder.commit()
    forwarder.play(trying, [])
    assert trying.result() is TryOutcome.COMMITTED


def test_a_link_on_which_the_answer_does_not_come_is_given_up_first() -> None:
    forwarder = Forwarder(exactly_once(call_timeout_s=2.0))
    world, link = forwarder.world, forwarder.world.link
    trying = forwarder.commit()
    while world.perform():
        pass
    world.wire.client_reads = None
    world.wire.deaf = True
    world.advance(1.9)
    assert world.link == link
    assert not trying.done
    world.drop(link, tell_client=False)  # what the broker makes of the Hangup that comes now
    world.advance(1.0)
    assert world.link != link
    assert trying.result() is TryOutcome.COMMITTED_BEFORE


def test_with_our_broker_the_answer_comes_by_reattachment() -> None:
    forwarder = Forwarder(foreign=False)
    trying = forwarder.commit()
    forwarder.play(trying, [Fate.UNREAD])
    assert trying.result() is TryOutcome.COMMITTED
    assert forwarder.world.names(Reattached)
    assert not forwarder.world.names(FailedOver)


def test_another_broker_cannot_know() -> None:
    attempts = {"reconnect_attempts": 1, "failover_attempts": 3, "use_topology_for_load_balancing": False}
    forwarder = Forwarder(exactly_once(endpoints=(ONE, TWO), load_balancing=LoadBalancing.FIRST_ELEMENT, **attempts))
    world = forwarder.world
    world.add_broker("two").state.node_id = "87654321-1234-1234-8234-123456789abc"
    world.engine._lifeline._balancer = Balancer(LoadBalancing.ROUND_ROBIN, random.Random(1))
    trying = forwarder.commit()
    while world.perform():
        pass
    world.refusing.add("one")
    world.cut()
    forwarder.move_until(lambda: trying.done)
    assert world.engine.state is ClientState.UP
    with pytest.raises(TransactionOutcomeUnknown, match="another broker"):
        trying.result()


def test_when_the_client_gives_up_it_is_unknown_for_good() -> None:
    forwarder = Forwarder(exactly_once(reconnect_attempts=2))
    trying = forwarder.commit()
    while forwarder.world.perform():
        pass
    forwarder.world.refusing.add("one")
    forwarder.world.cut()
    forwarder.world.advance(30.0)
    with pytest.raises(TransactionOutcomeUnknown):
        trying.result()


# -- what the broker refuses


def test_after_a_question_that_was_refused_the_session_is_emptied_before_the_next_try() -> None:
    forwarder = Forwarder()
    world = forwarder.world
    trying = forwarder.commit()
    forwarder.play(trying, [Fate.EXECUTED])
    question = len(world.sent) - world.sent[::-1].index("SESS_COMMIT") - 1
    assert [name for name in world.sent[question:] if name != "SESS_FLOWTOKEN"] == [
        *("SESS_COMMIT", "SESS_STOP", "SESS_ROLLBACK", "SESS_START")
    ]
    assert world.sent[question - 2 : question] == ["SESS_SEND", "SESS_SEND"]
    forwarder.work("2")


def test_a_refused_id_of_the_application_is_raised_and_the_try_rolled_back() -> None:
    forwarder = Forwarder(work=False)
    world, engine = forwarder.world, forwarder.engine
    world.run(engine.send(forwarder.now, forwarder.other, Queue("out"), Message("spent", duplicate_id="mine")))
    forwarder.work()
    world.run(engine.send(forwarder.now, forwarder.session, Queue("out"), Message("again", duplicate_id="mine")))
    with pytest.raises(DuplicateIdRejected):
        world.run(forwarder.commit())
    assert (forwarder.count("in"), forwarder.count("out")) == (2, 1)
    forwarder.work()
    assert world.run(forwarder.commit()) is TryOutcome.COMMITTED


# -- limits


def test_the_last_try_is_told_what_is_not_known_and_asks_nobody() -> None:
    forwarder = Forwarder()
    trying = forwarder.commit(last=True)
    forwarder.play(trying, [Fate.EXECUTED])
    with pytest.raises(TransactionOutcomeUnknown):
        trying.result()
    forwarder.work("2")


def test_the_last_try_is_told_that_it_was_rolled_back() -> None:
    forwarder = Forwarder()
    forwarder.world.cut()
    forwarder.world.advance(1.0)
    with pytest.raises(TransactionRolledBack):
        forwarder.world.run(forwarder.commit(last=True))


def test_without_exactly_once_an_unknown_outcome_is_raised() -> None:
    forwarder = Forwarder(resilient(confirmation_window_bytes=None))
    trying = forwarder.commit()
    forwarder.play(trying, [Fate.EXECUTED])
    with pytest.raises(TransactionOutcomeUnknown):
        trying.result()
    assert "SESS_BINDINGQUERY" in forwarder.world.sent
    assert not forwarder.world.run(forwarder.engine.query_address(forwarder.now, forwarder.other, RECEIPTS)).exists


@pytest.mark.parametrize("asking", [False, True])
def test_a_deadline_ends_the_waiting_for_a_broker(asking: bool) -> None:
    forwarder = Forwarder()
    world, engine = forwarder.world, forwarder.engine
    trying = forwarder.commit()
    while world.perform():
        pass
    if asking:
        world.cut()
        forwarder.move_until(lambda: forwarder.commits == 2)
    else:
        world.refusing.add("one")
        world.cut()
    assert not trying.done
    engine.end_tries(forwarder.now, forwarder.session)
    with pytest.raises(TransactionOutcomeUnknown, match="deadline"):
        trying.result()
    world.refusing.clear()
    world.advance(5.0)
    assert forwarder.count("out") == 0
    forwarder.work()
    assert world.run(forwarder.commit()) is TryOutcome.COMMITTED


def test_a_deadline_before_the_question_prevents_it() -> None:
    forwarder = Forwarder()
    trying = forwarder.commit()
    while forwarder.world.perform():
        pass
    forwarder.world.cut()
    forwarder.move_until(lambda: forwarder.world.sent[-1] == "SESS_STOP")
    forwarder.engine.end_tries(forwarder.now, forwarder.session)
    forwarder.world.advance(1.0)
    with pytest.raises(TransactionOutcomeUnknown):
        trying.result()
    assert forwarder.commits == 1
    forwarder.work()
    assert forwarder.world.run(forwarder.commit()) is TryOutcome.COMMITTED


def test_a_deadline_waits_for_an_answer_that_is_on_its_way() -> None:
    forwarder = Forwarder()
    trying = forwarder.commit()
    while forwarder.world.perform():
        pass
    forwarder.engine.end_tries(forwarder.now, forwarder.session)
    assert not trying.done
    forwarder.world.pump()
    assert trying.result() is TryOutcome.COMMITTED


def test_a_deadline_while_the_answer_is_on_its_way_does_not_outlive_the_link() -> None:
    forwarder = Forwarder()
    trying = forwarder.commit()
    while forwarder.world.perform():
        pass
    forwarder.engine.end_tries(forwarder.now, forwarder.session)
    forwarder.world.refusing.add("one")
    forwarder.world.cut()
    with pytest.raises(TransactionOutcomeUnknown, match="deadline"):
        trying.result()


# -- what has no place


def test_uncommitted_work_before_a_try_is_refused() -> None:
    forwarder = Forwarder(work=False)
    world, engine = forwarder.world, forwarder.engine
    world.run(engine.send(forwarder.now, forwarder.session, Queue("out"), Message("x")))
    with pytest.raises(LocalProtocolError, match="uncommitted"):
        engine.begin_try(forwarder.now, forwarder.session)
    world.run(engine.rollback(forwarder.now, forwarder.session))
    forwarder.work()


@pytest.mark.parametrize("verb", ["commit", "rollback", "begin_try"])
def test_a_try_ends_by_itself(verb: str) -> None:
    forwarder = Forwarder()
    with pytest.raises(LocalProtocolError, match="inside of transact"):
        getattr(forwarder.engine, verb)(forwarder.now, forwarder.session)
    forwarder.engine.end_tries(forwarder.now, forwarder.session)
    forwarder.world.run(forwarder.engine.rollback(forwarder.now, forwarder.session))
    assert forwarder.count("in") == 2


def test_a_session_without_transactions_has_no_tries() -> None:
    forwarder = Forwarder(work=False)
    with pytest.raises(LocalProtocolError, match="not transacted"):
        forwarder.engine.begin_try(forwarder.now, forwarder.other)


# -- the address


def test_receipts_have_a_guard_that_takes_no_message() -> None:
    forwarder = Forwarder()
    assert forwarder.world.run(forwarder.commit()) is TryOutcome.COMMITTED
    engine = forwarder.engine
    address = forwarder.world.run(engine.query_address(forwarder.now, forwarder.other, RECEIPTS))
    assert address.routing_types == {RoutingType.MULTICAST}
    assert address.queue_names == (GUARD.name,)
    queue = forwarder.world.run(engine.query_queue(forwarder.now, forwarder.other, GUARD.name))
    assert queue.message_count == 0
    assert queue.configuration.durable
    assert not queue.configuration.auto_delete
    assert not queue.configuration.auto_created


def test_a_client_without_permission_is_told_what_is_needed() -> None:
    forwarder = Forwarder(work=False)
    session = forwarder.engine._context.sessions[forwarder.other]
    script = make_receipts(session)
    script.send(None)
    with pytest.raises(SecurityError, match=r"createDurableQueue") as caught:
        script.throw(SecurityError("AMQ229032: no permission"))
    assert RECEIPTS in str(caught.value)


def test_who_may_not_keep_receipts_cannot_connect() -> None:
    world = ClientWorld(exactly_once(), foreign=True, pump=False)
    while "SESS_BINDINGQUERY" not in world.sent:
        assert world.step()
    session = next(iter(world.engine._context.by_channel.values()))
    session.answered(world.now, ExceptionResponse(105, "AMQ229032"), None)  # before the broker's own answer
    world.pump()
    with pytest.raises(SecurityError, match="exactlyOnce needs"):
        world.started.result()
