"""Each checker sees what it is for, and has a defect that only it sees."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.client_world import ClientWorld
from tests.simulation.slips import ONLY

from corewire.client.message import Message
from corewire.errors import AddressFull, TransactionOutcomeUnknown
from corewire.values import Queue, QueueConfiguration, RoutingType
from corewire.wire import hot, packets, registry
from corewire_server.core import Broker, CoreConfig
from corewire_server.core.inputs import BytesReceived, LinkOpened, Timeout
from corewire_server.records import Op, Record
from corewire_server.simulator.checkers import CHECKERS, Checker
from corewire_server.simulator.checkers.complaints import NoComplaints
from corewire_server.simulator.checkers.confirmations import ConfirmedIsDone
from corewire_server.simulator.checkers.counting import CountsAgree
from corewire_server.simulator.checkers.deadlines import NoCallPastItsDeadline
from corewire_server.simulator.checkers.doubled import NothingDoubled
from corewire_server.simulator.checkers.ending import AllEndsWell
from corewire_server.simulator.checkers.foreign import NothingForeign
from corewire_server.simulator.checkers.lost import NothingLost
from corewire_server.simulator.checkers.one_server import OneServer
from corewire_server.simulator.checkers.order import OrderKept
from corewire_server.simulator.checkers.recovery import RecoveryExact
from corewire_server.simulator.checkers.same_state import SameState
from corewire_server.simulator.checkers.tries import TriesAreKnown
from corewire_server.simulator.history import play

SEEDS = 200


def send(checker: Checker, number: int, *, durable: bool = True, confirm: bool = True) -> None:
    checker.sent(1, "client", "p", number, "q", durable=durable, priority=4)
    if confirm:
        checker.confirmed(2, "client", "p", number)


def deliver(checker: Checker, number: int, *, consumer: str = "c", redelivered: bool = False) -> None:
    checker.delivered(3, f"client of {consumer}", consumer, "p", number, "q", redelivered=redelivered)


def core(steps: int = 0) -> Broker:
    broker = Broker(CoreConfig(node_seed=b"checked"))
    for step in range(steps):
        broker.step(step, Timeout())
    return broker


def restored(broker: Broker) -> Broker:
    return Broker.restore(CoreConfig(node_seed=b"checked"), broker.snapshot())


def test_rules_have_names_of_their_own() -> None:
    assert len({one.rule for one in CHECKERS}) == len(CHECKERS) == len(ONLY)


@pytest.mark.slow
@pytest.mark.parametrize("rule", [one.rule for one in CHECKERS])
def test_a_defect_that_only_this_checker_sees(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ONLY[rule].apply(monkeypatch)
    broken = ({one.rule for one in play(seed, ONLY[rule].options).violations} for seed in range(SEEDS))
    assert {rule} in broken


# -- messages


def test_what_was_confirmed_must_come() -> None:
    checker = NothingLost()
    send(checker, 0)
    send(checker, 1)
    send(checker, 2, confirm=False)
    deliver(checker, 0)
    checker.finished(9, [])
    assert ["p#1 was confirmed" in one.text for one in checker.violations] == [True]


def test_what_only_memory_had_may_go_with_it_but_not_when_a_backup_serves() -> None:
    for made, lost in ((core(), 0), (restored(core(1)), 1)):
        checker = NothingLost()
        send(checker, 0, durable=False)
        checker.core_made(5, "a", made)
        checker.serving(6, "a", 3, True)
        checker.finished(9, [])
        assert len(checker.violations) == lost


def test_what_was_consumed_or_is_in_hand_does_not_come_as_new() -> None:
    checker = NothingDoubled()
    deliver(checker, 0)
    checker.consumed(4, "client of c", "c", "p", 0, "q")
    deliver(checker, 1)
    deliver(checker, 1, consumer="d", redelivered=True)
    assert not checker.violations
    deliver(checker, 0, redelivered=True)
    deliver(checker, 1)
    assert len(checker.violations) == 2


@pytest.mark.parametrize("excuse", ["anew", "killed", "memory"])
def test_what_was_in_hand_may_come_as_new_if_nobody_can_know(excuse: str) -> None:
    checker = NothingDoubled()
    deliver(checker, 0)
    match excuse:
        case "anew":
            checker.event(4, "client of c", "FailedOver")
        case "killed":
            checker.client_killed(4, "client of c")
        case _:
            checker.core_made(4, "a", core())
            checker.serving(4, "a", 3, True)
    deliver(checker, 0, consumer="d")
    assert not checker.violations


def test_what_a_broker_that_is_gone_had_written_may_still_come() -> None:
    checker = NothingDoubled()
    checker.event(1, "client of d", "Connected")
    checker.core_made(2, "a", core())
    checker.serving(2, "a", 3, True)
    deliver(checker, 0)
    deliver(checker, 0, consumer="d")
    assert not checker.violations
    checker.event(3, "client of d", "FailureDetected")
    checker.event(3, "client of d", "FailedOver")
    deliver(checker, 0, consumer="d")
    assert len(checker.violations) == 1


@pytest.mark.parametrize(("end", "broken"), [("Reattached", 2), ("FailedOver", 0)])
def test_what_a_client_hands_out_without_a_link_counts_if_its_sessions_go_on(end: str, broken: int) -> None:
    checker = NothingDoubled()
    deliver(checker, 0)
    deliver(checker, 1)
    checker.consumed(4, "client of c", "c", "p", 0, "q")
    checker.event(5, "client of d", "FailureDetected")
    deliver(checker, 0, consumer="d")
    deliver(checker, 1, consumer="d")
    assert not checker.violations
    checker.event(6, "client of d", end)
    assert len(checker.violations) == broken


@pytest.mark.parametrize("led", [False, True], ids=["", "another is led"])
@pytest.mark.parametrize(("end", "broken"), [("Reattached", 1), ("FailedOver", 0), (None, 1)])
def test_what_a_client_hands_out_that_the_broker_gave_up_counts_likewise(
    end: str | None, broken: int, led: bool
) -> None:
    """It stood still for too long, and reads first what lies in its socket (seeds 120714475319498 and, of a pair, 968)."""
    checker, broker = NothingDoubled(), core()
    if led:
        broker.step(0, LinkOpened(1, "b"))
        checker.core_made(1, "b", core())
    checker.core_made(1, "a", broker)
    checker.serving(2, "a", 1, True)
    deliver(checker, 0)
    checker.consumed(4, "client of c", "c", "p", 0, "q")
    deliver(checker, 0, consumer="d")
    assert not checker.violations
    if end is not None:
        checker.event(5, "client of d", "FailureDetected")
        checker.event(6, "client of d", end)
    checker.finished(7, [])
    assert len(checker.violations) == broken


@pytest.mark.parametrize(("end", "broken"), [("Reattached", 1), ("FailedOver", 0)])
def test_what_is_in_a_hand_without_a_link_may_come_as_new_if_its_session_is_made_anew(end: str, broken: int) -> None:
    checker = NothingDoubled()
    deliver(checker, 0)
    checker.event(4, "client of c", "FailureDetected")
    deliver(checker, 0, consumer="d")
    assert not checker.violations
    checker.event(5, "client of c", end)
    assert len(checker.violations) == broken


@pytest.mark.parametrize("end", ["Reattached", "FailedOver"])
def test_what_the_broker_forgot_as_it_delivered_may_be_handed_out_without_a_link(end: str) -> None:
    checker = NothingDoubled()
    checker.event(1, "client of c", "FailureDetected")
    deliver(checker, 0)
    checker.consumed(4, "client of c", "c", "p", 0, "q")
    checker.event(5, "client of c", end)
    assert not checker.violations
    deliver(checker, 0, consumer="d")
    assert len(checker.violations) == 1


def test_what_was_consumed_is_not_consumed_again() -> None:
    """Also by somebody of whom it is not known how he came by it."""
    checker = NothingDoubled()
    checker.consumed(4, "client of c", "c", "p", 0, "q")
    checker.consumed(5, "client of d", "d", "p", 0, "q")
    assert len(checker.violations) == 1


def test_what_comes_was_sent_there_and_not_refused() -> None:
    checker = NothingForeign()
    send(checker, 0)
    send(checker, 1, confirm=False)
    checker.refused(2, "client", "p", 1, AddressFull("full"))
    deliver(checker, 0)
    assert not checker.violations
    deliver(checker, 1)
    deliver(checker, 2)
    checker.browsed(4, "client", "other", "p", 0)
    assert len(checker.violations) == 3


def test_order_is_that_of_sending_unless_something_came_back() -> None:
    checker = OrderKept()
    deliver(checker, 1)
    deliver(checker, 0, redelivered=True)
    deliver(checker, 5, consumer="d")
    assert not checker.violations
    deliver(checker, 4, consumer="d")
    assert len(checker.violations) == 1


def test_what_a_broker_had_given_to_another_one_may_be_late_though_it_never_left() -> None:
    """Its client was gone; then the broker was, and with it the count of deliveries."""
    checker, world = OrderKept(), ClientWorld()
    checker.core_made(0, "a", world.brokers["one"])
    session = world.session()
    world.run(
        world.engine.create_queue(world.now, session, QueueConfiguration(name="q", routing_type=RoutingType.ANYCAST))
    )
    world.run(world.engine.send(world.now, session, Queue("q"), Message("p 4 ")))
    for _ in range(2):
        holder = world.session()
        world.consumer(holder, create=False)
        checker.ended(1, "a", "killed")
        world.run(world.engine.close_session(world.now, holder))
    deliver(checker, 5)
    deliver(checker, 4)
    assert not checker.violations
    deliver(checker, 3)
    assert len(checker.violations) == 1


# -- calls and commands


def test_a_call_ends_before_its_deadline_which_may_be_put_off() -> None:
    checker = NoCallPastItsDeadline()
    checker.call_began(0, "client", 1, "send", 10)
    checker.call_began(5, "client", 1, "send", 30)
    checker.call_began(5, "dead", 2, "send", 30)
    checker.call_ended(20, "client", 1, None)
    checker.client_killed(25, "dead")
    checker.finished(99, [])
    assert not checker.violations
    checker.call_began(100, "client", 3, "commit", 110)
    checker.call_ended(111, "client", 3, None)
    checker.call_began(100, "client", 4, "commit", 110)
    checker.finished(200, [])
    assert len(checker.violations) == 2


def test_a_call_that_waits_for_others_has_no_deadline_from_then_on() -> None:
    checker = NoCallPastItsDeadline()
    checker.call_began(0, "client", 1, "send", 10)
    checker.call_began(5, "client", 1, "send", None)
    checker.call_ended(20, "client", 2, None)
    assert not checker.violations
    checker.call_began(30, "client", 1, "send", 40)
    checker.call_ended(41, "client", 2, None)
    assert len(checker.violations) == 1
    checker.call_began(50, "client", 3, "send", 60)
    checker.call_began(61, "client", 3, "send", None)  # too late
    assert len(checker.violations) == 2


def test_a_command_that_was_answered_is_not_written_again() -> None:
    checker = CountsAgree()
    checker.resumed(1, "client", "s", 3, 0)
    assert not checker.violations
    checker.resumed(2, "client", "s", 3, 1)
    assert len(checker.violations) == 1


def session_of(broker: Broker) -> Any:
    link = 1 << 32
    create = packets.CreateSessionV2("s", 10, 136, window_size=1 << 20)
    broker.step(1, LinkOpened(link, "client"))
    data = b"ARTEMIS" + registry.encode(packets.SubscribeTopologyV2(client_version=136), 0, 136)
    broker.step(1, BytesReceived(link, data + registry.encode(create, 1, 136)))
    return broker.state.links[link].sessions[10]


@pytest.mark.parametrize(
    ("confirmed", "answers", "rule"),
    [
        (4, ["exception"], "refuses command 4"),
        (4, ["null"], None),
        (3, ["exception"], None),
        (3, ["null", "exception"], None),
        (5, [], "has taken 4"),
    ],
)
def test_a_confirmation_covers_what_was_done(confirmed: int, answers: list[str], rule: str | None) -> None:
    broker = core()
    session = session_of(broker)
    session.channel._last_received = 4
    checker = ConfirmedIsDone()
    checker.core_made(0, "a", broker)
    frames = {
        "exception": registry.encode(packets.ExceptionResponse(100, "no", -1), 10, 136),
        "null": hot.null_response_frame(10, -1),
    }
    data = hot.packets_confirmed_frame(10, confirmed) + b"".join(frames[one] for one in answers)
    checker.answered(1, "a", 1 << 32, data)
    assert [rule is not None and rule in one.text for one in checker.violations] == [True] * (rule is not None)


# -- nodes


def test_one_serves_and_each_start_has_a_new_epoch() -> None:
    checker = OneServer()
    for node in "ab":
        checker.core_made(0, node, core())
    checker.serving(1, "a", 2, True)
    checker.answered(2, "a", 1, b"")
    checker.serving(3, "a", 2, False)
    checker.serving(4, "b", 3, True)
    checker.answered(5, "b", 1, b"")
    assert not checker.violations
    checker.serving(6, "a", 3, True)
    checker.answered(7, "a", 1, b"")
    assert [one.now for one in checker.violations] == [6, 6, 7]


def test_who_does_not_serve_answers_nobody() -> None:
    checker = OneServer()
    checker.core_made(0, "a", core())
    checker.answered(1, "a", 1, b"")
    assert len(checker.violations) == 1


def test_two_nodes_are_the_same_after_the_same_inputs() -> None:
    one, other = core(1), core(1)
    checker = SameState()
    for node, broker in (("a", one), ("b", other)):
        checker.lineage(0, node, "one and the same")
        broker.step(5, Timeout())
        checker.stepped(5, node, 2, broker)
    assert not checker.violations
    one.step(6, Timeout())
    session_of(other)
    checker.stepped(6, "a", 3, one)
    checker.stepped(6, "b", 3, other)
    assert len(checker.violations) == 1


def test_a_disk_holds_all_up_to_one_input() -> None:
    kept = [Record(Op.ADD, 1, 1, b"one"), Record(Op.ADD, 2, 1, b"two")]
    for found, broken in (([kept[0]], 0), (kept, 1), ([], 1), ([kept[0]._replace(body=b"torn")], 1)):
        checker = RecoveryExact()
        checker.appended(1, "a", 4, [kept[0]])
        checker.appended(2, "a", 5, [kept[1]])
        checker.recovered(3, "a", 4, found, power_lost=True)
        assert len(checker.violations) == broken


@pytest.mark.parametrize("served", [True, False])
def test_what_was_found_may_go_with_the_power_until_the_node_serves(served: bool) -> None:
    checker = RecoveryExact()
    checker.appended(1, "a", 4, [Record(Op.ADD, 1)])
    checker.appended(2, "a", 5, [Record(Op.DELETE, 1)])
    checker.recovered(3, "a", 5, [], power_lost=False)
    if served:
        checker.serving(4, "a", 2, True)
    checker.recovered(5, "a", 4, [Record(Op.ADD, 1)], power_lost=True)
    assert bool(checker.violations) is served


def test_a_journal_that_is_begun_anew_is_what_counts() -> None:
    checker = RecoveryExact()
    checker.appended(1, "a", 4, [Record(Op.ADD, 1)])
    checker.rewritten(2, "a", 9, [Record(Op.ADD, 7)])
    checker.appended(3, "a", 10, [Record(Op.DELETE, 7), Record(Op.ADD, 8)])
    checker.recovered(4, "a", 10, [Record(Op.ADD, 8)], power_lost=False)
    assert not checker.violations


def test_errors_are_complaints_unless_the_world_made_them() -> None:
    checker = NoComplaints()
    checker.log(1, "a", "error", "the disk failed: Input/output error")
    checker.log(1, "a", "warning", "it is late")
    assert not checker.violations
    checker.log(2, "a", "error", "client: link closed: KeyError")
    checker.log(2, "a", "warning", "client: session s cannot continue: command 9 is confirmed")
    assert len(checker.violations) == 2


def test_what_does_not_end_is_told() -> None:
    checker = AllEndsWell()
    checker.core_made(0, "a", core())
    checker.serving(1, "a", 1, True)
    checker.finished(2, [])
    assert not checker.violations
    checker.finished(3, ["client waits in send"])
    assert len(checker.violations) == 1


def test_violations_are_told_in_words() -> None:
    checker = AllEndsWell()
    checker.finished(1_500_000, ["client waits in send"])
    assert str(checker.violations[0]) == "ending: client waits in send (at 1.500000 s)"


def test_a_try_of_which_nobody_knows_is_told_and_a_refusal_is_not() -> None:
    checker = TriesAreKnown()
    checker.tried(1, "client", "p0", "COMMITTED_BEFORE", None)
    checker.tried(2, "client", "p0", "AGAIN", None)
    checker.tried(3, "client", "p0", "", AddressFull("the disk is full"))
    question = TransactionOutcomeUnknown("nobody could be asked")
    question.__cause__ = AddressFull("the disk is full")
    checker.tried(4, "client", "p0", "", question)
    assert not checker.violations
    checker.tried(4, "client", "p0", "", TransactionOutcomeUnknown("?"))
    assert len(checker.violations) == 1
