"""
Ctrl-C: the first one unwinds the command, so that it closes cleanly; a second one ends the program at once.

``KeyboardInterrupt`` strikes between any two steps. In the middle of a client's call that would leave a client that cannot be
closed cleanly any more; there the call is cancelled instead, as by a deadline that passed. A call that was about to return
anyway is not cut short by that: whoever may wait for something else than the client then asks ``check()`` before.
"""

from __future__ import annotations

import _thread
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from corewire_transports._deadline import move_on_after

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import FrameType

_CLIENT: Final = "corewire_transports.threads"

_asked = False  # the first one came while a client was called


@contextmanager
def interruptible() -> Generator[None]:
    """Let Ctrl-C raise KeyboardInterrupt out of this block. Elsewhere than in the main thread it does nothing."""
    global _asked
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with move_on_after(None) as calls:

        def interrupted(_number: int, frame: FrameType | None) -> None:
            global _asked
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            if not _in_client(frame):
                raise KeyboardInterrupt
            _asked = True
            # Not from here: the step that was interrupted may hold a lock that is needed to wake its call.
            _thread.start_new_thread(calls.cancel, ())

        before = signal.signal(signal.SIGINT, interrupted)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
            _asked = False
    if calls.cancelled_caught:
        raise KeyboardInterrupt


def check() -> None:
    """Raise KeyboardInterrupt if Ctrl-C was pressed."""
    if _asked:
        raise KeyboardInterrupt


def _in_client(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(_CLIENT):
            return True
        frame = frame.f_back
    return False
