"""A Java client at the other end that does as it is told (``java/Mate.java``): one JVM for many short exchanges."""

from __future__ import annotations

import subprocess
from typing import NamedTuple
from urllib.parse import quote_plus, unquote_plus

from tests.interop.artemis import JVM_OPTIONS
from tests.interop.peers import ARTEMIS, lanes_class_path

PATIENCE_MS = "30000"


class JavaError(Exception):
    """What Java raised; its class."""


class Taken(NamedTuple):
    """A text message as JMS shows it, all as text."""

    text: str
    priority: str
    ttl: str  #: ms; 0: it does not expire
    due: str  #: whether its time of delivery has come
    delay: str  #: ms
    reply_to: str
    correlation: str  #: of bytes, each a character
    group: str
    sequence: str


class Mate:
    """See the module."""

    def __init__(self, url: str) -> None:
        command = ["java", *JVM_OPTIONS, "-cp", lanes_class_path(ARTEMIS), "Mate", url]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._read() == ["ready"]

    def _read(self) -> list[str]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the Java program has ended"
        return [unquote_plus(word) for word in line.rstrip("\n").split(" ")]

    def __call__(self, *words: str) -> list[str]:
        """Have a command obeyed. Returns what there is to say; raises JavaError."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(quote_plus, words)) + "\n")
        self._process.stdin.flush()
        verdict, *answer = self._read()
        if verdict == "failed":
            raise JavaError(*answer)
        return answer

    def send(self, to: str, text: str, **settings: object) -> None:
        """Send a text; settings are those of ``Mate.java``, with blanks for underscores, or string properties."""
        pairs = [
            (name if name.startswith("_") else name.replace("_", " "), str(value)) for name, value in settings.items()
        ]
        self("send", to, text, *(word for pair in pairs for word in pair))

    def take(self, consumer: str, millis: str = PATIENCE_MS) -> Taken | None:
        """The next message of a consumer, None if there is none."""
        answer = self("take", consumer, millis)
        return Taken(*answer) if answer else None

    def take_from(self, queue: str, millis: str = PATIENCE_MS) -> Taken | None:
        """The next message of a queue, None if there is none."""
        self("consume", "once", queue)
        try:
            return self.take("once", millis)
        finally:
            self("close", "once")

    def texts_from(self, queue: str) -> list[str]:
        """All that is there."""
        self("consume", "all", queue)
        texts: list[str] = []
        while (taken := self.take("all", "0")) is not None:
            texts.append(taken.text)
        self("close", "all")
        return texts

    def close(self) -> None:
        """End the program."""
        self._process.kill()
        self._process.communicate()
