"""The engine on a bare selector: a whole driver, without corewire_transports."""

from __future__ import annotations

import random
import selectors
import socket
import sys
import time
from typing import TypeVar, assert_never

from corewire import ClientConfig, ClientEngine, Message, Operation, Queue
from corewire.effects import Completed, Dial, Discover, Effect, Hangup, Notify, Send

T = TypeVar("T")


class Driver:
    """Performs what the engine asks for, inside the caller's own calls."""

    def __init__(self, config: ClientConfig) -> None:
        self.engine = ClientEngine(config, rng=random.Random())  # names, not secrets
        self.selector = selectors.DefaultSelector()
        self.links: dict[int, socket.socket] = {}
        self.run(self.engine.start(time.monotonic()))

    def run(self, operation: Operation[T]) -> T:
        """Turn the engine until an operation is done."""
        while True:
            while effects := self.engine.poll_effects():
                for effect in effects:
                    self.perform(effect)
            if operation.done:
                return operation.result()
            deadline = self.engine.next_timeout()
            for key, _ in self.selector.select(None if deadline is None else max(0.0, deadline - time.monotonic())):
                self.read(key.data)
            self.engine.handle_timeout(time.monotonic())

    def perform(self, effect: Effect) -> None:
        """Do one thing that the engine asks for."""
        match effect:
            case Dial(link, endpoint, timeout_s):
                try:
                    sock = self.links[link] = socket.create_connection((endpoint.host, endpoint.port), timeout_s)
                except OSError as error:
                    return self.engine.link_down(time.monotonic(), link, error)
                self.selector.register(sock, selectors.EVENT_READ, link)
                self.engine.link_up(time.monotonic(), link)
            case Send(link, chunks):
                try:
                    if link in self.links:  # a broker that waits for its reader stops reading: fine for small messages
                        self.links[link].sendall(b"".join(chunks))
                except OSError as error:
                    self.drop(link, error)
            case Hangup(link):
                self.drop(link, None)  # the engine ignores what comes from a link it gave up
            case Completed() | Notify() | Discover():
                pass  # run() looks at its own operation; no listener, no discovery here
            case _:
                assert_never(effect)
        return None

    def read(self, link: int) -> None:
        """Feed the engine what a socket has."""
        try:
            data = self.links[link].recv(65_536)
        except OSError as error:
            return self.drop(link, error)
        if not data:
            return self.drop(link, None)
        return self.engine.receive_data(time.monotonic(), link, data)

    def drop(self, link: int, error: Exception | None) -> None:
        """A link has ended."""
        if sock := self.links.pop(link, None):
            self.selector.unregister(sock)
            sock.close()
            self.engine.link_down(time.monotonic(), link, error)


def main(url: str) -> None:
    """Send a message and take it back."""
    driver = Driver(ClientConfig.from_url(f"{url}?reconnectAttempts=-1"))
    engine = driver.engine
    session = driver.run(engine.create_session(time.monotonic()))
    driver.run(engine.send(time.monotonic(), session, Queue("orders"), Message("hello")))
    consumer = driver.run(engine.create_consumer(time.monotonic(), session, "orders"))
    message = driver.run(engine.receive(time.monotonic(), consumer))
    driver.run(engine.acknowledge(time.monotonic(), message))
    print(message.text)
    driver.run(engine.close(time.monotonic()))
    driver.selector.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: embedding_selector.py URL")
    main(sys.argv[1])
