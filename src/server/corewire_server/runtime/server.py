"""
The step loop: feeds the node with what sockets, timer and disk say, and performs what it orders. Nothing is decided here.

Each read is a step, and what it causes is written once, at its end: delaying the flush buys no throughput and costs latency.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, assert_never

from corewire_server.core.effects import CloseLink, Log, SendBytes
from corewire_server.core.inputs import Stopping
from corewire_server.journal.actions import DiskJob
from corewire_server.node.node import Node
from corewire_server.node.orders import ClosePeer, DialPeer, Door, DropLinks, Halt, SendPeer, SetDoor
from corewire_server.node.stopping import STOP_S
from corewire_server.runtime.door import ClientDoor
from corewire_server.runtime.files import Files, no_room
from corewire_server.runtime.links import READ_BYTES, WRITE_BYTES_MAX, Link

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from corewire_server.core.inputs import Input
    from corewire_server.node.driven import DrivenPair
    from corewire_server.node.orders import Order
    from corewire_server.runtime.clock import Clock
    from corewire_server.runtime.files import Answer, Folder

P = ParamSpec("P")
log = logging.getLogger("corewire.broker")

LEVELS: Final = logging.getLevelNamesMapping()
LATE_MS: Final = 1000  # a timer this late means that the process stood still
SIP_MS: Final = 100  # so long before silence may be judged, at most, a link whose client does not read us was read


class Server:
    """Sockets, timer and orders of one node, on one event loop. ``failed`` is called once, if the node has to stop at once."""

    def __init__(
        self,
        node: Node | DrivenPair,
        clock: Clock,
        epoch: int,
        folder: Folder | None,
        failed: Callable[[str], None],
        *,
        patient: bool = False,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self._node = node
        self._clock = clock
        self._files = None if folder is None else Files(folder, self.loop, self._disk_answered, patient=patient)
        self._failed = failed
        # One for all links: what was read is copied out before the next read. Another node of this process has another thread.
        self.buffer = memoryview(bytearray(READ_BYTES))
        self._links: dict[int, Link] = {}
        self._sockets: set[Link] = set()  # also of links that the core has closed and that still drain
        self._dirty: list[Link] = []
        self._next_link = epoch << 32
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0
        self._timeless = False  # no timer is set any more
        self._resting = False  # the timer has rung, and what lies in the socket buffers has its turn first
        self._halted = False
        self._busy = False  # the node has more in hand than it can write: no link is read
        self._stood_still = False  # nobody was read for a while: first read, then judge silence
        self._changed = asyncio.Event()
        self.door = ClientDoor(self)
        self._slow: set[Link] = set()
        self._sipped_at = 0

    # -- links

    @property
    def serves(self) -> bool:
        """Whether clients may be links."""
        return self.door.serves and not self._halted

    def adopt(self, link: Link) -> int:
        """Give a new link its number."""
        number = self._new_link()
        self._links[number] = link
        self._sockets.add(link)
        if self._busy:
            link.read(wanted=False)
        return number

    def _new_link(self) -> int:
        self._next_link += 1
        return self._next_link

    def forget(self, link: Link) -> None:
        """The socket of a link is gone."""
        self._links.pop(link.number, None)
        self._sockets.discard(link)
        self._slow.discard(link)
        self._changed.set()

    def settle(self, link: Link) -> None:
        """Read a link, unless its client does not read us or the disk is behind."""
        if link.slow:
            self._slow.add(link)
        else:
            self._slow.discard(link)
        link.read(wanted=not (self._busy or link.slow))

    def _sip(self, now: int) -> bool:
        """
        Read links whose clients do not read us, until the timer has rested: what they ping would lie there unheard.

        Returns whether there are any. The core gives a silent link a grace, within which it is read so, however short its
        time to live is, and only then judges it. A second sip follows soon only where the core has much to do.
        """
        if self._busy or not self._slow or now - self._sipped_at < SIP_MS:
            return False
        self._sipped_at = now
        for link in self._slow:
            link.read(wanted=True)
        return True

    # -- steps

    def offer(self, item: Input) -> None:
        """One input of the broker."""
        self.tell(self._node.step, item)

    def read(self, item: Input) -> None:
        """An input that a link has read in this turn of the loop, and nothing else is going on."""
        self.offer(item)

    def _disk_answered(self, job: DiskJob, answer: Answer) -> None:
        if not isinstance(answer, OSError):
            self.tell(self._node.disk_done, job.ticket, answer)
        elif no_room(job, answer):
            self.tell(self._node.disk_full, job.ticket)
        else:
            self.tell(self._node.disk_failed, str(answer))
        self._changed.set()

    def tell(self, call: Callable[Concatenate[int, P], list[Order]], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Tell the node something, do what it orders."""
        if self._halted:
            return
        try:
            self._perform(call(self._clock.now(), *args, **kwargs))
        except Exception as error:  # a mistake of ours, or no memory: the state can no longer be trusted
            log.exception("the node stops")
            self._halt(f"{type(error).__name__}: {error}")

    def _perform(self, orders: Sequence[Order]) -> None:
        """Do what the node ordered, then write what gathered and set the timer."""
        self._carry_out(orders)
        if self._halted:
            return
        if self._dirty:
            self._flush()
        if self._node.congested is not self._busy:
            self._busy = not self._busy
            self._stood_still = True
            for link in self._links.values():
                self.settle(link)
        self._set_timer()

    def _carry_out(self, orders: Sequence[Order]) -> None:
        for order in orders:
            match order:
                case SendBytes(number, data):
                    link = self._links.get(number)
                    if link is not None:
                        if not link.out:
                            self._dirty.append(link)
                        link.out.append(data)
                case CloseLink(number):
                    link = self._links.pop(number, None)
                    if link is not None:
                        link.close()
                case DiskJob():
                    assert self._files is not None
                    self._files.submit(order)
                case Log(level, text):
                    log.log(LEVELS[level.upper()], "%s", text)
                case SetDoor(door, target):
                    self.door.set(door, target)
                case DropLinks():
                    self._drop_links()
                case DialPeer() | SendPeer() | ClosePeer():
                    self._order_peers(order)
                case Halt(reason):
                    self._halt(reason)
                    return
                case _:
                    assert_never(order)

    def _order_peers(self, order: DialPeer | SendPeer | ClosePeer) -> None:
        raise AssertionError(f"a node without a peer orders {order}")

    def _drop_links(self) -> None:
        for link in self._links.values():
            link.drop()
        self._links.clear()

    def _flush(self) -> None:
        for link in self._dirty:
            if not link.out:  # closed since
                continue
            link.flush()
            if link.slow and link.unread_bytes() > WRITE_BYTES_MAX:
                log.warning(
                    "link %d: %d bytes were not read by the client; it is given up", link.number, WRITE_BYTES_MAX
                )
                link.abort()
        self._dirty.clear()

    def _halt(self, reason: str) -> None:
        """Not another byte to anybody."""
        self._halted = True
        self._stop_timers()
        self.door.close()
        for link in list(self._sockets):
            link.abort()
        self._failed(reason)

    # -- time

    def _set_timer(self) -> None:
        """Wake up at the node's next deadline. A timer that is early already stays: it sets itself anew."""
        due = self._node.next_timeout()
        if due is None or self._timeless or self._resting or (self._timer is not None and self._timer_at <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        self._timer = self.loop.call_later(max(0, due - self._clock.now()) / 1000, self._timer_rang)

    def _timer_rang(self, *, rested: bool = False) -> None:
        self._timer = None
        self._resting = False
        if rested:
            for link in list(self._slow):
                self.settle(link)
        due, now = self._node.next_timeout(), self._clock.now()
        if due is None or self._halted:
            return
        if due > now:
            self._set_timer()
        elif not rested and (self._sip(now) or now - due > LATE_MS or self._stood_still):  # first read, then judge
            self._stood_still = False
            self._resting = True  # else the steps of this while would set it anew, again and again
            self._timer = self.loop.call_later(0.001, lambda: self._timer_rang(rested=True))
        else:
            self.tell(self._node.wake)

    def _stop_timers(self) -> None:
        self._timeless = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- begin and end

    def open(self) -> None:
        """Accept clients."""
        self.door.set(Door.SERVE)
        self._set_timer()

    async def settled(self) -> None:
        """Wait until all that was told is on disk, or the node has stopped."""
        await self.until(lambda: self._halted or self._node.idle, None)

    async def close(self, graceful_s: float) -> None:
        """Stop in order: no new clients, ``graceful_s`` for those there, then a goodbye, when all it depends on is on disk."""
        self.door.close()
        await self._say_goodbye(graceful_s)
        self._end()
        await self.until(lambda: self._halted or self._node.idle, STOP_S)

    async def _say_goodbye(self, graceful_s: float) -> None:
        await self.until(lambda: not self._links, graceful_s)
        self.offer(Stopping())
        await self.until(lambda: self._halted or self._node.idle, STOP_S)
        self._stop_timers()
        for number in list(self._links):
            self._links.pop(number).close()
        await self.until(lambda: not self._sockets, 2 * STOP_S)

    def _end(self) -> None:
        assert isinstance(self._node, Node)
        self.tell(self._node.end)

    def release(self) -> None:
        """Last of all, also of a node that had to stop at once: end the writer thread."""
        self._stop_timers()
        self.door.close()
        if self._files is not None:
            self._files.close()

    async def until(self, condition: Callable[[], bool], seconds: float | None = None) -> None:
        """Wait for something that answers of the disk, links that end, or a peer bring about; at most for ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pass
