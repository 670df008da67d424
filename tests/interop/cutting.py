"""Cuts links under running lanes, one after the other: the next only when every lane has moved on since the last."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from corewire_server.proxy import Direction, Ending

if TYPE_CHECKING:
    from tests.interop.lanes import JavaLanes, JavaProgram

    from corewire_server.proxy import Proxy

# Re-attachment itself is spared: a cut in it costs a Java client its call timeout, whatever the broker does.
SPARE_S = 1.5  # on a busy machine it takes most of a second
DEAF_SPARE_S = 5.0  # where clients are impatient, as they are where links fall silent, many may re-attach at once


def cut_under(
    lanes: JavaLanes, proxy: Proxy, cuts: int, *, stall_every: int = 0, patience_s: float = 60.0
) -> list[float]:
    """Do ``cuts`` cuts; with every ``stall_every``-th the client hears nothing more, not even a FIN, while the broker hears it.

    (Where the broker hears nothing either, its time to live ends before a Java client, which looks once per time to live, notices;
    then sessions are gone, as with Artemis.) Returns the seconds each recovery took.

    Raises ``TimeoutError`` if no byte comes to cut behind, or a lane does not move on after a cut; ``AssertionError`` at
    the first fault of a lane.
    """
    await_progress(lanes, patience_s)
    recoveries = []
    for number in range(1, cuts + 1):
        deafens = bool(stall_every) and number % stall_every == 0
        _cut_one(proxy, deafens, time.monotonic() + patience_s)
        recoveries.append(await_progress(lanes, patience_s))
    return recoveries


def _cut_one(proxy: Proxy, deafens: bool, deadline: float) -> None:
    before = proxy.cuts
    while proxy.cuts == before:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no traffic to cut behind, after {before} cuts")
        # Each link is as likely as any other; one that is idle or has ended makes room for another draw.
        link = proxy.rng.choice(proxy.living)
        linger_s = proxy.rng.choice([0.0, 0.0, 0.3])
        ending, direction = (Ending.SWALLOW, Direction.TO_CLIENT) if deafens else (None, None)
        spare_s = DEAF_SPARE_S if deafens else SPARE_S
        proxy.arm(bytes_max=4_000, ending=ending, direction=direction, link=link, spare_s=spare_s, linger_s=linger_s)
        proxy.wait_until(lambda proxy: proxy.cuts > before, 0.3)


def await_progress(lanes: JavaProgram, patience_s: float) -> float:
    """Until every lane has moved on; returns how many seconds that took.

    Raises ``TimeoutError`` if one does not, ``AssertionError`` at the first fault.
    """
    began = time.monotonic()
    start = lanes.progress()
    while True:
        now = lanes.progress()
        if lanes.first_fault or not now:
            raise AssertionError(f"{lanes.first_fault or 'the lanes have ended'}")
        took = time.monotonic() - began
        behind = [index for index, (old, new) in enumerate(zip(start, now, strict=True)) if new <= old]
        if not behind:
            return took
        if took > patience_s:
            raise TimeoutError(f"lanes {behind} of {len(now)} stand still")
        time.sleep(0.02)
