"""What consumers, browsers and subscriptions may be told, checked before anything is sent. The same in all worlds."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_browser", "check_consumer", "check_rate", "check_subscription"]

INT_MAX: Final = (1 << 31) - 1


class Whole(NamedTuple):
    """An integer from ``low`` to ``high``."""

    low: int
    high: int = INT_MAX
    nullable: bool = False
    note: str = ""  # behind the range, where it is missed


RATE: Final = Whole(1, nullable=True, note=": 1 message a second or more")
NUMBERS: Final = {
    "priority": Whole(-INT_MAX - 1),
    "window_bytes": Whole(0, nullable=True, note="; None is no limit"),
    "rate_max": RATE,
    "collect_bytes_max": Whole(0, (1 << 63) - 1),
}
FLAGS: Final = ("no_local", "create")
NAMES: Final = ("selector", *NUMBERS, *FLAGS)


def check_consumer(options: Mapping[str, object]) -> None:
    """Raise TypeError or ValueError, which name the option, for what a consumer of a queue does not take."""
    _check(options, "a consumer")
    _refuse_no_local(options)


def check_browser(options: Mapping[str, object]) -> None:
    """The same for a browser."""
    _check(options, "a browser")
    _refuse_no_local(options)


def check_subscription(options: Mapping[str, object]) -> None:
    """The same for a subscription, whose queue is always made."""
    _check(options, "a subscription")
    if not options.get("create", True):
        raise TypeError("create: a subscription makes its queue; consumer() consumes one that is there")


def check_rate(rate_max: object) -> None:
    """The same for a producer's rate."""
    _check_number("rate_max", rate_max, RATE)


def _check(options: Mapping[str, object], whose: str) -> None:
    for name, value in options.items():
        if name in NUMBERS:
            _check_number(name, value, NUMBERS[name])
        elif name in FLAGS:
            if not isinstance(value, bool):
                raise TypeError(f"{name}: bool, not {type(value).__name__}")
        elif name == "selector":
            if not (value is None or isinstance(value, str)):
                raise TypeError(f"selector: str, not {type(value).__name__}")
        else:
            nearest = get_close_matches(name, NAMES, 3)
            near = f" (nearest: {', '.join(nearest)})" if nearest else ""
            raise TypeError(f"{name!r} is no option of {whose}{near}; there are {', '.join(NAMES)}")


def _check_number(name: str, value: object, whole: Whole) -> None:
    if value is None and whole.nullable:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name}: int{' or None' if whole.nullable else ''}, not {type(value).__name__}")
    if not whole.low <= value <= whole.high:
        raise ValueError(f"{name}: {whole.low} to {whole.high}, not {value}{whole.note}")


def _refuse_no_local(options: Mapping[str, object]) -> None:
    if options.get("no_local"):
        raise TypeError("no_local: for subscriptions to topics only")
