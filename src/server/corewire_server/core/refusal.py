"""How a command is refused."""

from __future__ import annotations

from corewire.errors import ErrorCode


class Refused(Exception):
    """
    A command cannot be done: answered with EXCEPTION if an answer was asked for. Nothing was changed by the command.

    Artemis answers illegal arguments with code 0 and an empty text, and so do we.
    """

    def __init__(self, code: ErrorCode, text: str, feature: str | None = None) -> None:
        super().__init__(text or code.name)
        self.code = code
        self.text = text
        self.feature = feature  # what this broker does not have


def not_built(feature: str) -> Refused:
    """The refusal of what this broker does not have, by name."""
    return Refused(ErrorCode.NOT_IMPLEMENTED_EXCEPTION, f"corewire does not have this yet: {feature}", feature)
