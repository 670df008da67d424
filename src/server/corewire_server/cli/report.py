"""How a command ends: its exit code, and what it says on stderr when it fails."""

from __future__ import annotations

import json
import sys
import traceback
from enum import IntEnum
from typing import TYPE_CHECKING, Final, TextIO, cast

from corewire.errors import (
    BrokerError,
    CallTimeout,
    ConfigError,
    ConnectionLost,
    CorewireError,
    LocalProtocolError,
    NotConnected,
    QueueDoesNotExist,
    RemoteProtocolError,
    SecurityError,
    TransactionError,
)

if TYPE_CHECKING:
    from collections.abc import Callable


_HINTS: Final[dict[type[CorewireError], str]] = {
    SecurityError: "--user NAME --password-file FILE",
    NotConnected: "--url of a broker that runs, or start one: corewire run",
    CallTimeout: "a longer --timeout",
    QueueDoesNotExist: "another name, or corewire produce, which makes a queue",
}


class Exit(IntEnum):
    """Exit codes of the program."""

    DONE = 0
    NO = 1  # a check failed, fewer messages than asked for, bad frames
    WRONG_USAGE = 2
    NO_CONNECTION = 3
    REFUSED = 4
    TIMED_OUT = 5
    INTERRUPTED = 130


def exit_code(error: BaseException) -> Exit:
    """Tell how a command ends that raised ``error``; a group ends as its first error. Raises it again if nothing is known of it."""
    match _first(error):
        case ConfigError() | LocalProtocolError() | UsageError():
            return Exit.WRONG_USAGE
        case CallTimeout():
            return Exit.TIMED_OUT
        case ConnectionLost():
            return Exit.NO_CONNECTION
        case BrokerError() | TransactionError() | RemoteProtocolError():
            return Exit.REFUSED
        case CorewireError():
            return Exit.NO
        case KeyboardInterrupt():
            return Exit.INTERRUPTED
        case OSError():
            return Exit.WRONG_USAGE  # a file that is not there, or not readable
        case _:
            raise error


class UsageError(Exception):
    """The command was used wrongly: what was given cannot be meant. ``hint``: what would work."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def attempt(work: Callable[[], int], *, on: str | None = None, as_json: bool = False, verbose: bool = False) -> int:
    """Run a command's work; turn what it raises into talk on stderr and an exit code. ``on``: where it was connected.

    Raises BrokenPipeError: nobody reads any more, which is no error, but the program's output must be let go.
    """
    try:
        return work()
    except BrokenPipeError:
        raise
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  what nobody knows is raised again
        code = exit_code(error)
        if verbose:
            traceback.print_exc(file=sys.stderr)
        if not isinstance(error, KeyboardInterrupt):
            complain(error, sys.stderr, on=None if code is Exit.WRONG_USAGE else on, as_json=as_json)
        return code


def complain(error: BaseException, stream: TextIO, *, on: str | None, as_json: bool) -> None:
    """Say what happened, where, and what would help: in up to three lines, or as one JSON object."""
    error = _first(error)
    what, code = str(error), getattr(error, "code", None)
    hint = getattr(error, "hint", None)
    if isinstance(error, CorewireError):
        on = error.connection or on
        what = what.removesuffix(f"\n{hint}").replace(f" on {error.connection}", "")
        hint = hint or next((text for kind, text in _HINTS.items() if isinstance(error, kind)), None)
    if as_json:
        said = {"error": what, "code": None if code is None else code.name, "on": on, "try": hint}
        stream.write(json.dumps({name: value for name, value in said.items() if value is not None}) + "\n")
        return
    stream.write(f"error: {what}\n")
    if on is not None:
        stream.write(f"  on {on}\n")
    if hint is not None:
        stream.write(f"  try: {hint}\n")


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error
