"""The stage of a cell: a real broker, a proxy that strikes when a named frame passes, and a witness behind its back."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Self

from tests.interop.cells import Mode, Moment, Outcome

from corewire import Address, Xid
from corewire.errors import AddressDoesNotExist, QueueDoesNotExist
from corewire.wire.framing import MAGIC, FrameReader, packet_type
from corewire_server.proxy import Direction, Proxy
from corewire_transports.threads import Client, Session, XaSession, connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from tests.interop.artemis import Artemis
    from tests.interop.cells import Cell, Packets, Row

OUTAGE_DIALS = 2  # so many in vain before the broker is back
WITNESSES = "127.0.0.9"  # where they call from
PATIENCE_S = 30.0  # with the broker's ending of sessions
_numbers = count(1)


def witnesses_of(broker: Artemis, user: str | None = None) -> Client:
    """The client of all witnesses, to be closed; ``user``: whose password is his name."""
    return connect(f"{broker.url}?localAddress={WITNESSES}", user=user, password=user)


class Witness:
    """Talks to the broker past the proxy, on a session of its own."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._session = client.session()
        self._branches: XaSession | None = None

    def close(self) -> None:
        self._session.close()
        if self._branches is not None:
            self._branches.close()

    def queue(self, name: str, *bodies: str | bytes) -> None:
        """Make a queue with these messages in it."""
        self._session.create_queue(name, exist_ok=True)
        for body in bodies:
            self._session.send(name, body)

    def texts(self, name: str) -> list[str | None]:
        """What is in a queue."""
        with self._session.browser(name) as browser:
            return [message.text for message in browser]

    def count(self, name: str) -> int:
        """How many messages a queue has, those with consumers included."""
        return self._session.query_queue(name).message_count

    def comes_to(self, name: str, number: int) -> int:
        """How many messages a queue has in the end: ``number``, or what there is after `PATIENCE_S`.

        A session whose link was lost ends when the broker has noticed, and while it does, what was handed out to it is
        counted nowhere for a moment.
        """
        return _at_last(lambda: self.count(name), number)

    def consumers(self, name: str) -> int:
        """How many consumers a queue has."""
        return self._session.query_queue(name).consumer_count

    def consumers_come_to(self, name: str, number: int) -> int:
        """The same in the end, as `comes_to`: those of a lost session go with it."""
        return _at_last(lambda: self.consumers(name), number)

    def exists(self, name: str) -> bool:
        """Whether there is such a queue."""
        return self._session.query_queue(name).exists

    def delete(self, name: str) -> None:
        """Delete a queue."""
        self._session.delete_queue(name)

    def destroy(self, name: str) -> None:
        """Delete a queue, whoever consumes from it."""
        self._manage("broker", "destroyQueue", json.dumps([name, True]))

    def reserve(self, name: str, role: str) -> None:
        """From now on only who has this role may do something with what is at an address."""
        self._manage("broker", "addSecuritySettings", json.dumps([name, *[role] * 7]))

    def branches(self) -> XaSession:
        """A session of its own, for distributed transactions."""
        self._branches = self._branches or self._client.xa_session()
        return self._branches

    def roll_back(self, xid: Xid) -> None:
        """As an administrator does with a branch that waits for its coordinator for too long."""
        self._manage("broker", "rollbackPreparedTransaction", json.dumps([xid.base64]))

    def forget(self, address: str) -> None:
        """Have the broker drop all links that come from an address, lost or not, with their sessions."""
        self._manage("broker", "closeConnectionsForAddress", json.dumps([f"{address}:"]))

    def miss(self, address: str) -> None:
        """Wait for the broker to have ended all sessions of links that came from an address and are lost."""
        assert _at_last(lambda: self._sessions(address), 0) == 0

    def _sessions(self, address: str) -> int:
        wanted = {"field": "remoteAddress", "operation": "CONTAINS", "value": f"{address}:"}
        [page] = json.loads(self._manage("broker", "listSessions", json.dumps([json.dumps(wanted), 1, 0])))
        return int(json.loads(page)["count"])

    def _manage(self, resource: str, operation: str, parameters: str) -> str:
        words = {"_AMQ_ResourceName": resource, "_AMQ_OperationName": operation}
        reply = self._session.request(Address("activemq.management"), parameters, properties=words)
        assert reply.properties["_AMQ_OperationSucceeded"], reply.text
        return reply.text


def _forgets(cell: Cell) -> bool:
    return cell.outcome is Outcome.RECREATED and cell.mode is Mode.WINDOW


def _at_last(ask: Callable[[], int], wanted: int) -> int:
    until = time.monotonic() + PATIENCE_S
    while (found := ask()) != wanted and time.monotonic() < until:
        pass
    return found


class Stage:
    """The proxy of one cell. It is its own tap: it sees each frame before it is passed on, and fails then."""

    def __init__(self, broker: Artemis, witnesses: Client) -> None:
        """``witnesses`` is connected to the broker, past all proxies: `witnesses_of`."""
        number = next(_numbers)
        self.witness = Witness(witnesses)
        self.name = f"cell.{number}"
        self.address = f"127.0.{1 + number // 250 % 250}.{1 + number % 250}"  # the broker sees no other stage there
        self._broker = ("127.0.0.1", broker.port)
        self._nobody = socket.socket()
        self._nobody.bind(("127.0.0.1", 0))
        self.proxy = Proxy(self._broker, tap=self, source=self.address)
        self._readers: dict[tuple[int, Direction], FrameReader] = {}
        self._trap: list[tuple[Direction, frozenset[int]]] = []
        self._strike: Callable[[], object] = self.proxy.cut_all
        self.struck = False  # the trap has closed
        self._dials_in_vain: int | None = None
        self._witnesses = witnesses
        self._answering: Session | None = None
        self._helper = ThreadPoolExecutor()
        self._help: Future[None] | None = None

    def __enter__(self) -> Self:
        self.proxy.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.proxy.close()
        self._nobody.close()
        if self._answering is not None:
            self._answering.close()
        self._helper.shutdown()
        self.witness.close()
        if self._help is not None:
            self._help.result()

    def url(self, options: str) -> str:
        """Of the broker, through the proxy."""
        return f"tcp://127.0.0.1:{self.proxy.port}?{options}"

    # -- what the failure comes to

    def arm(self, row: Row) -> None:
        """The failure comes when the call passes by, or its answer."""
        cell = row.cell
        trap = [(Direction.TO_TARGET, row.ask)] if row.ask else []
        if cell.moment is Moment.ANSWERED:
            trap += [(Direction.TO_CLIENT, row.answer)] * row.answers
        self.set_trap(lambda: self.strike(row), *trap)

    def set_trap(self, strike: Callable[[], object], *trap: tuple[Direction, Packets]) -> None:
        """Do ``strike``, on the proxy's thread, when these packets have passed one after the other; the last does not arrive."""
        self._strike, self.struck = strike, False
        self._trap = [(direction, frozenset(kind.TYPE for kind in kinds)) for direction, kinds in trap]

    def strike(self, row: Row) -> None:
        """Lose the link, now."""
        disturbs = _forgets(row.cell) or (row.disturbs and row.cell.outcome is Outcome.RECREATED)
        if disturbs or row.cell.outcome in (Outcome.GIVEN_UP, Outcome.LATE):
            self.proxy.target = self._nobody.getsockname()
        self.proxy.cut_all()
        if disturbs:
            self._help = self._helper.submit(self._disturb_and_heal, row)

    def _disturb_and_heal(self, row: Row) -> None:
        self._disturb(row)
        self.heal()

    def _disturb(self, row: Row) -> None:
        if _forgets(row.cell):
            self.witness.forget(self.address)
        if row.cell.outcome is Outcome.RECREATED:
            self.witness.miss(self.address)
        row.meanwhile()

    def begin_outage(self, row: Row) -> None:
        """Lose the link, with no broker to be found for a while: `end_outage_soon`, or `heal`."""
        self.proxy.target = self._nobody.getsockname()
        self.proxy.cut_all()
        self._disturb(row)

    def end_outage_soon(self) -> None:
        """The broker is back after some more attempts to find it."""
        self._dials_in_vain = OUTAGE_DIALS

    def heal(self) -> None:
        """The broker is back."""
        self.proxy.target = self._broker

    def answer_questions(self, queue: str) -> None:
        """From now on somebody who is not behind the proxy answers what comes to a queue."""
        session = self._answering = self._witnesses.session()
        questions = session.consumer(queue)

        def answer() -> None:
            for question in questions:
                with suppress(AddressDoesNotExist, QueueDoesNotExist):  # of one that asks no more
                    question.reply(f"{question.text}!")

        self._helper.submit(answer)

    # -- the tap

    def opened(self, link: int) -> None:
        if self._dials_in_vain is not None:
            if not self._dials_in_vain:
                self.heal()
            self._dials_in_vain = self._dials_in_vain - 1 if self._dials_in_vain else None

    def passed(self, link: int, direction: Direction, data: bytes) -> None:
        reader = self._readers.setdefault((link, direction), FrameReader())
        if data.startswith(MAGIC):
            data = data.removeprefix(MAGIC)
        for frame in reader.feed(data):
            if self._trap and self._trap[0][0] is direction and packet_type(frame) in self._trap[0][1]:
                del self._trap[0]
                if not self._trap:
                    self._strike()
                    self.struck = True

    def closed(self, link: int, why: str) -> None:
        pass
