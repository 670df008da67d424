"""
Whose answer is it? Questions of one session in order, and how answers find them (docs/protocol/requests.md).

Blocking answers carry no name of their question: a NULL_RESPONSE says -1 whatever was asked. They come in the order of
the questions, so an answer belongs to the oldest question that it fits, and a question that nobody waits for any more
keeps its place until its answer came: otherwise every later answer would shift by one. Sends that nobody waits for
carry ids of their own.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from corewire._operation import Operation

EXCEPTION = 20


@dataclass(slots=True, eq=False)
class Question:
    """One command that will be answered."""

    operation: Operation[Any] | None  #: None: nobody waits any more, the answer will be dropped
    expected: tuple[int, ...]  #: types of the answer; EXCEPTION always fits
    correlation: int  #: -1 where the packet has no such field
    ticket: int = 0  #: of `Channel.ask_frame`


class Replies:
    """The unanswered questions of one session. It outlives links, as the channel does."""

    __slots__ = ("_by_id", "_in_order")

    def __init__(self) -> None:
        self._in_order: deque[Question] = deque()
        self._by_id: dict[int, Question] = {}

    def __len__(self) -> int:
        return len(self._in_order) + len(self._by_id)

    def ask(self, question: Question) -> None:
        """Remember a question; one with a positive correlation is answered by that number, others in order."""
        if question.correlation > 0:
            self._by_id[question.correlation] = question
        else:
            self._in_order.append(question)

    def match(self, packet_type: int, correlation: int | None) -> Question | None:
        """
        Take out the question that an answer belongs to; None where there is no such question: drop the answer.

        ``correlation`` is that of the packet, None where it has none on the wire.
        """
        if correlation is not None and correlation > 0:
            return self._by_id.pop(correlation, None)
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

    def take(self, correlation: int) -> Question | None:
        """Take out a send by its number, as when a confirmation covered it (peers below version 130)."""
        return self._by_id.pop(correlation, None)

    def abandon(self, operation: Operation[Any]) -> bool:
        """Nobody waits for it any more: its question keeps its place. False where there is no such question."""
        for question in (*self._in_order, *self._by_id.values()):
            if question.operation is operation:
                question.operation = None
                return True
        return False

    def clear(self) -> list[Question]:
        """Take out all, oldest first within each kind: the session was recreated or closed."""
        questions = [*self._in_order, *self._by_id.values()]
        self._in_order.clear()
        self._by_id.clear()
        return questions
