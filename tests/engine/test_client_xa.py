"""Branches of distributed transactions: what is asked, what is refused here already, and what failures leave of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.client_world import fragile, resilient
from tests.engine.xa_world import ONE, TWO, XaWorld, code_of

from corewire.client import _xa
from corewire.client.message import Message
from corewire.errors import CallTimeout, LocalProtocolError, NotConnected, XaCode, XaError
from corewire.events import FailedOver, Reattached
from corewire.values import Queue, Xid
from corewire.wire import packets

if TYPE_CHECKING:
    from corewire._operation import Operation
    from corewire.client.config import ClientConfig

RMFAIL, RETRY, NOTA, PROTO = XaCode.XAER_RMFAIL, XaCode.XA_RETRY, XaCode.XAER_NOTA, XaCode.XAER_PROTO
WHOLE = ["START", "END", "PREPARE", "COMMIT"]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> XaWorld:
    """Without a window: a session that lost its link is made anew."""
    return XaWorld(monkeypatch, fragile(retry_interval_s=0.1))


@pytest.fixture
def windowed(monkeypatch: pytest.MonkeyPatch) -> XaWorld:
    """With a window, and a broker of ours: a session that lost its link continues."""
    return XaWorld(monkeypatch, resilient(retry_interval_s=0.1))


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> XaWorld:
    """With a window, and a broker that may run a command twice."""
    return XaWorld(monkeypatch, resilient(retry_interval_s=0.1), foreign=True)


# -- without failures


def test_a_branch_goes_through_its_steps(world: XaWorld) -> None:
    world.do("start")
    world.run(world.send())
    world.do("end", "prepare", "commit")
    assert world.broker.names == WHOLE
    assert world.broker.opened_for_xa == [True, False]
    commit = world.broker.asked[-1]
    assert (commit.xid, commit.one_phase) == (packets.Xid(1, b"b", b"one"), False)


def test_flags_reach_the_broker(world: XaWorld) -> None:
    world.do("start")
    world.run(world.ask("end", flag=True))
    world.run(world.ask("commit", flag=True))
    assert (world.broker.asked[1].failed, world.broker.asked[2].one_phase) == (True, True)


def test_suspended_branches_are_resumed_and_others_joined(world: XaWorld) -> None:
    world.do("start")
    world.run(world.ask("suspend", None))
    world.do("join", "end", xid=TWO)
    world.do("resume", "end", "rollback")
    world.do("forget", xid=TWO)
    assert world.broker.names == ["START", "SUSPEND", "JOIN", "END", "RESUME", "END", "ROLLBACK", "FORGET"]


def test_a_branch_without_work_may_vote_read_only(world: XaWorld) -> None:
    world.do("start", "end")
    world.broker.codes.append(XaCode.XA_RDONLY)
    assert world.run(world.ask("prepare")) is XaCode.XA_RDONLY


@pytest.mark.parametrize(
    ("answered", "told"),
    [
        *((int(code), code) for code in XaCode if code is not XaCode.XA_RDONLY),
        (101, XaCode.XA_RBROLLBACK),
        (107, XaCode.XA_RBROLLBACK),
        (-9, XaCode.XAER_RMERR),
        (12_345, XaCode.XAER_RMERR),
    ],
)
def test_refusals_are_told_by_their_code(world: XaWorld, answered: int, told: XaCode) -> None:
    world.broker.codes.append(answered)
    with pytest.raises(XaError, match=told.name) as caught:
        world.run(world.ask("commit"))
    assert (caught.value.xa_code, caught.value.retry) == (told, told is RETRY)
    assert caught.value.heuristic == told.name.startswith("XA_HEUR")


def test_one_branch_at_a_time(world: XaWorld) -> None:
    world.do("start")
    for verb in ("start", "join", "resume"):
        assert world.refused(verb, TWO) is PROTO
    for verb in ("prepare", "commit", "rollback"):
        assert world.refused(verb) is PROTO
    assert world.broker.names == ["START"]


def test_recovery_and_time_outs(world: XaWorld) -> None:
    world.broker.in_doubt = [packets.Xid(1, b"b", b"one"), packets.Xid(1, b"", b"two")]
    assert world.run(world.engine.xa_recover(world.now, world.xa)) == (ONE, TWO)
    assert world.run(world.engine.xa_set_timeout(world.now, world.xa, 7)) is True
    assert world.run(world.engine.xa_set_timeout(world.now, world.xa, 0)) is True
    assert world.run(world.engine.xa_get_timeout(world.now, world.xa)) == 300
    assert [packet.seconds for packet in world.broker.asked[1:3]] == [7, -1]
    with pytest.raises(XaError, match="XAER_INVAL"):
        world.run(world.engine.xa_set_timeout(world.now, world.xa, -1))


def test_a_list_of_what_is_no_xid_is_refused(world: XaWorld) -> None:
    world.broker.in_doubt = [packets.Xid(1, b"", b"")]
    assert code_of(world, world.engine.xa_recover(world.now, world.xa)) is XaCode.XAER_RMERR


def test_commands_that_do_not_fit_the_session_are_refused_here(world: XaWorld) -> None:
    with pytest.raises(LocalProtocolError, match="not opened for XA"):
        world.engine.xa(world.now, world.other, "start", ONE)
    for command in (world.engine.commit, world.engine.rollback):
        with pytest.raises(LocalProtocolError, match="end branches with XA commands"):
            command(world.now, world.xa)
    with pytest.raises(ValueError, match="give its Xid"):
        world.ask("start", None)


def test_sends_wait_for_the_broker_outside_of_branches_only(world: XaWorld) -> None:
    outside = world.send()
    world.perform()
    assert not outside.done
    world.run(outside)
    world.do("start")
    assert world.send().done


def test_what_is_received_outside_counts_when_the_next_comes_or_a_branch_begins(world: XaWorld) -> None:
    for number in range(3):
        world.run(world.engine.send(world.now, world.other, Queue("q"), Message(str(number))))
    consumer = world.consumer(world.xa, create=False)
    told = "SESS_ACKNOWLEDGE"
    for expected in (0, 1):
        world.run(world.engine.receive(world.now, consumer))
        world.pump()
        assert world.sent.count(told) == expected
    world.do("start")
    assert world.sent.count(told) == 2
    world.run(world.engine.receive(world.now, consumer))
    assert world.sent.count(told) == 2
    world.do("end")
    assert world.sent.count(told) == 3
    assert world.sent.index("SESS_XA_END") > world.sent.index(told)


def test_rolling_back_a_branch_gives_back_what_came(world: XaWorld) -> None:
    for number in range(3):
        world.run(world.engine.send(world.now, world.other, Queue("q"), Message(str(number))))
    consumer = world.consumer(world.xa, create=False)
    world.do("start")
    world.run(world.engine.receive(world.now, consumer))
    world.do("end")
    first = world.ask("rollback")
    world.step()
    assert world.engine.receive_nowait(world.now, consumer) is None
    world.run(first)
    assert world.engine.buffered(consumer) == 0 or world.sent[-1] == "SESS_START"
    assert world.sent.index("SESS_STOP") < world.sent.index("SESS_XA_ROLLBACK")


def test_a_start_refused_as_known_leaves_no_nameless_transaction_behind(world: XaWorld) -> None:
    world.broker.codes.append(XaCode.XAER_DUPID)
    assert world.refused("start") is XaCode.XAER_DUPID
    assert world.sent[-2:] == ["SESS_ROLLBACK", "SESS_START"]
    world.do("start")


# -- the session was made anew


@pytest.mark.parametrize("executed", [True, False])
class TestMadeAnew:
    """In flight when the link was lost; the broker may have executed it."""

    def test_start_is_asked_again_and_ended(self, world: XaWorld, executed: bool) -> None:
        started = world.ask("start")
        world.fail(executed=executed)
        assert code_of(world, started) is RMFAIL
        assert world.since(["START"] * executed) == ["START", "END"]
        assert world.broker.asked[-1].failed
        world.do("start", xid=TWO)

    def test_start_of_what_the_broker_still_has_leaves_nothing_behind(self, world: XaWorld, executed: bool) -> None:
        started = world.ask("start")
        world.broker.codes.extend([0] * executed + [XaCode.XAER_DUPID])
        world.fail(executed=executed)
        assert code_of(world, started) is RMFAIL
        assert world.sent[-2:] == ["SESS_ROLLBACK", "SESS_START"]

    @pytest.mark.parametrize("verb", ["join", "resume"])
    @pytest.mark.parametrize("codes", [[NOTA], [0, XaCode.XAER_PROTO]], ids=["before", "between"])
    def test_what_went_with_the_old_session_is_lost(
        self, world: XaWorld, executed: bool, verb: Any, codes: list[int]
    ) -> None:
        """A broker that had executed it rolls the branch back when it misses the session: before it is asked again, or meanwhile."""
        entered = world.ask(verb)
        world.broker.codes.extend([0] * executed + codes)
        world.fail(executed=executed)
        assert code_of(world, entered) is RMFAIL
        world.do("start", xid=TWO)

    def test_end_and_suspend_leave_a_branch_that_is_lost(self, world: XaWorld, executed: bool) -> None:
        for verb in ("end", "suspend"):
            world.do("start")
            left = world.ask(verb, None if verb == "suspend" else ONE)
            asked = world.broker.names + [verb.upper()] * executed
            world.fail(executed=executed)
            assert code_of(world, left) is RMFAIL
            assert world.since(asked) == (["RESUME", "END"] if verb == "suspend" else [])
            assert world.refused("prepare") is RMFAIL
            world.do("rollback")

    def test_prepare_is_asked_again_and_votes(self, world: XaWorld, executed: bool) -> None:
        world.do("start", "end")
        prepared = world.ask("prepare")
        world.fail(executed=executed)
        assert world.run(prepared) is None
        assert world.broker.names.count("PREPARE") == 1 + executed
        world.do("commit")

    def test_prepare_without_a_vote_is_rolled_back(self, world: XaWorld, executed: bool) -> None:
        world.do("start", "end")
        prepared = world.ask("prepare")
        world.broker.codes.extend([0] * executed + [NOTA])
        world.fail(executed=executed)
        assert code_of(world, prepared) is RMFAIL
        assert "SESS_ROLLBACK" in world.sent

    @pytest.mark.parametrize(("one_phase", "code"), [(True, RMFAIL), (False, RETRY)])
    def test_commit(self, world: XaWorld, executed: bool, one_phase: bool, code: XaCode) -> None:
        world.do("start", "end", *() if one_phase else ("prepare",))
        committed = world.ask("commit", flag=one_phase)
        world.fail(executed=executed)
        assert code_of(world, committed) is code

    @pytest.mark.parametrize("verb", ["rollback", "forget"])
    def test_rollback_and_forget(self, world: XaWorld, executed: bool, verb: Any) -> None:
        asked = world.ask(verb)
        while verb == "rollback" and world.sent[-1] != "SESS_XA_ROLLBACK":
            world.step()
        world.fail(executed=executed)
        assert code_of(world, asked) is RMFAIL

    def test_questions(self, world: XaWorld, executed: bool) -> None:
        engine = world.engine
        asked: list[Operation[Any]] = [
            engine.xa_recover(world.now, world.xa),
            engine.xa_set_timeout(world.now, world.xa, 5),
            engine.xa_get_timeout(world.now, world.xa),
        ]
        world.fail(executed=executed)
        assert [code_of(world, each) for each in asked] == [RMFAIL] * 3


def test_a_branch_that_worked_when_the_session_was_lost_ends_rolled_back(world: XaWorld) -> None:
    world.do("start")
    world.run(world.send())
    world.fail()
    assert world.since(["START"]) == ["FAILED"]
    world.run(world.send())
    assert world.refused("end") is RMFAIL
    assert world.since(["START"]) == ["FAILED"]
    assert "SESS_ROLLBACK" in world.sent
    assert world.names(FailedOver)


@pytest.mark.parametrize("answer", [0, NOTA])
def test_an_end_asked_for_during_the_outage_says_that_the_branch_was_lost(world: XaWorld, answer: int) -> None:
    world.do("start")
    world.cut()
    ended = world.ask("end")
    world.broker.codes.append(answer)
    world.advance(1.0)
    assert code_of(world, ended) is RMFAIL
    assert world.since(["START"]) == ["END"]


def test_what_a_branch_sent_during_the_outage_is_not_written_once_it_was_left(world: XaWorld) -> None:
    """It would be in no branch, and take effect at once."""
    world.do("start")
    world.run(world.send())
    world.cut()
    assert world.send().done
    ended = world.ask("end")
    before = world.sent.count("SESS_SEND")
    world.advance(1.0)
    assert code_of(world, ended) is RMFAIL
    world.advance(1.0)
    assert world.sent.count("SESS_SEND") == before


def test_a_start_asked_for_during_the_outage_is_done(world: XaWorld) -> None:
    world.cut()
    started = world.ask("start")
    world.advance(1.0)
    assert world.run(started) is None
    world.do("end")


def test_an_ended_branch_is_lost_for_one_phase_and_not_for_the_brokers_word(world: XaWorld) -> None:
    world.do("start", "end")
    world.fail()
    for verb, flag in (("prepare", False), ("commit", True)):
        assert world.refused(verb, flag=flag) is RMFAIL
    assert world.broker.names == ["START", "END"]
    world.broker.codes.append(NOTA)
    assert world.refused("commit") is NOTA
    world.do("start", "end", "prepare")


@pytest.mark.parametrize(("verb", "one_phase"), [("prepare", False), ("commit", True)])
def test_what_is_asked_for_during_the_outage_says_that_the_branch_was_lost(
    world: XaWorld, verb: Any, one_phase: bool
) -> None:
    """A broker that has not missed the old session yet would do it, and is not asked."""
    world.do("start", "end")
    world.cut()
    asked = world.ask(verb, flag=one_phase)
    world.advance(1.0)
    assert code_of(world, asked) is RMFAIL
    assert world.broker.names == ["START", "END"]
    world.do("rollback")


def test_a_branch_of_another_session_is_prepared_after_the_outage(world: XaWorld) -> None:
    world.cut()
    prepared = world.ask("prepare")
    world.advance(1.0)
    assert world.run(prepared) is None


def test_a_prepared_branch_outlives_the_session(world: XaWorld) -> None:
    world.do("start", "end", "prepare")
    world.fail()
    world.do("commit")
    world.do("start", "end", "prepare", "rollback")


def test_a_suspended_branch_that_was_lost_can_be_resumed_and_only_rolled_back(world: XaWorld) -> None:
    world.do("start")
    world.run(world.ask("suspend", None))
    world.fail()
    world.do("resume")
    assert world.refused("end") is RMFAIL


def test_the_time_out_is_told_to_the_new_session(world: XaWorld) -> None:
    world.run(world.engine.xa_set_timeout(world.now, world.xa, 9))
    world.do("start")
    world.fail()
    assert world.since(["SET_TIMEOUT", "START"]) == ["SET_TIMEOUT", "FAILED"]
    assert world.broker.asked[-2].seconds == 9


def test_a_time_out_that_could_not_be_set_spoils_the_branch(world: XaWorld) -> None:
    world.do("start")
    asked = world.engine.xa_set_timeout(world.now, world.xa, 9)
    world.fail()
    assert code_of(world, asked) is RMFAIL
    assert world.refused("end") is RMFAIL


def test_branches_that_are_decided_elsewhere_are_forgotten_in_the_end(
    world: XaWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_xa, "ENDED_MAX", 3)
    for number in range(5):
        world.do("start", "end", xid=Xid(1, bytes([number]), b""))
    world.fail()
    lost = world.refused("prepare", Xid(1, b"\4", b""))
    world.do("prepare", xid=Xid(1, b"\0", b""))  # it is for the broker to say what became of it
    assert lost is RMFAIL


# -- the session was re-attached, or given up


@pytest.mark.parametrize("executed", [True, False])
def test_reattached_all_is_done(windowed: XaWorld, executed: bool) -> None:
    world = windowed
    for verb in ("start", "end", "prepare", "commit", "rollback", "forget"):
        asked = world.ask(verb)
        world.fail(executed=executed)
        assert world.run(asked) is None
    assert world.broker.names == ["START", "END", "PREPARE", "COMMIT", "ROLLBACK", "FORGET"]
    assert len(world.names(Reattached)) == 6


@pytest.mark.parametrize(
    ("verb", "flag", "code"),
    [("start", False, RMFAIL), ("prepare", False, RMFAIL), ("commit", False, RETRY), ("commit", True, RMFAIL)],
)
def test_given_up(monkeypatch: pytest.MonkeyPatch, verb: Any, flag: bool, code: XaCode) -> None:
    config: ClientConfig = fragile(reconnect_attempts=0)
    world = XaWorld(monkeypatch, config)
    asked = world.ask(verb, flag=flag)
    world.fail()
    assert code_of(world, asked) is code
    with pytest.raises(NotConnected):
        world.ask("rollback")


@pytest.mark.parametrize(("verb", "flag", "code"), [("start", False, RMFAIL), ("commit", False, RETRY)])
def test_an_answer_that_does_not_come(monkeypatch: pytest.MonkeyPatch, verb: Any, flag: bool, code: XaCode) -> None:
    world = XaWorld(monkeypatch, fragile(call_timeout_s=5.0, retry_interval_s=0.1))
    asked = world.ask(verb, flag=flag)
    world.perform()
    world.wire.deaf = True
    world.advance(5.5)
    assert code_of(world, asked) is code
    assert isinstance(asked.error.__cause__ if asked.error else None, CallTimeout)
    world.advance(1.0)
    assert world.broker.names == [verb.upper()]  # not asked again: nobody waits
    world.do("start", xid=TWO)


@pytest.mark.parametrize(("verb", "written"), [("start", False), ("commit", False), ("rollback", True)])
def test_what_nobody_waits_for_any_more_when_the_link_is_back(
    monkeypatch: pytest.MonkeyPatch, verb: Any, written: bool
) -> None:
    world = XaWorld(monkeypatch, resilient(call_failover_timeout_s=5.0, retry_interval_s=0.1))
    world.refusing.add("one")
    world.cut()
    asked = world.ask(verb, flag=verb == "commit")
    world.advance(5.5)
    assert code_of(world, asked) is RMFAIL
    world.refusing.clear()
    world.advance(1.0)
    assert world.broker.names == [verb.upper()] * written
    world.do("start", "end", xid=TWO)


# -- a broker that may run a command twice


@pytest.mark.parametrize("verb", ["commit", "rollback", "forget"])
def test_what_it_refuses_because_it_is_done_is_done(foreign: XaWorld, verb: Any) -> None:
    world = foreign
    world.broker.codes.append(NOTA)
    asked = world.ask(verb)
    while verb == "rollback" and world.sent[-1] != "SESS_XA_ROLLBACK":
        world.step()
    world.fail(executed=False)
    assert world.run(asked) is None
    assert world.names(Reattached)
    world.broker.codes.append(NOTA)
    assert world.refused(verb) is NOTA


def test_a_branch_that_was_started_twice_is_joined(foreign: XaWorld) -> None:
    world = foreign
    world.broker.codes.append(XaCode.XAER_DUPID)
    asked = world.ask("start")
    world.fail(executed=False)
    assert world.run(asked) is None
    assert world.broker.names == ["START", "JOIN"]
    assert "SESS_ROLLBACK" in world.sent
    world.do("end")


def test_sends_are_not_written_again_beyond_the_end_of_their_branch(foreign: XaWorld) -> None:
    world = foreign
    world.run(world.send())  # the address is known, there are credits
    world.do("start")
    assert world.send().done
    ended = world.ask("end")
    world.fail(executed=False)
    assert code_of(world, ended) is RMFAIL
    assert world.names(FailedOver)
    assert world.since(["START"]) == []


def test_sends_that_may_be_in_a_branch_twice_spoil_it(foreign: XaWorld) -> None:
    world = foreign
    world.run(world.send())  # the address is known, there are credits
    world.do("start")
    assert world.send().done
    world.fail(executed=False)
    assert world.names(Reattached)
    assert world.refused("end") is RMFAIL
