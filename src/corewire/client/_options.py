"""What a field of a configuration may hold, and what it is called on a URL: its key, unit and range in one place."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from enum import Enum
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from corewire.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

INT_MAX: Final = (1 << 31) - 1
LONG_MAX: Final = (1 << 63) - 1
SECONDS_MAX: Final = 1e9  # some thirty years
A_MILLISECOND: Final = 0.001

Unit = Literal["flag", "integer", "number", "seconds", "text", "names", "policy", "store"]
STORES: Final = ("PEM", "PKCS12")


class LoadBalancing(Enum):
    """Which broker of several a client begins with. Values are the names of Artemis' classes, without their package."""

    ROUND_ROBIN = "RoundRobinConnectionLoadBalancingPolicy"
    RANDOM = "RandomConnectionLoadBalancingPolicy"
    RANDOM_STICKY = "RandomStickyConnectionLoadBalancingPolicy"
    FIRST_ELEMENT = "FirstElementConnectionLoadBalancingPolicy"


_KINDS: Final[dict[Unit, type]] = {
    "flag": bool,
    "integer": int,
    "text": str,
    "names": tuple,
    "policy": LoadBalancing,
    "store": str,
}
_WANTED: Final[dict[Unit, str]] = {
    "flag": "a bool",
    "integer": "an int",
    "text": "a str",
    "names": "a tuple",
    "policy": "a LoadBalancing",
    "store": "a str",
}


@dataclass(frozen=True, slots=True)
class Option:
    """What a field may hold: a number from ``low`` to ``high``, a text of at least ``low`` characters.

    A URL gives seconds in milliseconds, and None as -1 (a text: as nothing).
    """

    key: str
    unit: Unit
    nullable: bool = False
    low: float = 0
    high: float = INT_MAX

    def check(self, value: object, parameter: str) -> None:
        """Raise ConfigError, naming ``parameter``, unless the field may hold ``value``."""
        if value is None and self.nullable:
            return
        kind = _KINDS.get(self.unit, (int, float))
        if not isinstance(value, kind) or (isinstance(value, bool) and self.unit != "flag"):
            none = " or None" if self.nullable else ""
            raise ConfigError(
                f"{parameter} is {_WANTED.get(self.unit, 'a number')}{none}, not {type(value).__name__}",
                parameter=parameter,
            )
        if self.unit == "store":
            _check_store(str(value), parameter)
        elif isinstance(value, tuple):
            _check_names(cast("tuple[object, ...]", value), parameter)
        elif isinstance(value, str) and len(value) < self.low:
            raise ConfigError(f"{parameter} is empty", parameter=parameter)
        if isinstance(value, int | float) and not (isfinite(value) and self.low <= value <= self.high):
            raise ConfigError(f"{parameter} is {self.low:.15g} to {self.high:.15g}, not {value}", parameter=parameter)


def _check_names(value: tuple[object, ...], parameter: str) -> None:
    if not all(isinstance(name, str) and name and name == name.strip() and "," not in name for name in value):
        raise ConfigError(f"{parameter} is a tuple of names", parameter=parameter)


def _check_store(value: str, parameter: str) -> None:
    if value in ("JKS", "JCEKS"):
        raise ConfigError(
            f"{parameter}: stores of the type {value} are Java's own; convert with: keytool -importkeystore"
            f" -srckeystore OLD -srcstoretype {value} -destkeystore NEW.p12 -deststoretype PKCS12",
            parameter=parameter,
            nearest=("PKCS12",),
        )
    if value not in STORES:
        raise ConfigError(f"{parameter} is PEM or PKCS12, not {value!r}", parameter=parameter)


def option(default: Any, key: str, unit: Unit, *, nullable: bool = False, low: float = 0, high: float = 0) -> Any:
    """Declare a field that can stand on a URL."""
    high = high or (SECONDS_MAX if unit == "seconds" else INT_MAX)
    return field(default=default, metadata={"option": Option(key, unit, nullable, low, high)})


def option_of(of: Field[Any]) -> Option | None:
    """The option that a field is, if it can stand on a URL."""
    return of.metadata.get("option")


def options_of(of: type[DataclassInstance]) -> dict[str, tuple[str, Option]]:
    """The fields of a class that can stand on a URL, by their keys: each field's name and option."""
    found = {each.name: option_of(each) for each in fields(of)}
    return {option.key: (name, option) for name, option in found.items() if option is not None}


def check(config: DataclassInstance) -> None:
    """Raise ConfigError, naming the field, if one holds what it may not."""
    for each in fields(config):
        if (found := option_of(each)) is not None:
            found.check(getattr(config, each.name), each.name)


def describe(config: DataclassInstance) -> str:
    """What differs from the defaults; passwords do not show."""
    shown: list[str] = []
    for each in fields(config):
        value = getattr(config, each.name)
        if each.repr and value != each.default:
            shown.append(f"{each.name}={'***' if 'password' in each.name else value!r}")
    return f"{type(config).__name__}({', '.join(shown)})"
