"""When nothing goes wrong any more, everything comes to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire_server.simulator.checkers.checker import Checker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corewire_server.core.broker import Broker


class AllEndsWell(Checker):
    """
    In the calm phase every application comes to its end, a pair has one server and one in step (the world tells what did not),
    and whoever serves then holds no message any more in the queues that were sent to. (A reply whose asker is gone may lie in
    a queue that it made.)
    """

    rule = "ending"

    def __init__(self) -> None:
        super().__init__()
        self._cores: dict[str, Broker] = {}
        self._serving: dict[str, None] = {}
        self._queues: set[str] = set()

    def sent(
        self, now: int, client: str, producer: str, number: int, queue: str, *, durable: bool, priority: int
    ) -> None:
        self._queues.add(queue)

    def core_made(self, now: int, node: str, core: Broker) -> None:
        self._cores[node] = core

    def serving(self, now: int, node: str, epoch: int, serves: bool) -> None:
        self._serving.pop(node, None)
        if serves:
            self._serving[node] = None

    def finished(self, now: int, unfinished: Sequence[str]) -> None:
        for words in unfinished:
            self.broken(now, words)
        if unfinished:
            return
        for node in self._serving:
            for name, queue in self._cores[node].state.store.queues.items():
                if name in self._queues and (queue.waits or queue.in_delivery):
                    self.broken(
                        now, f"{node}: {queue.waits} messages wait in {name}, {queue.in_delivery} are in delivery"
                    )
