"""The broker core, as a node sees it (``core/broker.py``, ``core/restoring.py``); tests put smaller ones in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from corewire_server.core.effects import Effect
    from corewire_server.core.inputs import Input
    from corewire_server.records import Record


class Core(Protocol):
    """A broker: inputs in, effects out."""

    @property
    def node_id(self) -> str:
        """The UUID of this broker, as clients see it."""
        ...

    @property
    def effects_digest(self) -> bytes:
        """Number of steps and checksum of all their effects."""
        ...

    @property
    def pledged_bytes(self) -> int:
        """What the journal must have room for beyond what was appended (``Writer.pledge``)."""
        ...

    def step(self, now: int, item: Input, /) -> list[Effect]:
        """One input in, its effects out."""
        ...

    def next_timeout(self) -> int | None:
        """Milliseconds since the epoch at which the core wants the Timeout input."""
        ...

    def recover(self, records: Iterable[Record], /) -> object:
        """Take the live records of the journal, in order, before the first step."""
        ...

    def snapshot(self) -> Iterator[bytes]:
        """The whole state, taken at the call, encoded in slices as it is read."""
        ...

    def records(self) -> Iterator[Record]:
        """What ``recover`` makes the durable state of: for the journal of a node that joined."""
        ...


class Restorer(Protocol):
    """Makes a core from the slices of another one's snapshot; no call takes long."""

    def feed(self, data: bytes, /) -> object:
        """The next slice. Raises ValueError if it is none."""
        ...

    def finish(self) -> Core:
        """After the last slice. Raises ValueError if something is missing."""
        ...


class Cores(Protocol):
    """Makes cores: each with the configuration of this node."""

    def make(self, seed: bytes, /) -> Core:
        """An empty one. ``seed``: of its node id."""
        ...

    def restorer(self, seed: bytes, /) -> Restorer:
        """For a snapshot of a core with that seed."""
        ...
