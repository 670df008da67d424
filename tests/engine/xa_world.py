"""A client world whose broker takes XA commands, by a script: sessions for XA are to it those with transactions."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.client_world import ClientWorld, resilient

from corewire.client._recovery import Sessions
from corewire.client.message import Message
from corewire.errors import XaCode, XaError
from corewire.values import Queue, QueueConfiguration, RoutingType, Xid
from corewire.wire import packets
from corewire_server.core import dispatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corewire._operation import Operation
    from corewire.client._ids import SessionId
    from corewire.client.config import ClientConfig

ONE, TWO = Xid(1, b"one", b"b"), Xid(1, b"two", b"")
VERBS = (
    *(packets.SessionXaStart, packets.SessionXaEnd, packets.SessionXaPrepare, packets.SessionXaCommit),
    *(packets.SessionXaRollback, packets.SessionXaJoin, packets.SessionXaSuspend, packets.SessionXaResume),
    packets.SessionXaForget,
)
OK = 0


class XaBroker:
    """What the broker was asked about branches, and what it answers next."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.asked: list[Any] = []
        self.codes: deque[int] = deque()  #: of its next answers to verbs; afterwards all is well
        self.opened_for_xa: list[bool] = []
        self.in_doubt: list[packets.Xid] = []
        always, never = dispatch.Answered.ALWAYS, dispatch.Answered.NEVER
        table: dict[Any, tuple[Any, dispatch.Answered]] = {
            **dict.fromkeys(VERBS, (self._verb, always)),
            packets.SessionXaInDoubtXids: (self._in_doubt, always),
            packets.SessionXaSetTimeout: (self._set_timeout, always),
            packets.SessionXaGetTimeout: (self._get_timeout, always),
            packets.SessionXaFailed: (self._failed, never),
        }
        for kind, (handler, answered) in table.items():
            patch.setitem(dispatch.COMMANDS, kind.TYPE, dispatch.Command(handler, answered))
        make = Sessions._packet

        def without_xa(makes: Sessions, *arguments: Any) -> Any:
            packet = make(makes, *arguments)
            self.opened_for_xa.append(packet.xa)
            packet.xa = False
            return packet

        patch.setattr(Sessions, "_packet", without_xa)

    def _in_doubt(self, state: object, session: object, packet: Any) -> Any:
        self.asked.append(packet)
        return packets.SessionXaInDoubtXidsResponse(self.in_doubt)

    def _set_timeout(self, state: object, session: object, packet: Any) -> Any:
        self.asked.append(packet)
        return packets.SessionXaSetTimeoutResponse(True)

    def _get_timeout(self, state: object, session: object, packet: Any) -> Any:
        self.asked.append(packet)
        return packets.SessionXaGetTimeoutResponse(300)

    def _failed(self, state: object, session: object, packet: Any) -> None:
        self.asked.append(packet)

    def _verb(self, state: object, session: object, packet: Any) -> Any:
        self.asked.append(packet)
        code = self.codes.popleft() if self.codes else OK
        return packets.SessionXaResponse(code not in (OK, XaCode.XA_RDONLY), code, None)

    @property
    def names(self) -> list[str]:
        """What it was asked, without "SESS_XA_"."""
        return [packet.NAME.removeprefix("SESS_XA_") for packet in self.asked]


class XaWorld(ClientWorld):
    """One XA session, a queue "q", and a broker with a script."""

    def __init__(
        self, patch: pytest.MonkeyPatch, config: ClientConfig | None = None, *, foreign: bool = False, seed: int = 1
    ) -> None:
        self.broker = XaBroker(patch)
        super().__init__(config or resilient(), foreign=foreign, seed=seed)
        self.xa: SessionId = self.session(xa=True)
        self.other = self.session()
        queue = QueueConfiguration(name="q", routing_type=RoutingType.ANYCAST)
        self.run(self.engine.create_queue(self.now, self.other, queue))

    def ask(self, verb: Any, xid: Xid | None = ONE, *, flag: bool = False) -> Operation[XaCode | None]:
        return self.engine.xa(self.now, self.xa, verb, xid, flag=flag)

    def do(self, *verbs: Any, xid: Xid = ONE) -> None:
        """Verbs that succeed."""
        for verb in verbs:
            assert self.run(self.ask(verb, xid)) is None

    def refused(self, verb: Any, xid: Xid | None = ONE, *, flag: bool = False) -> XaCode:
        """The code of a verb that fails."""
        return code_of(self, self.ask(verb, xid, flag=flag))

    def send(self, text: str = "x") -> Operation[None]:
        return self.engine.send(self.now, self.xa, Queue("q"), Message(text))

    def fail(self, *, executed: bool = False) -> None:
        """Lose the link: after the broker executed what was written, or before it saw it. Then come back."""
        while self.perform():
            pass
        if executed:
            self.wire.client_reads = 0
            self.turn()
        else:
            self.cut()
        self.advance(1.0)

    def since(self, names: Sequence[str]) -> list[str]:
        """What the broker was asked beyond ``names``."""
        assert self.broker.names[: len(names)] == list(names)
        return self.broker.names[len(names) :]


def code_of(world: ClientWorld, operation: Operation[Any]) -> XaCode:
    """The code with which an operation fails."""
    with pytest.raises(XaError) as caught:
        world.run(operation)
    return caught.value.xa_code
