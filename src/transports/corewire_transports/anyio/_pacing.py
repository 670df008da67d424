"""Holding up who would send or receive too many messages a second, for asyncio and trio, through anyio."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, overload

from anyio import move_on_after

from corewire import Operation
from corewire.client._rate import Rate
from corewire.errors import ConnectionLost
from corewire_transports.anyio.consumer import Consumer

if TYPE_CHECKING:
    from corewire import ConsumerId
    from corewire_transports.anyio._driver import Driver
    from corewire_transports.anyio.received import ReceivedMessage
    from corewire_transports.anyio.session import Session

__all__ = ["Pace", "PacedConsumer", "pace_of"]


class Pace:
    """Lets ``rate_max`` messages a second pass. Raises ValueError for less than one."""

    def __init__(self, driver: Driver, rate_max: int) -> None:
        self._driver = driver
        self._rate = Rate(rate_max)
        self._over: Operation[None] = Operation()

    async def keep(self) -> None:
        """Wait until one more message may pass."""
        await self.wait(self.take())

    def take(self) -> float:
        """One more message is to pass. Returns the seconds to wait before."""
        return self._driver.gather(self._rate.take)

    async def wait(self, pause_s: float) -> None:
        """Let time pass. Whoever leaves early has given back what was taken."""
        if not pause_s:
            return
        try:
            with move_on_after(pause_s):
                await self._driver.wait(self._over)
        except BaseException:
            self.give_back()
            raise

    def give_back(self) -> None:
        """The message did not pass."""
        with suppress(ConnectionLost):
            self._driver.gather(self._rate.give_back)

    def end(self) -> None:
        """There is nothing to wait for any more."""
        if not self._over.done:
            self._over.succeed(None)
            self._driver.wake(self._over)


def pace_of(driver: Driver, rate_max: int | None) -> Pace | None:
    """A pace to keep; None without a limit."""
    return None if rate_max is None else Pace(driver, rate_max)


class PacedConsumer(Consumer):
    """A consumer that hands out no more than so many messages a second."""

    def __init__(self, session: Session, handle: ConsumerId, queue: str, selector: str | None, pace: Pace) -> None:
        super().__init__(session, handle, queue, selector)
        self._pace = pace

    @overload
    async def receive(self) -> ReceivedMessage: ...
    @overload
    async def receive(self, timeout: float) -> ReceivedMessage | None: ...  # noqa: ASYNC109
    async def receive(self, timeout: float | None = None) -> ReceivedMessage | None:  # noqa: ASYNC109
        """The next message, as `Consumer.receive`. 0: what the broker has, as soon as it may be handed out."""
        pause_s = await self._settle_before_pause()
        if timeout:
            if timeout <= pause_s:
                await self._pace.wait(timeout)
                self._pace.give_back()
                return None
            timeout -= pause_s
        message = None
        await self._pace.wait(pause_s)
        try:
            message = await (super().receive() if timeout is None else super().receive(timeout))
        finally:
            if message is None:
                self._pace.give_back()
        return message

    async def __anext__(self) -> ReceivedMessage:
        await self._pace.wait(await self._settle_before_pause())
        try:
            return await super().__anext__()
        except BaseException:
            self._pace.give_back()
            raise

    async def _settle_before_pause(self) -> float:
        """The application comes back, but the next message may not come yet: what it has in hand counts now."""
        pause_s = self._pace.take()
        if pause_s and (message := self._in_hand) is not None:
            self._in_hand = None
            try:
                await self._driver.call(self._engine.acknowledge, message)
            except BaseException:
                self._pace.give_back()
                raise
        return pause_s

    async def _close(self, *, give_back: bool) -> None:
        try:
            await super()._close(give_back=give_back)
        finally:
            self._pace.end()
