"""A message on its way out, while it waits for room: of one piece, or of many (`_large_send`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from corewire.client._calls import Call, Command
    from corewire.values import Destination

#: What is written, and what it costs in credits.
Piece: TypeAlias = "tuple[Command, int]"


class Outgoing:
    """A message that waits for room. ``admitted`` is told when there was some for all of it, with ``receipt``."""

    __slots__ = ("admitted", "command", "destination", "error", "latest", "receipt", "size")

    repeatable = True  #: it can be sent again, from its beginning

    def __init__(
        self, command: Command, size: int, admitted: Call[Any] | None, receipt: Call[None] | None = None
    ) -> None:
        self.command = command  #: its last one
        self.size = size  #: what that costs in credits
        self.admitted = admitted
        self.receipt = receipt
        self.destination: Destination | None = None  #: where it goes; known when it is offered
        self.error: Exception | None = None  #: why it will not be sent
        self.latest: float | None = None  #: its caller is told by then if the destination was not looked up

    @property
    def call(self) -> Call[Any] | None:
        """Who waits for it now."""
        return self.admitted or self.command.call

    def piece(self) -> Piece | None:
        """What is to be written next; None: nothing now."""
        return self.command, self.size

    def wrote(self) -> bool:
        """The piece was written. Returns whether it was the last."""
        return True

    def begin_again(self) -> None:
        """All of it is to be written once more."""

    def left(self) -> None:
        """All of it was written, or nothing more will be."""
