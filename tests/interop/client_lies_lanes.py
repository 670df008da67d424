"""A lane of our client about brokers that lie: whatever it was told, it ends with an error of ours or goes on, and keeps nothing of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.interop.together import pause

from corewire.errors import CorewireError
from corewire_transports.anyio import connect, fail_after, move_on_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire_transports.anyio import Client

MOMENT_S = 0.3
TALK_S = 60.0  # on a busy machine; each of its calls ends after half a second
GLANCE_S = 0.01
GONE = "reconnectAttempts=0&initialConnectAttempts=1"
BACK = "reconnectAttempts=-1&initialConnectAttempts=-1&retryInterval=10"
OPTIONS = "callTimeout=500&confirmationWindowSize=100"


async def is_lied_to(
    name: str,
    next_url: Callable[[], str],
    held: Callable[[], list[int]],
    report: Callable[[list[str], list[int]], None],
    settled_s: float,
) -> None:
    """
    Talk to one broker after the other, until there is none.

    ``held`` counts what the program has open. ``report`` hears of the errors of each talk, and how much more is held than before the
    first: as soon as that is nothing, or ``settled_s`` later.
    """
    before = held()
    while url := next_url():
        errors: list[str] = []
        with fail_after(TALK_S):
            await _talk(url, name, errors)
        deadline = time.monotonic() + settled_s
        while True:
            surplus = [now - then for now, then in zip(held(), before, strict=True)]
            if max(surplus) <= 0 or time.monotonic() > deadline:
                break
            await pause(GLANCE_S)
        report(errors, surplus)


async def _talk(url: str, name: str, errors: list[str]) -> None:
    """Once connected, a client that reconnects has to be there in the end."""
    owed = False
    try:
        async with connect(url) as client:
            owed = BACK in url
            try:
                await _ask(client, name)
            except CorewireError as error:
                _note(errors, error)
            if owed:
                await _goes_on(client, name)
                owed = False
    except CorewireError as error:
        _note(errors, error)
    assert not owed, errors


def _note(errors: list[str], error: CorewireError) -> None:
    assert error.__cause__ is None or isinstance(error.__cause__, (CorewireError, OSError)), error.__cause__
    errors.append(type(error).__name__)


async def _ask(client: Client, name: str) -> None:
    """For all that is answered."""
    async with client.session() as session:
        await session.create_queue(name, exist_ok=True)
        await session.query_queue(name)
        await session.query_address(name)
        with move_on_after(MOMENT_S):  # credits that were not given are waited for without end
            await session.send(name, "text", properties={"key": "value"})
        async with session.consumer(name) as consumer:
            message = await consumer.receive(timeout=MOMENT_S)
            assert message is None or message.properties is not None
            assert message is None or message.text is not None


async def _goes_on(client: Client, name: str) -> None:
    """However busy the machine is: half a second, for answers that do not come, may be too short for those that do."""
    while True:
        try:
            async with client.session() as session:
                assert (await session.query_queue(name)).configuration.name == name
                return
        except CorewireError:
            await pause(GLANCE_S)
