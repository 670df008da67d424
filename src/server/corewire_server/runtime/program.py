"""``run``: a broker as a program of its own, with the main thread and the signals."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

from corewire.errors import ConfigError
from corewire_server.runtime.loop import TurnLoop
from corewire_server.runtime.service import NodeFailed, make_service

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire_server.config import BrokerConfig
    from corewire_server.runtime.service import Service

STOPPED, FAILED, MISCONFIGURED = 0, 1, 2
SWITCH_S: Final = 0.0005  # the writer thread, back from a sync, must not wait long for the interpreter


def ready_line(service: Service, seconds: float) -> str:
    """What a started broker says of itself."""
    urls = " ".join(service.urls)
    return f"{service.config.name} ready on {urls} as {service.role}, epoch {service.epoch}, in {seconds:.3f} s"


def run(
    config: BrokerConfig,
    *,
    say: Callable[[str], None],
    began: float,
    make: Callable[[BrokerConfig], Service] = make_service,
) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit code. ``began``: ``time.perf_counter()`` at the start of the program."""
    gc.disable()  # until the broker serves: what a start makes stays
    sys.setswitchinterval(SWITCH_S)
    try:
        with asyncio.Runner(loop_factory=TurnLoop) as runner:
            runner.run(_serve(make, config, say, began))
    except ConfigError as error:
        _complain(error)
        return MISCONFIGURED
    except NodeFailed as error:
        _complain(error)
        return FAILED
    finally:
        gc.enable()
    return STOPPED


def _complain(error: ConfigError | NodeFailed) -> None:
    what = str(error).removesuffix(f"\n{error.hint}")
    sys.stderr.write(f"error: {what}\n" + (f"  try: {error.hint}\n" if error.hint else ""))


async def _serve(
    make: Callable[[BrokerConfig], Service], config: BrokerConfig, say: Callable[[str], None], began: float
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
        say(ready_line(service, time.perf_counter() - began))
    await service.run()


def _signalled(service: Service) -> None:
    """Stop in order; a second signal ends the program as it would have without us."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
    service.end()
