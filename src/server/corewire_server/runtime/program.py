"""``run``: a broker as a program of its own, with the main thread and the signals."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from corewire.errors import ConfigError
from corewire_server.runtime.loop import TurnLoop
from corewire_server.runtime.service import NodeFailed, make_service

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire.errors import CorewireError
    from corewire_server.config import BrokerConfig
    from corewire_server.runtime.service import Service

STOPPED, FAILED, MISCONFIGURED = 0, 1, 2
SWITCH_S: Final = 0.0005  # the writer thread, back from a sync, must not wait long for the interpreter


@dataclass(frozen=True, slots=True)
class Ready:
    """What a started broker says of itself: where clients reach it, what it is, and how long its start took."""

    name: str
    urls: tuple[str, ...]
    role: str
    epoch: int
    seconds: float

    def __str__(self) -> str:
        urls = " ".join(self.urls)
        return f"{self.name} ready on {urls} as {self.role}, epoch {self.epoch}, in {self.seconds:.3f} s"


def complain(error: CorewireError) -> None:
    """Say on stderr why it ends, and what would help."""
    what = str(error).removesuffix(f"\n{error.hint}")
    sys.stderr.write(f"error: {what}\n" + (f"  try: {error.hint}\n" if error.hint else ""))


def run(
    config: BrokerConfig,
    *,
    say: Callable[[Ready], None],
    began: float,
    make: Callable[[BrokerConfig], Service] = make_service,
    complain: Callable[[CorewireError], None] = complain,
) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit code. ``began``: ``time.perf_counter()`` at the start of the program."""
    gc.disable()  # until the broker serves: what a start makes stays
    sys.setswitchinterval(SWITCH_S)
    try:
        with asyncio.Runner(loop_factory=TurnLoop) as runner:
            runner.run(_serve(make, config, say, began))
    except ConfigError as error:
        complain(error)
        return MISCONFIGURED
    except NodeFailed as error:
        complain(error)
        return FAILED
    finally:
        gc.enable()
    return STOPPED


async def _serve(
    make: Callable[[BrokerConfig], Service], config: BrokerConfig, say: Callable[[Ready], None], began: float
) -> None:
    loop = asyncio.get_running_loop()
    service = make(config)
    await service.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _signalled, service)
    ready = await service.ready()
    gc.freeze()  # the collector must never walk what lives as long as the program,
    gc.set_threshold(100_000, 50, 1000)  # nor deep queues again and again
    gc.enable()
    if ready:
        seconds = time.perf_counter() - began
        say(Ready(service.config.name, service.urls, service.role, service.epoch, round(seconds, 3)))
    await service.run()


def _signalled(service: Service) -> None:
    """Stop in order; a second signal ends the program as it would have without us."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
    service.end()
