"""The actors of many streams, running in a world: tasks of one client, threads of one client, or a thread and a client each."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

import anyio

from corewire.events import FailedOver, FailureDetected, Reattached
from corewire_server.demo import actors_anyio, actors_blocking, actors_threads
from corewire_transports import anyio as anyio_world
from corewire_transports import blocking as blocking_world
from corewire_transports import threads as threads_world

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Sequence

    from corewire.events import ClientEvent
    from corewire_server.demo.ledger import Ledger

CLOSING_S = 5.0  # more than a consumer waits for a message


class World(Enum):
    """How a program is written and run."""

    ASYNCIO = "asyncio"
    TRIO = "trio"
    THREADS = "threads"
    BLOCKING = "blocking"


class Traffic:
    """Streams under way in one world. `start`, then `stop` the producers, then `join`."""

    def __init__(self, world: World, url: str, ledgers: Sequence[Ledger]) -> None:
        self.world = world
        self.ledgers = ledgers
        self.events: list[ClientEvent] = []  #: of all its clients
        self._url = url
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Connect and begin. Raises what connecting raises, in worlds where somebody waits for it."""
        match self.world:
            case World.ASYNCIO | World.TRIO:
                self._spawn("loop", partial(anyio.run, self._run_tasks, backend=self.world.value))
            case World.THREADS:
                self._run_threads()
            case World.BLOCKING:
                self._run_blocking()

    def stop(self) -> None:
        """No new messages; what was sent is still awaited."""
        for ledger in self.ledgers:
            ledger.stopped = True

    def join(self, deadline: float) -> None:
        """Wait for the end, at most until ``deadline`` on the monotonic clock; what has not ended by then has failed.

        That may still close its client, so that it does not look for its broker for ever: it has ``CLOSING_S`` for that.
        """
        self._await_end(deadline)
        for thread in self._threads:
            if thread.is_alive():
                self.ledgers[0].failures.append(TimeoutError(f"{thread.name} does not end"))
        for ledger in self.ledgers:
            ledger.given_up = True
        self._await_end(time.monotonic() + CLOSING_S)

    def _await_end(self, deadline: float) -> None:
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    @property
    def progress(self) -> list[int]:
        """How far each stream is."""
        return [ledger.progress for ledger in self.ledgers]

    @property
    def reattachments(self) -> list[Reattached]:
        """Links that were lost and continued."""
        return [event for event in self.events if isinstance(event, Reattached)]

    @property
    def recreated_sessions(self) -> int:
        """Sessions that were made anew."""
        return sum(event.recreated_sessions for event in self.events if isinstance(event, FailedOver))

    @staticmethod
    def produce(client: threads_world.Client, ledger: Ledger) -> None:
        """What a thread does that sends. A subclass may send in another way."""
        actors_threads.produce(client, ledger)

    @staticmethod
    def consume(client: threads_world.Client, ledger: Ledger) -> None:
        """What a thread does that takes. A subclass may take in another way."""
        actors_threads.consume(client, ledger)

    # -- worlds ------------------------------------------------------------------------------------------------------------

    def _told(self, *ledgers: Ledger) -> Callable[[ClientEvent], None]:
        def on_event(event: ClientEvent) -> None:
            self.events.append(event)
            if isinstance(event, FailureDetected | Reattached | FailedOver):
                for ledger in ledgers:
                    ledger.note_cut()

        return on_event

    def _spawn(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=f"{self.world.value} {name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    async def _run_tasks(self) -> None:
        async def run(actor: Callable[[anyio_world.Client, Ledger], Awaitable[None]], ledger: Ledger) -> None:
            with _recorded(ledger):
                await actor(client, ledger)

        with _recorded(*self.ledgers):
            connecting = anyio_world.connect(self._url, on_event=self._told(*self.ledgers))
            async with connecting as client, anyio.create_task_group() as group:
                for ledger in self.ledgers:
                    group.start_soon(run, actors_anyio.produce, ledger)
                    group.start_soon(run, actors_anyio.consume, ledger)

    def _run_threads(self) -> None:
        client = threads_world.connect(self._url, on_event=self._told(*self.ledgers))
        last = threading.Barrier(2 * len(self.ledgers), client.close)

        def run(actor: Callable[[threads_world.Client, Ledger], None], ledger: Ledger) -> None:
            with _recorded(ledger):
                actor(client, ledger)
            last.wait()

        for ledger in self.ledgers:
            self._spawn(f"producer of {ledger.queue}", partial(run, self.produce, ledger))
            self._spawn(f"consumer of {ledger.queue}", partial(run, self.consume, ledger))

    def _run_blocking(self) -> None:
        def run(actor: Callable[[blocking_world.Client, Ledger], None], ledger: Ledger) -> None:
            with _recorded(ledger), blocking_world.connect(self._url, on_event=self._told(ledger)) as client:
                actor(client, ledger)

        for ledger in self.ledgers:
            self._spawn(f"producer of {ledger.queue}", partial(run, actors_blocking.produce, ledger))
            self._spawn(f"consumer of {ledger.queue}", partial(run, actors_blocking.consume, ledger))


@contextmanager
def _recorded(*ledgers: Ledger) -> Generator[None]:
    """What an actor raises has ended it: its ledgers say so."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  it is judged with the rest
        for ledger in ledgers:
            ledger.failures.append(error)
