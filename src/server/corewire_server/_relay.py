"""One relayed link of `corewire_server.proxy`: two sockets, what passes between them, and how it ends."""

from __future__ import annotations

import asyncio
import enum
import socket
import struct
from dataclasses import dataclass, replace
from typing import Protocol

PENDING_BYTES_MAX = 256 * 1024


class Direction(enum.Enum):
    """Which way bytes go; the client is the side that connected to the proxy."""

    TO_TARGET = "C>S"
    TO_CLIENT = "S>C"


class Ending(enum.Enum):
    """How a cut looks to both sides."""

    FIN = "fin"
    RESET = "reset"
    STALL = "stall"  # no byte and no FIN any more: the link looks alive until somebody loses patience
    SWALLOW = "swallow"  # the same in the direction of the cut; the other one goes on


@dataclass(frozen=True, slots=True)
class Cut:
    """A planned cut: behind the ``after_bytes``-th byte that goes in ``direction`` from now on, on one link or over all."""

    direction: Direction
    after_bytes: int
    ending: Ending
    link: int | None = None
    spare_s: float = 0.0  # bytes of links younger than this are not counted
    linger_s: float = 0.0  # so much longer lives the target's side of the cut link


class Tap(Protocol):
    """Sees what passes, on the proxy's thread; must not block. Links are numbered from 0 as they are accepted."""

    def opened(self, link: int) -> None: ...
    def passed(self, link: int, direction: Direction, data: bytes) -> None: ...
    def closed(self, link: int, why: str) -> None: ...


@dataclass(slots=True)
class Faults:
    """What is wrong at the moment; one for all links of a proxy."""

    plan: Cut | None = None
    stalled: bool = False
    swallowed: frozenset[Direction] = frozenset()
    delay_s: float = 0.0
    bytes_per_s: float = 0.0


class Owner(Protocol):
    """What a link asks of the proxy that made it."""

    faults: Faults
    tap: Tap | None

    def notice(self, *, cuts: int = 0, opened: int = 0, ended: int = 0) -> None: ...
    def forget(self, link: Link) -> None: ...


class Link:
    """Two sockets and what passes between them."""

    def __init__(self, proxy: Owner, number: int) -> None:
        self.proxy = proxy
        self.number = number
        self.loop = asyncio.get_running_loop()
        self.born = self.loop.time()
        self.severed = False
        self.swallowed: Direction | None = None  # what goes there is lost
        self.client = End(self, Direction.TO_TARGET)
        self.target = End(self, Direction.TO_CLIENT)
        self.client.other, self.target.other = self.target, self.client

    def joined(self) -> None:
        """Both ends are connected: let flow. The client may have gone in the meantime."""
        if self.client.gone:
            self.target.end(Ending.FIN)
        self.set_reading()

    def set_reading(self) -> None:
        for end in (self.client, self.target):
            end.set_reading()

    def passes(self, direction: Direction, data: bytes) -> tuple[bytes, Cut | None]:
        """The part of ``data`` that passes, and the cut that comes behind it, if one does."""
        faults = self.proxy.faults
        plan = faults.plan
        if plan is None or plan.direction is not direction or plan.link not in (None, self.number):
            return data, None
        if self.loop.time() - self.born < plan.spare_s:
            return data, None
        if len(data) < plan.after_bytes:
            faults.plan = replace(plan, after_bytes=plan.after_bytes - len(data))
            return data, None
        faults.plan = None
        return data[: plan.after_bytes], plan

    def cut(self, ending: Ending, linger_s: float = 0.0, direction: Direction | None = None) -> None:
        """End both sides; from now on nothing passes, or with SWALLOW nothing in ``direction``."""
        if ending is Ending.SWALLOW:
            self.swallowed = direction
            self.proxy.notice(cuts=1)
            return
        self.sever(f"cut by the proxy ({ending.value})", cuts=1)
        self.client.muted = self.target.muted = True
        if ending is Ending.STALL:
            self.set_reading()
            return
        self.client.end(ending)
        if linger_s:
            self.loop.call_later(linger_s, self.target.end, ending)
        else:
            self.target.end(ending)

    def sever(self, why: str, cuts: int = 0) -> None:
        """The link ends: what is read from now on is thrown away."""
        if not self.severed:
            self.severed = True
            self.proxy.notice(cuts=cuts, ended=1)
            if self.proxy.tap:
                self.proxy.tap.closed(self.number, why)

    def abort(self) -> None:
        self.sever("closed by the proxy")
        for end in (self.client, self.target):
            end.end(Ending.RESET)

    def ended(self, end: End, error: Exception | None) -> None:
        """One side's socket is gone: the other's goes the same way, behind what is still under way; but not if it was cut."""
        if not self.severed:
            self.sever(f"{'reset' if error else 'eof'} {end.direction.value}")
            assert end.other is not None
            ending = Ending.RESET if error else Ending.FIN
            if end.pending_bytes:
                self.loop.call_at(end.free_at, end.other.end, ending)
            else:
                end.other.end(ending)
        if self.client.gone and self.target.gone:
            self.proxy.forget(self)


class End(asyncio.Protocol):
    """One socket of a link; ``direction`` is where the bytes go that are read from it."""

    def __init__(self, link: Link, direction: Direction) -> None:
        self.link = link
        self.direction = direction
        self.other: End | None = None
        self.transport: asyncio.Transport | None = None
        self.wanted: Ending | None = None  # how to end as soon as there is a transport
        self.gone = direction is Direction.TO_CLIENT  # the target's end is gone until it is connected
        self.full = False  # what was read from here cannot be written fast enough
        self.pending_bytes = 0  # read from here, waiting for their time (`Proxy.slow`)
        self.free_at = 0.0
        self.muted = False  # nothing is written here any more

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.gone = False
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.wanted is not None:
            self.end(self.wanted)
        self.set_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self.link.ended(self, exc)

    def data_received(self, data: bytes) -> None:
        link = self.link
        if link.severed or self.direction is link.swallowed or self.direction in link.proxy.faults.swallowed:
            return
        passing, cut = link.passes(self.direction, data)
        if link.proxy.tap:
            link.proxy.tap.passed(link.number, self.direction, passing)
        self.forward(passing)
        if cut is not None:
            link.cut(cut.ending, cut.linger_s, cut.direction)

    def forward(self, data: bytes) -> None:
        """Write to the other end, now or when its time has come."""
        faults, now = self.link.proxy.faults, self.link.loop.time()
        due = max(now + faults.delay_s, self.free_at)
        if faults.bytes_per_s:
            due += len(data) / faults.bytes_per_s
        assert self.other is not None
        if due <= now:
            self.other.write(data)
            return
        self.free_at = due
        self.pending_bytes += len(data)
        self.set_reading()
        self.link.loop.call_at(due, self.deliver, data)

    def deliver(self, data: bytes) -> None:
        self.pending_bytes -= len(data)
        self.set_reading()
        assert self.other is not None
        self.other.write(data)

    def write(self, data: bytes) -> None:
        if self.transport is not None and not self.muted and not self.transport.is_closing():
            self.transport.write(data)

    def pause_writing(self) -> None:
        self._tell_source(full=True)

    def resume_writing(self) -> None:
        self._tell_source(full=False)

    def _tell_source(self, *, full: bool) -> None:
        assert self.other is not None
        self.other.full = full
        self.other.set_reading()

    def set_reading(self) -> None:
        """Read if somebody takes it. A severed link is read to its end, so that the end is noticed."""
        if self.transport is None or self.transport.is_closing() or self.other is None:
            return
        held = (
            self.full
            or self.pending_bytes > PENDING_BYTES_MAX
            or self.link.proxy.faults.stalled
            or self.other.transport is None
        )
        if held and not self.link.severed:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def end(self, ending: Ending) -> None:
        if self.transport is None:
            self.wanted = ending
        elif ending is Ending.RESET:
            if not self.gone:
                no_linger = struct.pack("ii", 1, 0)  # makes close send RST
                self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
                self.transport.abort()
        else:
            self.transport.close()
