"""Producers, for asyncio and trio, through anyio."""

from __future__ import annotations

from collections import deque
from enum import Enum
from functools import partial
from typing import IO, TYPE_CHECKING, Self, Unpack, cast

from anyio import move_on_after

from corewire import Message, MessageType
from corewire.errors import ObjectClosed
from corewire_transports._messages import as_message, as_typed_message, wall_ms
from corewire_transports.anyio._streams import send

if TYPE_CHECKING:
    from collections.abc import AsyncIterable
    from pathlib import Path
    from types import TracebackType

    from corewire import Body, Destination, Headers, Operation, ProducerId
    from corewire_transports.anyio._pacing import Pace
    from corewire_transports.anyio.session import Session

__all__ = ["Producer", "Receipt", "SendState"]

SETTLE_EVERY = 64  # submitted messages: then those that are done are let go


class SendState(Enum):
    """How far a submitted message has come."""

    QUEUED = "queued"  #: here, not on any wire
    SENT = "sent"  #: written at least once; will be written again after a reattachment
    CONFIRMED = "confirmed"
    FAILED = "failed"


class Receipt:
    """What became of one submitted message."""

    __slots__ = ("_message", "_operation", "_session")

    def __init__(self, session: Session, operation: Operation[None], message: Message) -> None:
        self._session = session
        self._operation = operation
        self._message = message

    def __repr__(self) -> str:
        return f"<Receipt {self.state.value} {self._message!r}>"

    @property
    def state(self) -> SendState:
        """How far it has come."""
        if self._operation.done:
            return SendState.CONFIRMED if self._operation.error is None else SendState.FAILED
        return SendState.SENT if self._session._engine.was_written(self._operation) else SendState.QUEUED

    @property
    def message(self) -> Message:
        """What was submitted."""
        return self._message

    async def wait(self) -> None:
        """Until confirmed. Raises what sending raised, and CallTimeout when ``call_timeout_s`` passed without any progress."""
        await self._session._settled(self._operation)
        self._operation.result()


class Producer:
    """A destination with defaults, credits of its own, and pipelined sends."""

    def __init__(
        self, session: Session, handle: ProducerId, destination: Destination, defaults: Headers, pace: Pace | None
    ) -> None:
        self._session = session
        self._driver = session._driver
        self._engine = session._engine
        self._id = handle
        self._destination = destination
        self._defaults = defaults
        self._blank = as_message(None, defaults)  # with them, for those that get nothing else
        self._pace = pace
        self._unsettled: deque[Operation[None]] = deque()
        self._settle_at = SETTLE_EVERY
        self._failed: list[Exception] = []
        self._closed = False

    def __repr__(self) -> str:
        return f"<Producer {self._destination}>"

    async def send(self, body: Body | Message = None, /, **headers: Unpack[Headers]) -> None:
        """Send, as `Session.send`, and raise as it does; ObjectClosed when this was closed."""
        message = as_message(body, self._with_defaults(headers))
        await self._may_send()
        await self._driver.call(self._engine.send, self._session._id, self._destination, message, wall_ms=wall_ms())

    async def submit(self, body: Body | Message = None, /, **headers: Unpack[Headers]) -> Receipt:
        """Queue without waiting for the broker: waits for room only (credits, resend buffer, rate). What is submitted in a row leaves
        together; in the blocking world, where nothing moves between calls, at the latest with the next call of the client.

        Raises AddressFull, NotConnected, and what is wrong with the message; the rest is told by the receipt and by `flush`.
        """
        if headers or isinstance(body, Message):
            message = as_message(body, self._with_defaults(headers))
        else:
            message = self._blank._around(body)
        self._session._use()
        if self._pace is not None:
            await self._pace.keep()
        driver, now_ms = self._driver, wall_ms()
        if driver.must_give_way():
            await driver.give_way()
        operation = driver.gather(self._engine.submit_nowait, self._id, message, now_ms)
        if operation is None:
            operation = await driver.call_soon(partial(self._engine.submit, wall_ms=now_ms), self._id, message)
        self._unsettled.append(operation)
        if len(self._unsettled) >= self._settle_at:
            driver.gather(self._settle)
            self._settle_at = len(self._unsettled) + SETTLE_EVERY
        return Receipt(self._session, operation, message)

    async def send_stream(
        self,
        source: AsyncIterable[bytes] | IO[bytes] | Path,
        /,
        *,
        type: MessageType = MessageType.BYTES,  # noqa: A002  # the word of the API
        compress: bool | None = None,
        **headers: Unpack[Headers],
    ) -> int:
        """Send a body of any size in chunks, as `Session.send_stream`, and raise as it does; ObjectClosed when this was closed."""
        message = as_typed_message(type, self._with_defaults(headers))
        await self._may_send()
        return await send(self._session, self._destination, source, message, compress=compress)

    async def flush(self) -> None:
        """Until all submitted are confirmed. Raises ExceptionGroup of what failed since the last flush.

        Raises CallTimeout when ``call_timeout_s`` passed without any progress; what is confirmed later is told by the next one.
        """
        while (operation := self._driver.begin(self._settle)) is not None:
            await self._session._settled(operation)
        failed, self._failed = self._failed, []
        if failed:
            raise ExceptionGroup(f"{len(failed)} messages to {self._destination} failed", failed)

    async def close(self) -> None:
        """Close it. What was submitted arrives nevertheless."""
        self._closed = True
        with move_on_after(None, shield=True):
            await self._driver.finish(self._engine.close_producer, self._id)

    @property
    def destination(self) -> Destination:
        """Where it sends to."""
        return self._destination

    @property
    def credit_bytes(self) -> int:
        """What may be sent now without waiting."""
        return self._engine.credit_bytes(self._id)

    @property
    def blocked(self) -> bool:
        """Whether messages wait for credits."""
        return self._engine.blocked(self._id)

    async def _may_send(self) -> None:
        self._check_open()
        self._session._use()
        if self._pace is not None:
            await self._pace.keep()
            self._check_open()

    def _check_open(self) -> None:
        if self._closed:
            raise ObjectClosed("the producer is closed", subject=f"producer of {self._destination.name!r}")

    def _with_defaults(self, headers: Headers) -> Headers:
        return cast("Headers", {**self._defaults, **headers}) if self._defaults else headers

    def _settle(self, _now: float) -> Operation[None] | None:
        """Take out what is done, from the oldest on; return what is not. Run by the driver: one caller at a time."""
        unsettled = self._unsettled
        while unsettled:
            if not unsettled[0].done:
                return unsettled[0]
            if (error := unsettled.popleft().error) is not None:
                self._failed.append(error)
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self.flush()
        finally:
            await self.close()
