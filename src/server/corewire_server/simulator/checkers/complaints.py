"""No node finds fault with what it was given by clients that do as they should."""

from __future__ import annotations

from typing import Final

from corewire_server.simulator.checkers.checker import Checker

OF_THE_DISK: Final = ("the disk failed", "no room for the journal")
"""What nodes may say at level error, because the world did it to them."""


OF_CLIENTS: Final = ("cannot continue", "is closed: command")
"""What nodes say at level warning, where a client of ours would have counted wrong."""


class NoComplaints(Checker):
    """No node says of a client, of its peer or of itself that something is wrong: whatever raises inside it is told so."""

    rule = "complaint"

    def log(self, now: int, node: str, level: str, text: str) -> None:
        if (level in ("error", "critical") and not text.startswith(OF_THE_DISK)) or (
            level == "warning" and any(words in text for words in OF_CLIENTS)
        ):
            self.broken(now, f"{node}: {text}")
