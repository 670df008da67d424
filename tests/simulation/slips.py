"""Defects that only one checker sees: for each rule one, and what a history must have to show it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.simulation import defects
from tests.simulation.defects import Defect, pair

from corewire.client._calls import Answers, Command
from corewire.client._tries import Tries
from corewire.errors import TransactionOutcomeUnknown
from corewire.wire import packets
from corewire_server.core import dispatch, routing
from corewire_server.core.commands import committing, sending
from corewire_server.core.dispatch import Answered
from corewire_server.core.dispatch import Command as Row
from corewire_server.core.queues import Ref, Waiting
from corewire_server.simulator.scenario import Options

if TYPE_CHECKING:
    import pytest

    from corewire.client._calls import Script
    from corewire_server.core.state import State


def message_dropped(patch: pytest.MonkeyPatch) -> None:
    """Some messages are confirmed, and go nowhere."""

    def most(state: State, *args: Any) -> Any:
        found = routing.targets(state, *args)
        return [] if state.store.last_id % 4 == 0 else found

    patch.setattr(sending, "targets", most)


def last_in_first_out(patch: pytest.MonkeyPatch) -> None:
    """A queue is a stack."""
    append = Waiting.append

    def push(self: Waiting, ref: Ref) -> None:
        append(self, ref)
        level = self._levels[ref.priority]
        assert level is not None
        level.rotate(1)

    patch.setattr(Waiting, "append", push)


def rollback_commits(patch: pytest.MonkeyPatch) -> None:
    """What is rolled back is committed."""

    def commit_instead(state: Any, session: Any, packet: Any) -> Any:
        return committing.commit(state, session, packets.SessionCommit(-1))

    patch.setitem(dispatch.COMMANDS, packets.SessionRollback.TYPE, Row(commit_instead, Answered.ALWAYS))


def commit_not_answered(patch: pytest.MonkeyPatch) -> None:
    """A commit is not answered, and the client is more patient than it was told."""
    expect = Answers.expect

    def expect_long(self: Answers, command: Command) -> None:
        if command.deadline is not None:
            command.deadline += 200.0
        expect(self, command)

    patch.setitem(dispatch.COMMANDS, packets.SessionCommit.TYPE, Row(committing.commit, Answered.NEVER))
    patch.setattr(Answers, "expect", expect_long)


def rollback_raises(patch: pytest.MonkeyPatch) -> None:
    """A command raises what nobody expected: its link is closed, and the client makes its sessions anew."""

    def stumble(state: Any, session: Any, packet: Any) -> Any:
        raise KeyError(session.name)

    patch.setitem(dispatch.COMMANDS, packets.SessionRollback.TYPE, Row(stumble, Answered.ALWAYS))


def nobody_is_asked(patch: pytest.MonkeyPatch) -> None:
    """A client that does not know whether a try committed says so, instead of asking for its receipt."""

    def give_up(self: Tries, *args: Any) -> Script[bool]:
        yield from ()
        raise TransactionOutcomeUnknown

    patch.setattr(Tries, "_ask", give_up)


ONLY: dict[str, Defect] = {
    "lost": Defect("a message is dropped", message_dropped, Options(faults=())),
    "doubled": Defect(
        "a doubled write is executed", defects.doubled_write_executed, Options(faults=("reset", "cut"), workload="send")
    ),
    "foreign": Defect("a rollback commits", rollback_commits, Options(faults=(), workload="transact")),
    "order": Defect("a queue is a stack", last_in_first_out, Options(faults=())),
    "one server": Defect(
        "a promotion takes no new epoch", defects.no_new_epoch, replace(pair("kill", "power"), failures=1)
    ),
    "same state": Defect(
        "queues get messages in the order of their addresses", defects.routed_by_identity, defects.PUBLISHED
    ),
    "recovery": Defect("a backup keeps no journal", defects.backup_keeps_no_journal, pair("kill", "both")),
    "confirmation": Defect("a confirmation overtakes an exception", defects.confirmed_before_refused),
    "counting": Defect("a refused command is not counted", defects.refused_not_counted),
    "deadline": Defect("a commit is not answered", commit_not_answered, Options(faults=(), workload="transact")),
    "complaint": Defect("a command raises", rollback_raises, Options(faults=(), workload="transact")),
    "tries": Defect("nobody is asked", nobody_is_asked, defects.TRIES),
    "ending": Defect("replay is off by one", defects.replay_off_by_one),
}
