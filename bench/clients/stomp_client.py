"""stomp.py: a listener that acknowledges each message."""

from __future__ import annotations

import threading
from typing import Any

import stomp
from bench.clients.course import BODY, QUEUE, Task, Watch, tasks


class Taker(stomp.ConnectionListener):
    """Acknowledges what comes, until all has come."""

    def __init__(self, connection: stomp.Connection12, messages: int) -> None:
        self._connection = connection
        self._messages = messages
        self.received = 0
        self.over = threading.Event()

    def on_message(self, frame: Any) -> None:
        """See stomp.py."""
        assert frame.body
        self._connection.ack(frame.headers["ack"])
        self.received += 1
        if self.received == self._messages:
            self.over.set()


def course(work: Task) -> None:
    """Send all, then take all."""
    connection = stomp.Connection12([(work.host, work.port)], heartbeats=(10_000, 10_000))
    connection.connect(wait=True)
    taker = Taker(connection, work.messages)
    watch = Watch(work)
    for _ in range(work.messages):
        connection.send(QUEUE, BODY, headers={"destination-type": "ANYCAST"})
    watch.sent()
    connection.set_listener("", taker)
    connection.subscribe(QUEUE, id="1", ack="client-individual", headers={"subscription-type": "ANYCAST"})
    taker.over.wait(120)
    watch.done(taker.received)
    connection.disconnect()


def main() -> None:
    """A few first, then those that are measured."""
    for work in tasks():
        course(work)


if __name__ == "__main__":
    main()
