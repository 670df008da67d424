"""Who is who in a client: its sessions, producers and consumers by their ids, and what can be asked about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire._states import ClientState
from corewire.client._calls import Call
from corewire.client._context import Context, Counters
from corewire.client._delivery import Delivery
from corewire.client._lifeline import Lifeline
from corewire.client._producer import Submission
from corewire.errors import ObjectClosed

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Sequence
    from random import Random

    from corewire._operation import Operation
    from corewire.client._consumer import Consumer
    from corewire.client._ids import ConsumerId, ProducerId, SessionId
    from corewire.client._interceptors import Interceptor
    from corewire.client._producer import Producer
    from corewire.client._session import Session
    from corewire.client.config import ClientConfig, Endpoint
    from corewire.events import ClientWarning, TraceRecord
    from corewire.values import Topology


class Registry:
    """The passive half of `ClientEngine`: finding and telling."""

    def __init__(
        self,
        config: ClientConfig,
        *,
        rng: Random,
        trace: Callable[[TraceRecord], None] | None = None,
        interceptors: Sequence[Interceptor] = (),
        delivery: type[Delivery] = Delivery,
    ) -> None:
        """``delivery``: what messages that come are made, a subclass that adds what its world can do with them."""
        self._context = Context(config, rng, interceptors, delivery)
        self._lifeline = Lifeline(self._context, rng, trace)

    # -- getters -------------------------------------------------------------------------------------------------------

    @property
    def config(self) -> ClientConfig:
        """What it was made with."""
        return self._context.config

    @property
    def warnings(self) -> deque[ClientWarning]:
        """What belongs into a log. Whoever writes it takes it out; of what nobody takes, the newest hundred are kept."""
        return self._context.warnings

    @property
    def state(self) -> ClientState:
        """Where it is in its life."""
        return self._lifeline.state

    @property
    def endpoint(self) -> Endpoint | None:
        """Where it is connected, or was last; None before."""
        return self._lifeline.endpoint

    @property
    def node_id(self) -> str | None:
        """The broker's node id, None while it is not known."""
        return self._context.node_id

    @property
    def version(self) -> int:
        """The protocol version that is spoken, 0 before the first connection."""
        return self._lifeline.version

    @property
    def topology(self) -> Topology:
        """The cluster, as the broker told it."""
        return self._lifeline.topology.topology

    @property
    def counters(self) -> Counters:
        """What was counted since it was made."""
        return self._context.counters

    @property
    def resend_bytes(self) -> int:
        """Bytes that are kept for replay, or wait for a link, as they are counted against `ClientConfig.resend_bytes_max`."""
        return self._context.kept_bytes

    def session_name(self, session: SessionId) -> str:
        """The session's name at the broker; changes when it is recreated."""
        return self._session(session).name

    def is_open(self, session: SessionId) -> bool:
        """Whether commands of a session make sense: it was not closed, and the client has not given up."""
        found = self._context.sessions.get(session)
        return found is not None and found.error is None and not found.closing

    def sends_again(self, session: SessionId) -> bool:
        """Whether durable messages of a session are sent again when it is made anew."""
        return self._session(session).sends_again

    def progress(self, session: SessionId) -> int:
        """Counts the answers that came to a session; 0 for one that is closed. While it grows, patience is worth it."""
        found = self._context.sessions.get(session)
        return 0 if found is None else found.progress

    @property
    def timeouts_stand_still(self) -> bool:
        """Whether nobody is told now that an answer takes too long: exactly-once waits for a broker as long as it takes."""
        return self._context.exactly_once and self._lifeline.state is ClientState.RECOVERING

    def rollback_only(self, session: SessionId) -> bool:
        """Whether the open transaction cannot be committed any more."""
        return self._session(session).transaction.rollback_only is not None

    def buffered(self, consumer: ConsumerId) -> int:
        """Messages that came and were not received yet."""
        return self._consumer(consumer).buffered

    def queue_of(self, consumer: ConsumerId) -> str:
        """The queue that a consumer consumes."""
        return self._consumer(consumer).queue

    def consumer_error(self, consumer: ConsumerId) -> Exception | None:
        """Why a consumer is closed, None while it is not."""
        return self._consumer(consumer).error

    def credit_bytes(self, producer: ProducerId) -> int:
        """What may be sent now to the producer's address."""
        return self._producer(producer).credit_bytes

    def was_written(self, submission: Operation[None]) -> bool:
        """Whether a submitted message (the inner operation of `submit`) has left for a broker."""
        assert isinstance(submission, Submission)
        return submission.command.written

    def blocked(self, producer: ProducerId) -> bool:
        """Whether messages of the producer's destination wait for credits."""
        return self._producer(producer).blocked

    # -- who is who ----------------------------------------------------------------------------------------------------------------

    def _done(self) -> Call[None]:
        call: Call[None] = Call()
        self._context.succeed(call, None)
        return call

    def _check_alive(self) -> None:
        if self._lifeline.error is not None:
            raise self._lifeline.error

    def _session(self, session: SessionId) -> Session:
        found = self._context.sessions.get(session)
        if found is None:
            self._check_alive()
            raise ObjectClosed("the session is closed")
        return found

    def _open_session(self, session: SessionId) -> Session:
        found = self._session(session)
        found.check_open()
        return found

    def _producer(self, producer: ProducerId) -> Producer:
        found = self._context.producers.get(producer)
        if found is None:
            self._check_alive()
            raise ObjectClosed("the producer is closed")
        return found

    def _consumer(self, consumer: ConsumerId) -> Consumer:
        found = self._context.consumers.get(consumer)
        if found is None:
            self._check_alive()
            raise ObjectClosed("the consumer is closed")
        return found
