"""Interceptors: what the application wants to see of every message on its way out and in, and to change or keep back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from corewire.client.message import Message
from corewire.events import InterceptorFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from corewire.client._context import Context
    from corewire.client._delivery import Delivery


class Interceptor(Protocol):
    """Sees every message that applications send and receive, and may return another one in its place, or None.

    None keeps it back. One that goes out: whoever waits for the broker's answer gets InterceptorRejectedPacket, as does whoever
    streams the body; others do not learn of it. One that comes in counts as consumed. ``ClientStats.messages_dropped`` counts.

    It is called inside the client: it must return soon, and must not call the client. What it raises is written
    into the log, and the message passes as it was.
    """

    def outgoing(self, message: Message, /) -> Message | None:
        """A message that is about to be sent, once for each send. Of a streamed one the body is not there."""
        ...

    def incoming(self, message: Message, /) -> Message | None:
        """A message that is about to be handed out. A large body is not there: such a message passes as it is, or not at all.

        Of another message the application sees body, properties and headers; id, time and destination stay as they came.
        """
        ...


class Interceptors:
    """Those of one client, in the order in which they are asked."""

    def __init__(self, context: Context, interceptors: Iterable[Interceptor]) -> None:
        self._context = context
        self._interceptors = tuple(interceptors)

    def outgoing(self, message: Message) -> Message | None:
        """What is sent; None: nothing."""
        for each in self._interceptors:
            passed = self._ask(each.outgoing, message)
            if passed is None:
                self._context.counters.messages_dropped += 1
                return None
            message = passed
        return message

    def incoming(self, delivery: Delivery) -> bool:
        """Whether it is handed out; then it shows what they want to be seen."""
        for each in self._interceptors:
            passed = self._ask(each.incoming, delivery)
            if passed is None:
                self._context.counters.messages_dropped += 1
                return False
            if passed is not delivery:
                if delivery.is_large:
                    self._failed(each.incoming, ValueError("a message whose body is not in memory cannot be replaced"))
                else:
                    delivery.show(passed)
        return True

    def _ask(self, interceptor: Callable[[Message], object], message: Message) -> Message | None:
        try:
            passed = interceptor(message)
            if passed is None or isinstance(passed, Message):
                return passed
            raise TypeError(f"a Message or None, not {type(passed).__name__}")
        except Exception as error:  # noqa: BLE001  # whatever it is: the message is not to suffer from it
            self._failed(interceptor, error)
            return message

    def _failed(self, interceptor: Callable[[Message], object], error: Exception) -> None:
        self._context.warnings.append(InterceptorFailed(repr(interceptor), error))
