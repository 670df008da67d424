"""
Applications that have something done once, whatever fails: ``transact`` as the facades run it, over the engine's tries.

Messages of one try have numbers that no other try uses. So whoever is told that a try did not happen can be held to it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from corewire.client._tries import TryOutcome
from corewire.errors import CallTimeout, ConnectionLost, CorewireError, TransactionRolledBack, Unblocked
from corewire_server.simulator.clients import RETRY_US, check_connected
from corewire_server.simulator.workloads import POLL_US, Application, close_session
from corewire_server.simulator.world import MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire.client._ids import ConsumerId, SessionId
    from corewire_server.simulator.clients import Client, Script, Task
    from corewire_server.simulator.workloads import Errand

_AGAIN: Final = (TransactionRolledBack, Unblocked)
_PROBES: Final = {
    TryOutcome.COMMITTED_BEFORE: "a try whose answer was lost had committed",
    TryOutcome.AGAIN: "a try ran again",
}


class Trying(Application):
    """A session in which something is tried until it took effect."""

    def __init__(self, client: Client, errand: Errand, session: SessionId) -> None:
        super().__init__(client, errand)
        self._session = session

    def transact(self, fn: Callable[[], Script[None]]) -> Script[bool]:
        """Run it until it took effect; each time ``fn`` sends with this application. Returns whether it did: the broker may refuse."""
        engine, client = self.engine, self.client
        while True:
            check_connected(engine)
            first = self.sent
            engine.begin_try(client.now_s(), self._session)
            try:
                yield from fn()
            except CorewireError as problem:
                engine.end_tries(client.now_s(), self._session)
                with suppress(CorewireError):  # then the next try says it
                    yield from self.call("rollback", engine.rollback, self._session)
                self._tell_try(first, TryOutcome.AGAIN, None if isinstance(problem, _AGAIN) else problem)
                continue
            try:
                outcome = yield from self.call("commit", engine.commit_try, self._session)
            except CorewireError as problem:
                self._tell_try(first, None, problem)
                return False
            self._tell_try(first, outcome, None)
            if outcome is not TryOutcome.AGAIN:
                return True

    def _tell_try(self, first: int, outcome: TryOutcome | None, error: CorewireError | None) -> None:
        self.observer.tried(
            self.now, self.client.name, self.errand.name, "" if outcome is None else outcome.name, error
        )
        if outcome in _PROBES:
            self.observer.probe(_PROBES[outcome])
        if outcome is TryOutcome.AGAIN:
            error = TransactionRolledBack("nothing of the try happened")
        self.tell(range(first, self.sent), error)


def send_in_tries(client: Client, errand: Errand) -> Task:
    """Some messages at a time, each of them once."""
    session = yield from Application(client, errand).session(transacted=True)
    app = Trying(client, errand, session)

    def send() -> Script[None]:
        for _ in range(errand.batch):
            yield from app.call("send in a try", app.engine.send, session, errand.destination, app.message())
            yield from app.pause(app.sending)

    while app.sent < errand.count:
        yield from app.transact(send)
    yield from close_session(app, session)


def forward(client: Client, errand: Errand) -> Task:
    """Pass on what comes, each message once, until it is time to leave."""
    taker = Application(client, errand)
    session = yield from taker.session(transacted=True)
    consumer = yield from taker.consumer(session)
    app = Trying(client, replace(errand, name=f"{errand.name}.on", queue=errand.onward), session)
    taken: list[tuple[str, int]] = []

    def pass_on() -> Script[None]:
        taken.clear()
        while len(taken) < errand.batch:
            receiving = client.ask(app.engine.receive, consumer)
            if not (yield from client.wait(receiving, POLL_US if not taken else 50 * MS)):
                return
            taken.append(taker.tell_delivered(client.result(receiving)))
            yield from app.call("send in a try", app.engine.send, session, app.errand.destination, app.message())

    while True:
        if not (yield from app.transact(pass_on)):
            yield RETRY_US  # a broker without room has none at once either
            continue
        taker.tell_consumed(taken)
        if client.leaving and not taken:
            break
        consumer = yield from _another(taker, session, consumer)
    yield from close_session(app, session)


def _another(app: Application, session: SessionId, consumer: ConsumerId) -> Script[ConsumerId]:
    """Now and then another consumer, between tries."""
    with suppress(ConnectionLost, CallTimeout):
        consumer = yield from app.another(session, consumer)
    return consumer
