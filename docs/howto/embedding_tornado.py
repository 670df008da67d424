"""The engine on Tornado: effects in, callbacks out. Twisted is the same with a Protocol and reactor.callLater."""

from __future__ import annotations

import asyncio
import random
import socket
import sys
import time
from typing import TypeVar, assert_never

from tornado.ioloop import IOLoop
from tornado.iostream import IOStream, StreamClosedError

from corewire import ClientConfig, ClientEngine, Message, Operation, Queue
from corewire.effects import Completed, Dial, Discover, Hangup, Notify, Send

T = TypeVar("T")


class TornadoDriver:
    """Performs what the engine asks for, on Tornado's loop."""

    def __init__(self, config: ClientConfig) -> None:
        self.engine = ClientEngine(config, rng=random.Random())  # names, not secrets
        self.loop = IOLoop.current()
        self.streams: dict[int, IOStream] = {}
        self.waiting: dict[int, asyncio.Event] = {}
        self.timer: object | None = None

    async def call(self, operation: Operation[T]) -> T:
        """Wait for an operation."""
        self.perform()
        if not operation.done:
            event = self.waiting[id(operation)] = asyncio.Event()
            await event.wait()
        return operation.result()

    async def link(self, dial: Dial) -> None:
        """One connection, from dialling to its end."""
        stream = IOStream(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        try:
            await stream.connect((dial.endpoint.host, dial.endpoint.port))
            self.streams[dial.link] = stream
            self.engine.link_up(time.monotonic(), dial.link)
            self.perform()
            while True:
                data = await stream.read_bytes(65_536, partial=True)
                self.engine.receive_data(time.monotonic(), dial.link, data)
                self.perform()
        except (StreamClosedError, OSError) as error:
            self.streams.pop(dial.link, None)
            self.engine.link_down(time.monotonic(), dial.link, error)
            self.perform()

    def tick(self) -> None:
        """A deadline has passed."""
        self.engine.handle_timeout(time.monotonic())
        self.perform()

    def perform(self) -> None:
        """Do what the engine asks for, and be called again in time."""
        while effects := self.engine.poll_effects():
            for effect in effects:
                match effect:
                    case Dial():
                        self.loop.spawn_callback(self.link, effect)
                    case Send(link, chunks):
                        if stream := self.streams.get(link):
                            stream.write(b"".join(chunks))
                    case Hangup(link):
                        if stream := self.streams.pop(link, None):
                            stream.close()
                    case Completed(operation):
                        if event := self.waiting.pop(id(operation), None):
                            event.set()
                    case Notify() | Discover():
                        pass
                    case _:
                        assert_never(effect)
        if self.timer is not None:
            self.loop.remove_timeout(self.timer)
        deadline = self.engine.next_timeout()
        delay = None if deadline is None else max(0.0, deadline - time.monotonic())
        self.timer = None if delay is None else self.loop.call_later(delay, self.tick)


async def main(url: str) -> None:
    """Send a message and take it back."""
    driver = TornadoDriver(ClientConfig.from_url(f"{url}?reconnectAttempts=-1"))
    engine = driver.engine
    await driver.call(engine.start(time.monotonic()))
    session = await driver.call(engine.create_session(time.monotonic()))
    await driver.call(engine.send(time.monotonic(), session, Queue("orders"), Message("hello")))
    consumer = await driver.call(engine.create_consumer(time.monotonic(), session, "orders"))
    message = await driver.call(engine.receive(time.monotonic(), consumer))
    await driver.call(engine.acknowledge(time.monotonic(), message))
    print(message.text)
    await driver.call(engine.close(time.monotonic()))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: embedding_tornado.py URL")
    asyncio.run(main(sys.argv[1]))
