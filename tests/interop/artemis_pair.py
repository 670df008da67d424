"""A real pair of Artemis, by replication or with a store that both share: what ours is measured against."""

from __future__ import annotations

import time
from enum import Enum
from typing import TYPE_CHECKING, Self

from tests.interop.artemis import Artemis
from tests.interop.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class PairKind(Enum):
    """How the backup comes to what the primary had; the values begin the names of files of ``brokers/``."""

    REPLICATED = "replicated"
    SHARED_STORE = "shared"


class ArtemisPair:
    """A primary and its backup, which takes over when the primary is killed and yields when it is back; a context manager."""

    def __init__(self, folder: Path, kind: PairKind = PairKind.REPLICATED) -> None:
        first, second = free_port(), free_port()
        store = {"shared": folder / "store"}
        self.primary = Artemis(folder / "primary", f"{kind.value}-primary", first, second, store)
        self.backup = Artemis(folder / "backup", f"{kind.value}-backup", second, first, store)
        self._announced = 0

    @property
    def address(self) -> str:
        """Of both, as clients write it, without options."""
        return f"({self.primary.url},{self.backup.url})"

    @property
    def pids(self) -> list[int]:
        """Of the running nodes."""
        return [self.primary.pid, self.backup.pid]

    def start(self) -> None:
        """Returns when the backup is in step and known to clients."""
        for node in (self.primary, self.backup):
            node.create()
        self.primary.start()
        self.primary.wait()
        self.backup.start()
        self._await_announced()

    def kill_primary(self) -> float:
        """SIGKILL; returns when that was, on the wall clock. The backup takes over by itself."""
        at = time.time()
        self.primary.kill()
        return at

    def shut_down_primary(self) -> None:
        """In good order; returns when its process has ended. The backup takes over by itself."""
        self.primary.stop()

    def mend(self) -> None:
        """Start the primary that was ended again: it takes over, and the backup follows it. Returns when the pair is whole."""
        self.primary.start()
        self.primary.wait()
        self._await_announced()

    def _await_announced(self) -> None:
        self._announced += 1
        self.backup.wait("announced", times=self._announced)

    def stop(self) -> None:
        """End both; harmless when repeated."""
        self.backup.kill()
        self.primary.kill()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
