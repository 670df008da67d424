"""
Whose answer is it? Questions of one session in order, and how answers find them (docs/protocol/requests.md).

Blocking answers carry no name of their question: a NULL_RESPONSE says -1 whatever was asked. They come in the order of
the questions, so an answer belongs to the oldest question that it fits, and a question that nobody waits for any more
keeps its place until its answer came: otherwise every later answer would shift by one. Sends that nobody waits for
carry ids of their own.
"""

from __future__ import annotations

from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

EXCEPTION = 20


class Question(Protocol):
    """One command that will be answered."""

    @property
    def expected(self) -> tuple[int, ...]:
        """Types of the answer; EXCEPTION always fits."""
        ...

    @property
    def correlation(self) -> int:
        """-1 where the packet has no such field."""
        ...


Q = TypeVar("Q", bound=Question)


class Replies(Generic[Q]):
    """The unanswered questions of one session. It outlives links, as the channel does."""

    __slots__ = ("_in_order", "by_id")

    def __init__(self) -> None:
        self._in_order: deque[Q] = deque()
        self.by_id: dict[int, Q] = {}  #: those that are answered by their number; may be taken out here too

    def __len__(self) -> int:
        return len(self._in_order) + len(self.by_id)

    def __iter__(self) -> Iterator[Q]:
        return chain(self._in_order, self.by_id.values())

    def ask(self, question: Q) -> None:
        """Remember a question; one with a positive correlation is answered by that number, others in order."""
        if question.correlation > 0:
            self.by_id[question.correlation] = question
        else:
            self._in_order.append(question)

    def match(self, packet_type: int, correlation: int | None) -> Q | None:
        """
        Take out the question that an answer belongs to; None where there is no such question: drop the answer.

        ``correlation`` is that of the packet, None where it has none on the wire.
        """
        if correlation is not None and correlation > 0:
            return self.by_id.pop(correlation, None)
        unnamed = correlation is None or correlation in (0, -1)
        for question in self._in_order:
            if packet_type == EXCEPTION:
                fits = question.correlation == -1 if unnamed else question.correlation == correlation
            else:
                fits = packet_type in question.expected and correlation in (None, question.correlation)
            if fits:
                self._in_order.remove(question)
                return question
        if packet_type == EXCEPTION and unnamed and self._in_order:
            return self._in_order.popleft()  # a failure that the broker did not put a name to
        return None

    def clear(self) -> list[Q]:
        """Take out all, oldest first within each kind: the session was recreated or closed."""
        questions = list(self)
        self._in_order.clear()
        self.by_id.clear()
        return questions
