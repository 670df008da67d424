"""The stage of a cell: a real broker, a proxy that strikes when a named frame passes, and a witness behind its back."""

from __future__ import annotations

import json
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Self

from tests.interop.cells import Mode, Moment, Outcome

from corewire import Address
from corewire.errors import AddressDoesNotExist, QueueDoesNotExist
from corewire.wire.framing import MAGIC, FrameReader, packet_type
from corewire_server.proxy import Direction, Proxy
from corewire_transports.threads import Client, Session, connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from tests.interop.artemis import Artemis
    from tests.interop.cells import Cell, Packets, Row

OUTAGE_DIALS = 2  # so many in vain before the broker is back
WITNESSES = "127.0.0.9"  # where they call from
_numbers = count(1)


def witnesses_of(broker: Artemis) -> Client:
    """The client of all witnesses, to be closed."""
    return connect(f"{broker.url}?localAddress={WITNESSES}")


class Witness:
    """Talks to the broker past the proxy, on a session of its own."""

    def __init__(self, client: Client) -> None:
        self._session = client.session()

    def close(self) -> None:
        self._session.close()

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

    def consumers(self, name: str) -> int:
        """How many consumers a queue has."""
        return self._session.query_queue(name).consumer_count

    def exists(self, name: str) -> bool:
        """Whether there is such a queue."""
        return self._session.query_queue(name).exists

    def delete(self, name: str) -> None:
        """Delete a queue."""
        self._session.delete_queue(name)

    def forget(self, address: str) -> None:
        """Have the broker drop all links that come from an address, lost or not, with their sessions."""
        self._manage("broker", "closeConnectionsForAddress", json.dumps([f"{address}:"]))

    def _manage(self, resource: str, operation: str, parameters: str) -> None:
        words = {"_AMQ_ResourceName": resource, "_AMQ_OperationName": operation}
        reply = self._session.request(Address("activemq.management"), parameters, properties=words)
        assert reply.properties["_AMQ_OperationSucceeded"], reply.text


class Stage:
    """The proxy of one cell. It is its own tap: it sees each frame before it is passed on, and fails then."""

    def __init__(self, broker: Artemis, witnesses: Client) -> None:
        """``witnesses`` is connected to the broker, past all proxies: `witnesses_of`."""
        number = next(_numbers)
        self.witness = Witness(witnesses)
        self.name = f"cell.{number}"
        self._address = f"127.0.{1 + number // 250 % 250}.{1 + number % 250}"  # the broker sees no other stage there
        self._broker = ("127.0.0.1", broker.port)
        self._nobody = socket.socket()
        self._nobody.bind(("127.0.0.1", 0))
        self.proxy = Proxy(self._broker, tap=self, source=self._address)
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
        self.set_trap(lambda: self.strike(cell), *trap)

    def set_trap(self, strike: Callable[[], object], *trap: tuple[Direction, Packets]) -> None:
        """Do ``strike``, on the proxy's thread, when these packets have passed one after the other; the last does not arrive."""
        self._strike, self.struck = strike, False
        self._trap = [(direction, frozenset(kind.TYPE for kind in kinds)) for direction, kinds in trap]

    def strike(self, cell: Cell) -> None:
        """Lose the link, now."""
        forgets = cell.outcome is Outcome.RECREATED and cell.mode is Mode.WINDOW
        if forgets or cell.outcome is Outcome.GIVEN_UP:
            self.proxy.target = self._nobody.getsockname()
        self.proxy.cut_all()
        if forgets:
            self._help = self._helper.submit(self._forget)

    def _forget(self) -> None:
        self.witness.forget(self._address)
        self.heal()

    def begin_outage(self, cell: Cell) -> None:
        """Lose the link, with no broker to be found for a while: `end_outage_soon`, or `heal`."""
        self.proxy.target = self._nobody.getsockname()
        self.proxy.cut_all()
        if cell.outcome is Outcome.RECREATED and cell.mode is Mode.WINDOW:
            self.witness.forget(self._address)

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
