"""The client, for asyncio and trio, through anyio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from anyio import move_on_after

from corewire import AckMode
from corewire._states import ClientState
from corewire.client._notifications import NOTIFICATIONS, selector_for
from corewire_transports._opening import opening
from corewire_transports.anyio._events import Events
from corewire_transports.anyio._requests import Inbox
from corewire_transports.anyio.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from corewire import ClientConfig, Endpoint, Topology
    from corewire.events import ClientEvent
    from corewire_transports.anyio._driver import Driver
    from corewire_transports.anyio.management import Management
    from corewire_transports.anyio.notifications import Notifications
    from corewire_transports.anyio.pool import SessionPool
    from corewire_transports.anyio.transacted import TransactedSession
    from corewire_transports.anyio.xa import XaSession

__all__ = ["Client", "ClientState", "ClientStats"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientStats:
    """Counts since the client was made."""

    messages_sent: int
    messages_received: int
    messages_acknowledged: int
    messages_dropped: int  #: kept back by an interceptor, on the way out or in
    messages_maybe_lost: int  #: non-durable ones that were on their way when a session was recreated
    duplicates_suppressed: int  #: copies of messages in hand or acknowledged, which were not handed out (exactlyOnce)
    bytes_sent: int
    bytes_received: int
    reconnects: int
    reattached_sessions: int
    recreated_sessions: int
    replayed_packets: int
    credit_wait_s: float  #: seconds that senders waited for credits
    resend_bytes: int  #: kept for replay now


class Client:
    """One connection with its reconnection engine (Artemis: session factory; JMS: connection). Share it."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._engine = driver.engine
        self._sessions: dict[Session, None] = {}

    def __repr__(self) -> str:
        return f"<Client {self.state.value} {self.endpoint}>"

    @opening
    async def session(self, ack_mode: AckMode = AckMode.AUTO, /) -> Session:
        """Open a session. Raises SessionCreationRejected, SecurityError, CallTimeout, ConnectionLost."""
        return Session(self, await self._driver.call(self._engine.create_session, ack_mode=ack_mode), ack_mode)

    @opening
    async def transacted_session(self) -> TransactedSession:
        """Open a session in which sends and acknowledgements take effect at commit. Raises as `session`."""
        from corewire_transports.anyio.transacted import TransactedSession

        return TransactedSession(
            self, await self._driver.call(self._engine.create_session, transacted=True), AckMode.AUTO
        )

    @opening
    async def xa_session(self) -> XaSession:
        """Open a session that takes part in distributed transactions. Raises as `session`, BrokerError where there are none."""
        from corewire_transports.anyio.xa import XaSession

        return XaSession(self, await self._driver.call(self._engine.create_session, xa=True))

    @opening
    async def management(self) -> Management:
        """Talk to the broker's resources. Raises as `session`."""
        from corewire_transports.anyio.management import Management

        return Management(self, await Inbox.open(self))

    @opening
    async def notifications(self, *types: str) -> Notifications:
        """Listen to what the broker tells of itself: these types, as "CONSUMER_CREATED", or all if none is given.

        Raises ValueError for what can be no type, SecurityError, and as `session`.
        """
        from corewire_transports.anyio.notifications import Notifications

        selector = selector_for(types)
        session = await self.session(AckMode.PRE)
        try:
            if selector is None:
                return Notifications(session, await session.subscribe(NOTIFICATIONS))
            return Notifications(session, await session.subscribe(NOTIFICATIONS, selector=selector))
        except BaseException:
            await session.close()
            raise

    @opening
    async def pool(self, size_max: int = 8) -> SessionPool:
        """Keep up to ``size_max`` transacted sessions for many callers. They are opened when they are first needed."""
        from corewire_transports.anyio.pool import SessionPool

        return SessionPool(self, size_max)

    def events(self, *, buffer: int = 256) -> AsyncIterator[ClientEvent]:
        """What happens to the connection from now on, until the client is closed. Beyond ``buffer`` events the oldest go."""
        return Events(self._driver, buffer)

    async def poll(self) -> None:
        """Give the engine a turn (pings, confirmations, events). Only the blocking world needs it."""
        await self._driver.poll()

    async def close(self) -> None:
        """Close sessions and connection. Messages in hand count as consumed. Never raises ConnectionLost."""
        with move_on_after(None, shield=True):
            if (
                not self._driver.entered
            ):  # else a signal's handler calls, in the middle of another call: at once, without asking
                for session in list(self._sessions):
                    await session.close()
            await self._driver.close()

    @property
    def state(self) -> ClientState:
        """Where it is in its life."""
        return self._engine.state

    @property
    def config(self) -> ClientConfig:
        """What it was made with."""
        return self._engine.config

    @property
    def endpoint(self) -> Endpoint | None:
        """Where it is connected, or was last."""
        return self._engine.endpoint

    @property
    def node_id(self) -> str | None:
        """The broker's node id, None while it is not known."""
        return self._engine.node_id

    @property
    def version(self) -> int:
        """The protocol version that is spoken."""
        return self._engine.version

    @property
    def topology(self) -> Topology:
        """The cluster, as the broker told it."""
        return self._engine.topology

    @property
    def stats(self) -> ClientStats:
        """Counts since it was made."""
        counters = self._engine.counters
        return ClientStats(
            messages_sent=counters.messages_sent,
            messages_received=counters.messages_received,
            messages_acknowledged=counters.messages_acknowledged,
            messages_dropped=counters.messages_dropped,
            messages_maybe_lost=counters.messages_maybe_lost,
            duplicates_suppressed=counters.duplicates_suppressed,
            bytes_sent=counters.bytes_sent,
            bytes_received=counters.bytes_received,
            reconnects=counters.reconnects,
            reattached_sessions=counters.reattached_sessions,
            recreated_sessions=counters.recreated_sessions,
            replayed_packets=counters.replayed_packets,
            credit_wait_s=counters.credit_wait_s,
            resend_bytes=self._engine.resend_bytes,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            with move_on_after(None, shield=True):
                for session in list(self._sessions):
                    await session.__aexit__(kind, error, trace)
        await self.close()
