"""All that the runtime decides, without I/O: numbers inputs, steps the core, holds what is visible in the gate, says what to write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from corewire_server.core.effects import Append
from corewire_server.node.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from corewire_server.core.effects import Effect
    from corewire_server.core.inputs import Input
    from corewire_server.node.orders import Order
    from corewire_server.records import Record


class Core(Protocol):
    """The broker core, as the node sees it (``core/broker.py``)."""

    def step(self, now: int, item: Input, /) -> list[Effect]:
        """One input in, its effects out."""
        ...

    def next_timeout(self) -> int | None:
        """Milliseconds since the epoch at which the core wants the Timeout input."""
        ...

    def recover(self, records: Iterable[Record], /) -> None:
        """Take the live records of the journal, in order, before the first step."""
        ...


class Node:
    """One node. After each call the driver performs the orders it got, in order."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._gate = Gate()
        self._steps = 0

    def next_timeout(self) -> int | None:
        """Milliseconds since the epoch at which the Timeout input is wanted."""
        return self._core.next_timeout()

    @property
    def idle(self) -> bool:
        """Whether nothing is held back and nothing is being written."""
        return self._gate.empty

    def step(self, now: int, item: Input) -> list[Order]:
        """Hand an input of the broker to the core. ``now``: milliseconds since the epoch, never less than before."""
        self._steps += 1
        visible: list[Order] = [effect for effect in self._core.step(now, item) if not isinstance(effect, Append)]
        return self._gate.hold(self._steps, visible)
