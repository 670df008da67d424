"""
The links of a client over non-blocking sockets and one selector: what the threads and the blocking driver share.

``turn`` waits for nothing: it feeds the engine what the sockets have and the time, and performs what the engine asks for. Nothing
blocks in a write: what a socket does not take is kept and written when it becomes writable, while reading goes on.
"""

from __future__ import annotations

import selectors
import time
from typing import TYPE_CHECKING, assert_never

from corewire.effects import Completed, Dial, Discover, Hangup, Notify, Send
from corewire.errors import ConfigError
from corewire_transports._endpoint import Dialling
from corewire_transports._errors import not_reached, was_lost
from corewire_transports._events import log_warnings
from corewire_transports._group import datagrams, join
from corewire_transports._writing import write_some

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Container
    from ssl import SSLContext

    from corewire import ClientEngine, Discovery, Endpoint, Operation
    from corewire.events import ClientEvent
    from corewire_transports._tunnel import Tunnel

__all__ = ["Ready", "Sockets"]

Ready = list[tuple[selectors.SelectorKey, int]]

READ_BYTES = 65_536  # larger reads cost page faults
LINGER_S = 1.0  # how long a link that is given up may take to write its rest


class Link:
    """One socket, being dialled or up."""

    __slots__ = (
        "dialling",
        "endpoint",
        "give_up_at",
        "hanging_up",
        "number",
        "rest",
        "rest_bytes",
        "sock",
        "tunnel",
        "up",
    )

    def __init__(self, number: int, endpoint: Endpoint, give_up_at: float | None) -> None:
        self.number = number
        self.endpoint = endpoint
        self.give_up_at = give_up_at  # of dialling, or of writing the rest
        self.dialling: Dialling | None = None
        self.sock: socket.socket | None = None
        self.tunnel: Tunnel | None = None
        self.up = False
        self.rest: list[bytes | memoryview] = []
        self.rest_bytes = 0
        self.hanging_up = False


class Sockets:
    """Performs the effects of one engine. The owner calls every method under its lock, if it has one. ``completed`` wakes who waits
    for an operation; ``awaited`` holds the ids of those that somebody waits for."""

    def __init__(
        self,
        engine: ClientEngine,
        awaited: Container[int],
        completed: Callable[[Operation[object]], None],
        notify: Callable[[ClientEvent], None],
        ssl_context: SSLContext | None = None,
    ) -> None:
        self.engine = engine
        self._ssl_context = ssl_context
        self._group: socket.socket | None = None
        self.selector = selectors.DefaultSelector()
        self.changed = False  #: whether the selector waits for something else than before; the owner takes it back
        self.unwritten_bytes = 0  #: what the sockets did not take yet
        self._awaited = awaited
        self._completed = completed
        self._notify = notify
        self._links: dict[int, Link] = {}
        self._performing = False
        self._more = False

    # -- outputs of the engine -----------------------------------------------------------------------------------------

    def perform(self) -> None:
        """Do what the engine asks for, in order, until it asks for nothing more."""
        if self._performing:  # a write failed, and the engine was told: what it asks for comes after the rest
            self._more = True
            return
        self._performing = True
        try:
            self._perform()
        finally:
            self._performing = False

    def _perform(self) -> None:
        self._more = True
        while self._more:
            self._more = False
            for effect in self.engine.poll_effects():
                match effect:
                    case Completed():  # first: one for every message that was submitted
                        if id(effect.operation) in self._awaited:
                            self._completed(effect.operation)
                    case Send(number, chunks):
                        if (link := self._links.get(number)) is not None:
                            if link.tunnel is not None:
                                chunks = link.tunnel.wrap(chunks)
                            link.rest.extend(chunks)
                            self._count(link, sum(map(len, chunks)))
                            self._write(link)
                    case Dial(number, endpoint, timeout_s):
                        self._dial(number, endpoint, timeout_s)
                    case Hangup(number):
                        self._hang_up(number)
                    case Notify(event):
                        self._notify(event)
                    case Discover(group):
                        self._join(group)
                    case _:
                        assert_never(effect)
        log_warnings(self.engine.warnings)

    def next_timeout(self) -> float | None:
        """When ``turn`` has to run at the latest, on the monotonic clock."""
        deadlines = [link.give_up_at for link in self._links.values() if link.give_up_at is not None]
        if (deadline := self.engine.next_timeout()) is not None:
            deadlines.append(deadline)
        return min(deadlines, default=None)

    @property
    def idle(self) -> bool:
        """No socket is left."""
        return not self._links

    # -- inputs --------------------------------------------------------------------------------------------------------

    def turn(self, ready: Ready) -> None:
        """Feed the engine what the sockets have, then the time: what lies in a buffer is read before silence is judged."""
        for key, mask in ready:
            link = key.data
            if isinstance(link, Link) and self._links.get(link.number) is link:
                self._ready(link, mask)
            elif key.fileobj is self._group:
                self._listen()
        now = time.monotonic()
        for link in [one for one in self._links.values() if one.give_up_at is not None and one.give_up_at <= now]:
            if link.up:
                self._forget(link)
            else:
                self._down(link, not_reached(TimeoutError(), link.endpoint))
        self.engine.handle_timeout(now)
        self.perform()

    def read(self) -> None:
        """Feed the engine what the sockets of links that are up have, and perform what it asks for."""
        for link in list(self._links.values()):
            if link.up and self._links.get(link.number) is link:
                self._read(link)

    def hang_up(self) -> None:
        """Drop every socket that has nothing left to write; the others have a second for it."""
        self._leave()
        for number in list(self._links):
            self._hang_up(number)

    def close(self) -> None:
        """Drop every socket at once."""
        for link in list(self._links.values()):
            self._forget(link)
        self._leave()
        self.selector.close()

    # -- one link ------------------------------------------------------------------------------------------------------

    def _dial(self, number: int, endpoint: Endpoint, timeout_s: float | None) -> None:
        now = time.monotonic()
        link = self._links[number] = Link(number, endpoint, None if timeout_s is None else now + timeout_s)
        try:
            link.dialling = Dialling(endpoint, self._ssl_context)
        except OSError as error:
            self._down(link, not_reached(error, endpoint))
            return
        self._watch(link.dialling.sock, link.dialling.event, link)

    def _watch(self, sock: socket.socket, events: int, link: Link) -> None:
        self.selector.register(sock, events, link)
        self.changed = True

    def _ready(self, link: Link, mask: int) -> None:
        if link.sock is None:
            self._settle(link)
            return
        if mask & selectors.EVENT_WRITE:
            self._write(link)
        if mask & selectors.EVENT_READ and self._links.get(link.number) is link:
            self._read(link)

    def _settle(self, link: Link) -> None:
        dialling = link.dialling
        assert dialling is not None
        self.selector.unregister(dialling.sock)
        try:
            connected = dialling.settle()
        except (OSError, ConfigError) as error:
            link.dialling = None
            self._down(link, not_reached(error, link.endpoint))
            return
        if not connected:
            self._watch(dialling.sock, dialling.event, link)
            return
        link.sock, link.tunnel, link.dialling = dialling.sock, dialling.tunnel, None
        self._watch(link.sock, selectors.EVENT_READ, link)
        if link.tunnel is None:
            self._come_up(link)
            return
        try:
            link.tunnel.start()
        except OSError as error:
            self._fail(link, error)
        else:
            self._push(link)

    def _come_up(self, link: Link) -> None:
        link.up, link.give_up_at = True, None
        self.engine.link_up(time.monotonic(), link.number)
        self.perform()

    def _read(self, link: Link) -> None:
        assert link.sock is not None
        try:
            data = link.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(link, error)
            return
        if not data:
            self._fail(link, None)
        elif link.tunnel is not None:
            self._read_tunnel(link, link.tunnel, data)
        elif not link.hanging_up:
            self.engine.receive_data(time.monotonic(), link.number, data)
            self.perform()

    def _read_tunnel(self, link: Link, tunnel: Tunnel, data: bytes) -> None:
        failed: OSError | None = None
        try:
            data = tunnel.receive(data)
        except OSError as error:
            failed = error
        self._push(link)  # of a failure, too: the other side hears why
        if self._links.get(link.number) is not link:
            return
        if failed is not None:
            self._fail(link, failed)
            return
        if tunnel.open and not link.up:
            self._come_up(link)
        if data and not link.hanging_up and self._links.get(link.number) is link:
            self.engine.receive_data(time.monotonic(), link.number, data)
            self.perform()
        if tunnel.ended and self._links.get(link.number) is link:
            self._fail(link, None)

    def _push(self, link: Link) -> None:
        """Write what the tunnel has to say."""
        assert link.tunnel is not None
        chunks = link.tunnel.data_to_send()
        link.rest.extend(chunks)
        self._count(link, sum(map(len, chunks)))
        self._write(link)

    def _write(self, link: Link) -> None:
        sock = link.sock
        if sock is None:
            return
        try:
            self._count(link, write_some(sock, link.rest, link.rest_bytes) - link.rest_bytes)
        except OSError as error:
            self._fail(link, error)
            return
        if link.hanging_up and not link.rest:
            self._forget(link)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if link.rest else 0)
        if self.selector.get_key(sock).events != wanted:
            self.selector.modify(sock, wanted, link)
            self.changed = True

    def _count(self, link: Link, added: int) -> None:
        link.rest_bytes += added
        self.unwritten_bytes += added

    def _hang_up(self, number: int) -> None:
        link = self._links.get(number)
        if link is None:
            return
        link.hanging_up = True
        if not link.up:
            self._forget(link)
            return
        link.give_up_at = time.monotonic() + LINGER_S
        if link.tunnel is not None:
            link.tunnel.close()
            self._push(link)
        elif not link.rest:
            self._forget(link)

    def _fail(self, link: Link, error: OSError | None) -> None:
        if link.up:
            self._down(link, was_lost(error, link.endpoint))
        else:
            error = error or ConnectionError("closed by the other side")
            self._down(link, not_reached(error, link.endpoint))

    def _down(self, link: Link, error: Exception) -> None:
        self._forget(link)
        if not link.hanging_up:
            self.engine.link_down(time.monotonic(), link.number, error)
            self.perform()

    def _forget(self, link: Link) -> None:
        del self._links[link.number]
        self.unwritten_bytes -= link.rest_bytes
        sock = link.sock if link.dialling is None else link.dialling.sock
        if sock is not None:
            if sock in self.selector.get_map():
                self.selector.unregister(sock)
            (link.dialling or sock).close()
        self.changed = True

    # -- the group -----------------------------------------------------------------------------------------------------

    def _join(self, group: Discovery) -> None:
        self._leave()
        try:
            self._group = join(group)
        except OSError as error:
            self.engine.group_lost(time.monotonic(), error)
            return
        self.selector.register(self._group, selectors.EVENT_READ, None)
        self.changed = True

    def _listen(self) -> None:
        assert self._group is not None
        try:
            for data in datagrams(self._group):
                self.engine.datagram_received(time.monotonic(), data)
        except OSError as error:
            self._leave()
            self.engine.group_lost(time.monotonic(), error)
        self.perform()

    def _leave(self) -> None:
        if self._group is not None:
            if self._group in self.selector.get_map():
                self.selector.unregister(self._group)
            self._group.close()
            self._group = None
