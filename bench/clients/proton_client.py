"""python-qpid-proton: a handler that keeps its sender busy until all is settled, then accepts each message."""

from __future__ import annotations

from typing import Any

from bench.clients.course import BODY, QUEUE, Task, Watch, tasks
from proton import Message
from proton.handlers import MessagingHandler
from proton.reactor import Container


class Course(MessagingHandler):
    """Sends all, which the broker answers one by one as it does our `submit`; then takes all, and accepts each."""

    def __init__(self, work: Task) -> None:
        super().__init__(prefetch=1000, auto_accept=True)
        self._work = work
        self._url = f"amqp://{work.host}:{work.port}"
        self._messages = work.messages
        self._left = work.messages
        self._settled = self._received = 0
        self._watch: Watch | None = None

    def on_start(self, event: Any) -> None:
        """See proton."""
        self._connection = event.container.connect(self._url)
        event.container.create_sender(self._connection, QUEUE)

    def on_sendable(self, event: Any) -> None:
        """There is credit."""
        self._watch = self._watch or Watch(self._work)
        while self._left and event.sender.credit:
            event.sender.send(Message(body=BODY, durable=False))
            self._left -= 1

    def on_settled(self, event: Any) -> None:
        """The broker has answered one."""
        self._settled += 1
        if self._settled == self._messages:
            assert self._watch is not None
            self._watch.sent()
            event.container.create_receiver(self._connection, QUEUE)

    def on_message(self, event: Any) -> None:
        """One has come."""
        assert event.message.body
        self._received += 1
        if self._received == self._messages:
            assert self._watch is not None
            self._watch.done(self._received)
            self._connection.close()


def main() -> None:
    """Run it."""
    for work in tasks():
        Container(Course(work)).run()


if __name__ == "__main__":
    main()
