"""Applications that ask for what a broker of ours does not have, between messages that it takes: refused, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from corewire.errors import CorewireError, ErrorCode
from corewire_server.simulator.workloads import Application, close_session

if TYPE_CHECKING:
    from corewire_server.simulator.clients import Client, Script, Task
    from corewire_server.simulator.workloads import Errand

_LARGE: Final = 1500  # characters of such a body; so it has many chunks


class NotRefused(Exception):
    """A broker took what it does not have."""


def ask_for_what_is_lacking(client: Client, errand: Errand) -> Task:
    """Messages, some of them large, or all of groups, and sessions for distributed transactions in between."""
    small, large = Application(client, errand), Application(client, replace(errand, size=_LARGE))
    session = yield from small.session()
    config = client.engine.config
    grouped = config.auto_group or config.group_id is not None
    while small.sent < errand.count:
        app = client.rng.choice((small, large))
        number, message = app.sent, app.message()
        error: CorewireError | None = None
        try:
            yield from app.call("send", app.engine.send, session, errand.destination, message)
        except CorewireError as problem:
            error = problem
        what = "a large message" if app is large else "a message of a group" if grouped else ""
        if what and app.waits:
            _look_at_refusal(app, what, error)
        app.tell_sent(number, error)
        yield from _ask_for_branches(app)
        yield from app.pause(app.sending)
    yield from close_session(small, session)


def _ask_for_branches(app: Application) -> Script[None]:
    error: CorewireError | None = None
    try:
        yield from app.call("create_session", app.engine.create_session, xa=True)
    except CorewireError as problem:
        error = problem
    _look_at_refusal(app, "a distributed transaction", error)


def _look_at_refusal(app: Application, what: str, error: CorewireError | None) -> None:
    if error is None:
        raise NotRefused(what)
    if error.code == ErrorCode.NOT_IMPLEMENTED_EXCEPTION:
        app.observer.probe(f"{what} was refused")
