# Made from the anyio one by scripts/gen_facades.py. Do not edit.
"""Management of a broker, for plain threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from corewire.client._management import (
    MANAGEMENT,
    JsonValue,
    Page,
    QueueStats,
    attribute_question,
    operation_question,
    queues_question,
    read_answer,
    read_queues,
)
from corewire_transports._deadline import move_on_after

if TYPE_CHECKING:
    from types import TracebackType

    from corewire import Message
    from corewire_transports.threads._requests import Inbox
    from corewire_transports.threads.client import Client

__all__ = ["JsonValue", "Management", "Page", "QueueStats"]


class Management:
    """Any operation of any resource of the broker: "broker", "queue.NAME", "address.NAME", "acceptor.NAME", "divert.NAME", ...

    Names of operations and attributes are Artemis'. Has a session of its own; any number of tasks or threads may share it. Calls
    raise ManagementError for what the broker could not do, SecurityError without the permission to manage, Unblocked where a
    failure lost the question or its answer, CallTimeout, NotConnected.
    """

    def __init__(self, client: Client, inbox: Inbox) -> None:
        self._client = client
        self._inbox = inbox

    def call(self, resource: str, operation: str, /, *parameters: JsonValue) -> JsonValue:
        """Invoke an operation. Results that are JSON themselves (of ``list…AsJSON``, say) come as text.

        Raises TypeError or ValueError for parameters that JSON cannot hold.
        """
        return self._ask(operation_question(resource, operation, parameters), f"{resource} {operation}")

    def get(self, resource: str, attribute: str, /) -> JsonValue:
        """Read an attribute."""
        return self._ask(attribute_question(resource, attribute), f"{resource} {attribute}")

    def queues(
        self, contains: str = "", /, *, page: int = 1, page_size: int = 50, sort: str = "name", descending: bool = False
    ) -> Page[QueueStats]:
        """A page of the queues whose name contains a text. ``page``: from 1 on; ``sort``: a field of `QueueStats`."""
        question = queues_question(contains, page=page, page_size=page_size, sort=sort, descending=descending)
        return read_queues(self._ask(question, "broker listQueues"))

    def _ask(self, question: Message, subject: str) -> JsonValue:
        answer = self._inbox.request(MANAGEMENT, question, self._client.config.call_timeout_s)
        return read_answer(answer, subject)

    def close(self) -> None:
        """Close its session. Never raises ConnectionLost."""
        with move_on_after(None, shield=True):
            self._inbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
