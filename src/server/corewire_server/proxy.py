"""A TCP proxy that does to links what networks do: cuts them at any byte, stalls, slows, refuses, loses one direction.

For the demo, for tests, for trying one's own application. It stands in front of one target, keeps its port while the target
is killed and started again, and knows nothing of the protocol: faults are counted in bytes.

How it works: an event loop in a thread of its own relays between pairs of sockets. A cut is a *plan* (direction, number of
bytes, how) drawn from the seed by `Proxy.arm`; the link that carries the planned byte is cut behind exactly that byte, and
the plan is used up. So one cut follows another only when the owner has seen the client recover and arms again: a cut in the
middle of a re-attachment costs a Java client its whole call timeout, whatever the broker does.
"""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Self, TypeVar

from corewire_server._relay import Cut, Direction, Ending, Faults, Link, Tap

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType


T = TypeVar("T")
__all__ = ["Cut", "Direction", "Ending", "Proxy", "Tap"]


class Proxy:
    """Relays TCP links to ``target`` and spoils them on demand. All methods may be called from any thread, and by the tap, whose
    fault comes before the bytes that it is shown; but not `refuse`, `accept` and `close` by the tap.

    Use it as a context manager, or call `start` and `close`.
    """

    def __init__(
        self,
        target: tuple[str, int],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
        tap: Tap | None = None,
        source: str | None = None,
        buffer_bytes: int | None = None,
    ) -> None:
        """``target``: host and port, may be changed later. ``port`` 0 takes a free one. ``seed`` decides every draw.

        ``source``: the address of ours from which the target sees the links come, None: as the system chooses.
        ``buffer_bytes``: of the sockets towards clients, each way; small ones let nobody write much at once.
        """
        self.target = target
        self.host = host
        self.port = port
        self.tap = tap
        self._buffer_bytes = buffer_bytes
        self._source = None if source is None else (source, 0)
        self.rng = random.Random(seed)  # noqa: S311  reproducible on purpose
        self._thread: threading.Thread | None = None
        self._loop = asyncio.SelectorEventLoop()  # on Windows too: it has `add_reader`
        self._keeper: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._changed = threading.Condition()
        self._links: set[Link] = set()
        self._adopting: set[asyncio.Task[None]] = set()
        self._dialling: set[asyncio.Task[None]] = set()
        self._emptied: asyncio.Event | None = None
        self._cuts = 0
        self._opened = 0
        self._ended = 0
        self.faults = Faults()

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen. Raises ``OSError`` if the port is taken."""
        try:
            self._keeper = _bound(self.host, self.port)
            self.port = self._keeper.getsockname()[1]
            self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy:{self.port}", daemon=True)
            self._thread.start()
            self.accept()
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Reset every link, give the port back, end the thread. Harmless when repeated."""
        thread, self._thread = self._thread, None
        if thread is not None:
            asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
        if self._keeper is not None:
            self._keeper.close()
        if not self._loop.is_closed():
            self._loop.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- what is ---------------------------------------------------------------------------------------------------

    @property
    def cuts(self) -> int:
        """Cuts done so far; `cut_all` counts one for each link."""
        return self._cuts

    @property
    def links_opened(self) -> int:
        """Links accepted so far."""
        return self._opened

    @property
    def links(self) -> int:
        """Links that relay now."""
        return self._opened - self._ended

    @property
    def living(self) -> list[int]:
        """Numbers of the links that relay now."""
        return self._ask(lambda: sorted(link.number for link in self._links if not link.severed))

    def wait_until(self, condition: Callable[[Proxy], bool], timeout_s: float) -> bool:
        """Until ``condition`` holds, asked again whenever a link opens, ends or is cut. Returns whether it does.

        It is called on the caller's thread and may look at ``cuts``, ``links`` and ``links_opened``, not
        at `living`.
        """
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), timeout_s)

    # -- faults ------------------------------------------------------------------------------------------------------

    def arm(
        self,
        *,
        bytes_max: int = 100_000,
        direction: Direction | None = None,
        ending: Ending | None = None,
        link: int | None = None,
        spare_s: float = 0.0,
        linger_s: float = 0.0,
    ) -> Cut:
        """Plan the next cut, in place of one that is still planned; call it when the client has recovered from the last.

        The cut comes behind a random byte, the 1st to ``bytes_max``-th from now. ``direction`` and ``ending`` are drawn if not
        given (FIN or RESET; the others only on request). ``link`` picks one of `living`; else the busiest is the likeliest. Bytes of links younger than ``spare_s`` are not counted. The target's side
        of a cut link lives ``linger_s`` longer. Returns the plan.
        """
        after_bytes = self.rng.randint(1, bytes_max)
        drawn_direction = self.rng.choice(list(Direction))
        drawn_ending = self.rng.choice([Ending.FIN, Ending.RESET])
        plan = Cut(direction or drawn_direction, after_bytes, ending or drawn_ending, link, spare_s, linger_s)
        self._ask(lambda: setattr(self.faults, "plan", plan))
        return plan

    def disarm(self) -> None:
        """Forget the planned cut."""
        self._ask(lambda: setattr(self.faults, "plan", None))

    def cut_all(self, ending: Ending = Ending.RESET) -> int:
        """Cut every link now; returns how many there were."""

        def cut() -> int:
            alive = [link for link in self._links if not link.severed]
            for link in alive:
                link.cut(ending)
            return len(alive)

        return self._ask(cut)

    def stall(self) -> None:
        """Hold everything back, on links of now and later, until `resume`; nobody is told."""
        self._ask(lambda: self._set_stalled(True))

    def resume(self) -> None:
        """Let what `stall` held back flow."""
        self._ask(lambda: self._set_stalled(False))

    def slow(self, *, delay_s: float = 0.0, bytes_per_s: float = 0.0) -> None:
        """Deliver everything ``delay_s`` later, and at most so many bytes a second per link and direction (0: no limit)."""

        def set_pace() -> None:
            self.faults.delay_s, self.faults.bytes_per_s = delay_s, bytes_per_s

        self._ask(set_pace)

    def swallow(self, *directions: Direction) -> None:
        """Read and throw away what goes in these directions; without arguments everything passes again."""
        self._ask(lambda: setattr(self.faults, "swallowed", frozenset(directions)))

    def refuse(self) -> None:
        """Refuse new links, as a port does where nobody listens; living links go on. The port stays ours."""
        asyncio.run_coroutine_threadsafe(self._refuse(), self._loop).result()

    def accept(self) -> None:
        """Take links again after `refuse`."""
        asyncio.run_coroutine_threadsafe(self._accept(), self._loop).result()

    # -- inside: everything below runs on the loop -------------------------------------------------------------------

    def _ask(self, question: Callable[[], T]) -> T:
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(question())
            except BaseException as error:  # noqa: BLE001  it belongs to the caller
                answer.set_exception(error)

        if self._thread in (None, threading.current_thread()):
            run()
        else:
            self._loop.call_soon_threadsafe(run)
        return answer.result()

    def _set_stalled(self, stalled: bool) -> None:
        self.faults.stalled = stalled
        for link in self._links:
            link.set_reading()

    async def _accept(self) -> None:
        if self._listener is None:
            self._listener = _bound(self.host, self.port)
            if self._buffer_bytes is not None:
                _set_buffers(self._listener, self._buffer_bytes)
            self._listener.setblocking(False)
            self._listener.listen(128)
            self._loop.add_reader(self._listener, self._take, self._listener)

    async def _refuse(self) -> None:
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    async def _shut(self) -> None:
        await self._refuse()
        await asyncio.gather(*self._adopting)
        for task in self._dialling:
            task.cancel()
        await asyncio.gather(*self._dialling, return_exceptions=True)
        for link in list(self._links):
            link.abort()
        if self._links:
            self._emptied = asyncio.Event()
            await self._emptied.wait()

    def _take(self, listener: socket.socket) -> None:
        # By hand: a closing asyncio.Server loses what it has accepted and not handed over yet.
        try:
            client, _ = listener.accept()
        except OSError:
            return  # it was gone before we came
        client.setblocking(False)
        link = Link(self, self._opened)
        self._links.add(link)
        self.notice(opened=1)
        if self.tap:
            self.tap.opened(link.number)
        self._spawn(self._adopting, self._adopt(link, client))

    def _spawn(self, tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _adopt(self, link: Link, client: socket.socket) -> None:
        await self._loop.connect_accepted_socket(lambda: link.client, client)
        self._spawn(self._dialling, self._dial(link))

    async def _dial(self, link: Link) -> None:
        try:
            await self._loop.create_connection(lambda: link.target, *self.target, local_addr=self._source)
        except OSError:
            link.abort()
        else:
            link.joined()

    def notice(self, *, cuts: int = 0, opened: int = 0, ended: int = 0) -> None:
        """Count, and wake who waits."""
        with self._changed:
            self._cuts += cuts
            self._opened += opened
            self._ended += ended
            self._changed.notify_all()

    def forget(self, link: Link) -> None:
        """Both ends of ``link`` are gone."""
        self._links.discard(link)
        if self._emptied is not None and not self._links:
            self._emptied.set()


def _bound(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen. Several may hold one port, so it stays ours while the listener is closed."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "SO_REUSEPORT"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def _set_buffers(listener: socket.socket, size: int) -> None:
    """What it accepts inherits them. Segments are smaller, too: where less than one fits, TCP waits for more room."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
    if hasattr(socket, "TCP_MAXSEG"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, max(88, size // 4))
