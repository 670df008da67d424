"""
The client: everything of it that decides. Drivers perform its effects and feed its inputs; there is no other class they see.

What an application may ask stands in `verbs/`. Rooms behind it: `_lifeline` (links, loss, recovery), `_session` (commands and
answers), `_outlets` and `_producer` (sending), `_consumer` and `_acknowledgements` (receiving), `_large_send` and `_large_receive`, `_transaction`,
`_destinations`, `_topology`, `_reconnect`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.client._calls import Call
from corewire.client.verbs._objects import ObjectVerbs
from corewire.client.verbs._receiving import ReceivingVerbs
from corewire.client.verbs._sessions import SessionVerbs
from corewire.client.verbs._streams import StreamVerbs
from corewire.client.verbs._transactions import TransactionVerbs
from corewire.client.verbs._tries import TryVerbs
from corewire.client.verbs._xa import XaVerbs

if TYPE_CHECKING:
    from corewire._operation import Operation
    from corewire.effects import Effect


class ClientEngine(SessionVerbs, StreamVerbs, ReceivingVerbs, TransactionVerbs, TryVerbs, XaVerbs, ObjectVerbs):
    """Links, sessions and failover of one client. Call anything, then drain ``poll_effects()`` until it is empty.

    ``now`` is monotonic seconds. Commands return an `Operation` at once; its result is there, or its error raised, when it
    is ``done``. Commands raise `LocalProtocolError` for what the caller did wrong, `ObjectClosed` for what was closed, and
    `NotConnected` once the client has given up.
    """

    # -- inputs -----------------------------------------------------------------------------------------------------

    def start(self, now: float) -> Operation[None]:
        """Connect. Done when the first connection is up and the topology known.

        Fails with NotConnected, CallTimeout, RemoteProtocolError.
        """
        return self._lifeline.start(now)

    def link_up(self, now: float, link: int) -> None:
        """A dialled link is connected."""
        self._lifeline.link_up(now, link)

    def link_down(self, now: float, link: int, error: Exception | None) -> None:
        """A link could not be dialled, or ended. Harmless for links that the engine gave up."""
        self._lifeline.link_down(now, link, error)

    def receive_data(self, now: float, link: int, data: bytes) -> None:
        """Bytes came from a link. Harmless for links that the engine gave up."""
        self._lifeline.receive_data(now, link, data)

    def datagram_received(self, now: float, data: bytes) -> None:
        """A datagram came in the group that ``Discover`` asked to join."""
        self._lifeline.datagram_received(now, data)

    def group_lost(self, now: float, error: Exception) -> None:
        """The group could not be joined, or cannot be listened to any more. Asked for again later."""
        self._lifeline.group_lost(now, error)

    def handle_timeout(self, now: float) -> None:
        """A deadline has passed, or not: may be called early, late or twice."""
        self._lifeline.handle_timeout(now)

    # -- outputs ----------------------------------------------------------------------------------------------------

    def poll_effects(self) -> list[Effect]:
        """What is to be done now, in order; emptied by the call."""
        self._lifeline.flush()
        effects, self._context.effects = self._context.effects, []
        return effects

    def next_timeout(self) -> float | None:
        """When to call ``handle_timeout``, None for not at all."""
        return self._lifeline.next_timeout()

    # -- the whole --------------------------------------------------------------------------------------------------

    def abandon(self, now: float, operation: Operation[object]) -> None:
        """Nobody waits for it any more. What was not begun is withdrawn; what was opened will be closed again; what is
        under way goes on, and its answer is dropped. One that is done counts as not taken: what it opened is closed, and a
        message is first in line again."""
        assert isinstance(operation, Call)
        if operation.abandoned:
            return
        operation.abandoned = True
        if operation.done:
            if operation.error is None and operation.untake is not None:
                operation.untake(now)
        elif operation.withdraw is not None:
            operation.withdraw(now)

    def close(self, now: float) -> Operation[None]:
        """Close sessions and connection. Waits for answers only from a broker that is there; never fails."""
        return self._lifeline.close(now)
