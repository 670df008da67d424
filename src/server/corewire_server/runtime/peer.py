"""The replication link's sockets, dialled and accepted: numbered, bytes in, bytes out, nothing decided."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import sys
from collections import deque
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, Protocol, TypeAlias

from corewire_server.runtime.listening import Depth, lifted
from corewire_server.runtime.remote import Host, host_of, remote_host

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire_server.node.driven import DrivenPair
    from corewire_server.node.orders import Order
    from corewire_server.runtime.listening import Listener

log = logging.getLogger("corewire.broker")
P = ParamSpec("P")
Address: TypeAlias = "tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]"

READ_BYTES: Final = 64 * 1024  # above malloc's mmap threshold every read would pay page faults
CLOSE_S: Final = 3.0  # how long a closed connection may take to drain
REFUSAL_COUNTS: Final = sys.platform != "win32"  # which refuses, too, when a queue is full
ACCEPTED_MAX: Final = 16  # connections; more would get file numbers above those of the listeners


class Teller(Protocol):
    """Who tells the node something and performs what it orders (``Server``)."""

    def tell(self, call: Callable[Concatenate[int, P], list[Order]], /, *args: P.args, **kwargs: P.kwargs) -> None: ...


class PeerConnection(asyncio.BufferedProtocol):
    """One connection of the replication link."""

    def __init__(self, number: int, peers: Peers) -> None:
        self.number = number
        self.peers = peers
        self.transport: asyncio.Transport
        self.open = False  # until one side has ended it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open = True
        self.peers.made(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.peers.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self.open:
            self.peers.heard(self.number, bytes(self.peers.buffer[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self.open:
            self.open = False
            self.peers.lost(self.number)

    def write(self, data: bytes) -> None:
        """Send, behind what is under way. The node bounds how much that is."""
        self.transport.write(data)

    def close(self) -> None:
        """End it when what was written is out, or the other side does not take it."""
        self.open = False
        self.transport.close()
        asyncio.get_running_loop().call_later(CLOSE_S, self.transport.abort)

    def abort(self) -> None:
        """End it now, without another byte."""
        self.open = False
        self.transport.abort()


class Peers:
    """
    The connections of one node's replication link.

    A dial that is refused is evidence that the other node's process is gone, so this is where "refused" is told apart from all
    else that can go wrong: ECONNREFUSED, and from the very address that has answered before, if one has. On Windows it is none.
    """

    def __init__(
        self,
        node: DrivenPair,
        teller: Teller,
        address: tuple[str, int],
        connection: Callable[[int, Peers], PeerConnection] = PeerConnection,
    ) -> None:
        self._node = node
        self._teller = teller
        self._host, self._port = address
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        # One for all connections: what was read is copied out before the next read. Another node has another thread.
        self.buffer = memoryview(bytearray(READ_BYTES))
        self._open: dict[int, PeerConnection] = {}
        self._dials: dict[int, asyncio.Task[None]] = {}
        self._arrived: deque[socket.socket] = deque()  # accepted, and not numbered yet
        self._taking_in: asyncio.Task[None] | None = None
        self._listener: Listener | None = None
        self._last_accepted = 0
        self._guests: dict[int, Host] = {}  # where accepted connections come from, the oldest first
        self.visits = 0  # accepted connections that have ended
        self._answered: Address | None = None  # where somebody answered last
        self._hosts: frozenset[Host | None] = frozenset()  # of the other node, as its name was looked up last

    # -- what the node orders

    def dial(self, number: int) -> None:
        """Connect to the other node."""
        task = self._dials[number] = self._loop.create_task(self._dial(number))
        task.add_done_callback(lambda _: self._dials.pop(number, None))

    def send(self, number: int, data: bytes) -> None:
        """Write to a connection, if it is still there."""
        connection = self._open.get(number)
        if connection is not None and connection.open:
            connection.write(data)

    def hang_up(self, number: int) -> None:
        """Close a connection, or give a dial up."""
        connection = self._open.pop(number, None)
        if connection is not None:
            self._count_end(number)
            connection.close()
        elif number in self._dials:
            self._dials[number].cancel()

    # -- what connections say

    def made(self, connection: PeerConnection) -> None:
        """A connection is there: before its first byte."""
        number = connection.number
        dialled = number in self._dials
        host = remote_host(connection.transport.get_extra_info("socket"))
        if host is None or (number % 2 and not dialled):  # it has ended, or was given up, in the meantime
            connection.abort()
            if dialled:
                self._teller.tell(self._node.peer_failed, number)
            return
        self._open[number] = connection
        if dialled:
            self._teller.tell(self._node.peer_connected, number, loopback=host.is_loopback)
        else:
            self._guests[number] = host
            self._teller.tell(self._node.peer_accepted, number, loopback=host.is_loopback)

    def heard(self, number: int, data: bytes) -> None:
        """Bytes of a connection."""
        self._teller.tell(self._node.peer_data, number, data)

    def lost(self, number: int) -> None:
        """The other side ended a connection, or it broke."""
        self._open.pop(number, None)
        self._count_end(number)
        self._teller.tell(self._node.peer_closed, number)

    def _count_end(self, number: int) -> None:
        self.visits += number % 2 == 0
        self._guests.pop(number, None)

    # -- accepting

    def listen(self, listener: Listener) -> None:
        """Be reached from now on."""
        self._listener = listener
        listener.open(self._accepted)

    def close(self) -> None:
        """Refuse from now on, then end every connection: who hears of the end and dials must be refused."""
        self._shut()
        for number in list(self._open):
            self.hang_up(number)

    def abort(self) -> None:
        """The same, without another byte to anybody."""
        self._shut()
        for connection in self._open.values():
            connection.abort()
        self._open.clear()

    def _shut(self) -> None:
        if self._listener is not None:
            self._listener.close()
        for task in (*self._dials.values(), self._taking_in):
            if task is not None:
                task.cancel()
        while self._arrived:
            self._arrived.popleft().close()

    def _accepted(self, sock: socket.socket) -> None:
        self._arrived.append(sock)
        if len(self._arrived) > ACCEPTED_MAX:
            self._arrived.popleft().close()
        if self._taking_in is None:
            self._taking_in = self._loop.create_task(self._take_in())

    async def _take_in(self) -> None:
        while self._arrived:
            sock = self._arrived.popleft()
            if len(self._guests) >= ACCEPTED_MAX and not self._make_room(remote_host(sock)):
                sock.close()
            else:
                await self._adopt(sock)
        self._taking_in = None

    async def _adopt(self, sock: socket.socket) -> None:
        try:
            high = lifted(sock, Depth.LINK)
        except OSError as error:
            log.error("no more sockets: %s", error.strerror)
            return
        self._last_accepted += 2
        connection = self._connection(self._last_accepted, self)
        await self._loop.connect_accepted_socket(lambda: connection, high)

    def _make_room(self, host: Host | None) -> bool:
        """End the oldest connection that has proven nothing, so that idle strangers do not keep the other node out."""
        idle = [number for number in self._guests if not self._node.proven(number)]
        strangers = [number for number in idle if self._guests[number] not in self._hosts]
        if not strangers and host not in self._hosts:
            return False
        oldest = next(iter(strangers or idle), None)
        if oldest is None:
            return False
        self._open.pop(oldest).abort()
        self._count_end(oldest)
        self._teller.tell(self._node.peer_closed, oldest)
        return True

    # -- dialling

    async def _dial(self, number: int) -> None:
        try:
            sock = await self._connect()
        except ConnectionRefusedError:
            self._teller.tell(self._node.peer_refused if REFUSAL_COUNTS else self._node.peer_failed, number)
            return
        except OSError:
            self._teller.tell(self._node.peer_failed, number)
            return
        connection = self._connection(number, self)
        await self._loop.create_connection(lambda: connection, sock=sock)

    async def _connect(self) -> socket.socket:
        """Raises ConnectionRefusedError only where that is evidence, OSError for all else."""
        addresses = await self._resolve()
        if self._answered in addresses:
            return await self._reach(self._answered)
        errors: list[OSError] = []
        for address in addresses:
            try:
                sock = await self._reach(address)
            except OSError as error:
                errors.append(error)
            else:
                self._answered = address
                return sock
        if self._answered is None and errors and all(isinstance(error, ConnectionRefusedError) for error in errors):
            raise errors[0]
        raise OSError("no answer from the address that answered before")

    async def _resolve(self) -> list[Address]:
        try:
            ipaddress.ip_address(self._host)
        except ValueError:
            infos = await self._loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        else:  # needs nobody, so it must not wait for a thread
            infos = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        self._hosts = frozenset(host_of(str(address[0])) for _, _, _, _, address in infos)
        return [(family, address) for family, _, _, _, address in infos]

    async def _reach(self, address: Address) -> socket.socket:
        family, where = address
        sock = lifted(socket.socket(family, socket.SOCK_STREAM), Depth.LINK)
        try:
            sock.setblocking(False)
            await self._loop.sock_connect(sock, where)
            if sock.getsockname() == sock.getpeername():
                raise OSError("connected to itself")
        except BaseException:
            sock.close()
            raise
        return sock
