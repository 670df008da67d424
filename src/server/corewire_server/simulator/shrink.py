"""
A smaller history that breaks the same rule.

What a history is made of is drawn from its seed, so nothing can be taken out of one and the rest be left as it is. Instead ever
smaller ones are tried: clients as most are, a kind of fault less, fewer faults, fewer messages, fewer applications, each with the
same seed first and then with a few others. The first that breaks the same rule is taken, and the search goes on from there,
until nothing smaller is found or enough was tried. The result depends on nothing but what it began with.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from corewire_server.simulator.history import History, play

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from corewire_server.simulator.scenario import Options

SEEDS_EACH: Final = 10
TRIES_MAX: Final = 400


def shrink(history: History, *, tries_max: int = TRIES_MAX, play: Callable[[int, Options], History] = play) -> History:
    """
    Find a smaller history that breaks the rule that ``history`` broke first; the same one if there is none.

    At most ``tries_max`` histories are played.
    """
    rule = history.broken
    if rule is None:
        return history
    tries = 0
    smaller: History | None = history
    while smaller is not None:
        history, smaller = smaller, None
        for options in candidates(history):
            for offset in range(SEEDS_EACH):
                if tries >= tries_max:
                    return history
                tries += 1
                tried = play(history.seed + offset, options)
                if tried.broken == rule:
                    smaller = tried
                    break
            if smaller is not None:
                break
    return history


def candidates(history: History) -> Iterator[Options]:
    """What could be left out, the most at once first."""
    options = history.options
    if options.every_option:
        yield replace(options, every_option=False)
    came = tuple(dict.fromkeys(kind for kind in history.faults if kind != "healed"))
    if options.faults is None or len(came) < len(options.faults):
        yield replace(options, faults=came)
    for count in sorted({1, options.failures // 2, options.failures - 1}):
        if 0 < count < options.failures:
            yield replace(options, failures=count)
    if len(came) > 1:
        for kind in came:
            yield replace(options, faults=tuple(one for one in came if one != kind))
    elif came:
        yield replace(options, faults=())
    if options.applications > 1:
        yield replace(options, applications=options.applications - 1)
    for count in sorted({1, options.messages // 2, options.messages - 1}):
        if 0 < count < options.messages:
            yield replace(options, messages=count)
