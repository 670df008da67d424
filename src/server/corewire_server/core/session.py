"""A session: what belongs to one CREATESESSION. It outlives its link while its client may come back for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.wire import hot
from corewire.wire.versions import capabilities
from corewire_server.core.intake import NO_ADDRESS
from corewire_server.core.transactions import Transaction

if TYPE_CHECKING:
    from corewire._channel import Channel
    from corewire.wire.versions import Capabilities
    from corewire_server.core.consumers import Consumer
    from corewire_server.core.early import Early
    from corewire_server.core.link import Link


class Session:
    """State only; commands are in ``commands/``."""

    __slots__ = (
        *("async_gaps", "auto_acks", "auto_sends", "channel", "closed", "consumers", "correlates", "counts"),
        *("credit_requests", "credits", "doubles", "early", "trailer"),
        *(
            "crowded",
            "default_address",
            "flows",
            "last_ack",
            "last_address",
            "last_async",
            "link",
            "metadata",
            "name",
            "pause_bytes",
            "pre_acknowledges",
        ),
        *("reachable", "refusals", "started", "transaction", "user"),
    )

    def __init__(
        self,
        name: str,
        channel: Channel,
        link: Link,
        *,
        user: str | None,
        auto_sends: bool,
        auto_acks: bool,
        pre_acknowledges: bool,
        pause_bytes: int,
    ) -> None:
        self.name = name
        self.channel = channel
        self.link = link  # where it is, or was when it was lost
        self.user = user
        self.auto_sends = auto_sends
        self.auto_acks = auto_acks
        self.pre_acknowledges = pre_acknowledges
        self.pause_bytes = pause_bytes  # so much unconfirmed, and its deliveries pause
        self.counts = channel.window_bytes is not None  # commands are counted, confirmed and kept
        self.trailer = 0  # bytes behind the message in its sends
        self.correlates = False  # its client numbers sends
        self.adopt_version()
        self.default_address: str | None = None
        self.started = False
        self.closed = False
        self.crowded = False  # too much of what was sent is unconfirmed
        self.reachable = True  # on a living link that takes bytes, and not crowded
        self.flows = False  # reachable and started: its consumers are served
        self.consumers: dict[int, Consumer] = {}
        self.metadata: dict[str, str] = {}
        self.transaction = Transaction()  # used if one of the automatic commits is off
        self.last_async = 0  # the highest correlation id of unblocked sends
        self.async_gaps: dict[int, None] = {}  # lower ones that did not come yet
        self.early: Early | None = None  # re-attached: a send may come before the replay
        self.last_ack = b""
        self.doubles = False  # re-attached: its client may write an acknowledgement twice, in a moment
        self.last_address = NO_ADDRESS  # a guess at the address field of its next message
        self.refusals = 0  # that its client was not told of
        self.credits = 0  # bytes that its producers may still send; below 0: sent without
        self.credit_requests: list[tuple[int, str]] = []  # withheld: credits and address

    def adopt_version(self) -> None:
        """It is on a link whose version is known."""
        self.trailer = hot.send_trailer(self.capabilities)
        self.correlates = self.capabilities.correlation_ids

    @property
    def version(self) -> int:
        """The protocol version of its link."""
        return self.link.version

    @property
    def capabilities(self) -> Capabilities:
        """What its client understands."""
        return capabilities(self.link.version)

    def update_flow(self) -> None:
        """Something changed that decides whether it is served."""
        self.reachable = self.link.alive and not self.link.blocked and not self.crowded
        self.flows = self.reachable and self.started

    def is_stray(self, correlation: int, gaps_max: int) -> bool:
        """
        Whether an unblocked send is a second copy of one that was executed; else remember it.

        Clients number unblocked sends 1, 2, 3, ... and may write one twice around a re-attachment: once by the replay, once
        by the thread that was about to write it. After the replay it is old, before it, it waits (``early.py``). Gaps come from
        numbers that the client used up elsewhere; what fills one later is taken.
        """
        last = self.last_async
        if correlation == last + 1:
            self.last_async = correlation
            return False
        if correlation <= last:
            if correlation not in self.async_gaps:
                return True
            del self.async_gaps[correlation]
            return False
        if last:
            for missing in range(max(last + 1, correlation - gaps_max), correlation):
                self.async_gaps[missing] = None
            while len(self.async_gaps) > gaps_max:
                del self.async_gaps[next(iter(self.async_gaps))]
        self.last_async = correlation
        return False
