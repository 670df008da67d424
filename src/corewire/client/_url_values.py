"""Values as a URL writes them: milliseconds, -1 for None, names of Java's classes."""

from __future__ import annotations

import re
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from corewire.client._options import LoadBalancing, Option, options_of
from corewire.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _typeshed import DataclassInstance

    ConfigT = TypeVar("ConfigT", bound=DataclassInstance)

_POLICIES: Final = "org.apache.activemq.artemis.api.core.client.loadbalance."
_INTEGER: Final = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_DECIMAL: Final = re.compile(r"-?\d{1,16}(?:\.\d{1,30})?", re.ASCII)


def read_values(query: Mapping[str, str | None], options: Mapping[str, tuple[str, Option]]) -> dict[str, Any]:
    """The fields that ``query`` gives, of those in ``options``. Raises ConfigError."""
    values: dict[str, Any] = {}
    for key, text in query.items():
        if key in options:
            name, option = options[key]
            if text is None:
                raise ConfigError(f"{key} has no value", parameter=key)
            values[name] = read_value(option, text)
    return values


def make(of: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
    """Make a configuration; what it refuses is told in the URL's words for the fields."""
    try:
        return of(**values)
    except ConfigError as error:
        words = {name: key for key, (name, _) in options_of(of).items()}
        message = re.sub(r"\w+", lambda found: words.get(found[0], found[0]), error.message)
        parameter = words.get(error.parameter, error.parameter)
        raise ConfigError(message, parameter=parameter, nearest=error.nearest) from None


def read_flag(key: str, text: str | None) -> bool:
    """True or false. Raises ConfigError."""
    if text is None:
        raise ConfigError(f"{key} has no value", parameter=key)
    return bool(read_value(Option(key, "flag"), text))


def read_value(option: Option, text: str) -> object:
    """What ``text`` means for ``option``. Raises ConfigError, which names the key."""
    value: object = text
    if text == "-1" and option.nullable and option.unit != "text":
        return None
    match option.unit:
        case "flag":
            value = {"true": True, "false": False}.get(text.lower(), text)
        case "integer" if _INTEGER.fullmatch(text):
            value = int(text)
        case "number" if _DECIMAL.fullmatch(text):
            value = float(text)
        case "seconds" if _DECIMAL.fullmatch(text):
            value = float(Decimal(text) / 1000)
        case "policy":
            value = _policy(text)
        case "names":
            value = tuple(filter(None, (name.strip() for name in text.split(","))))
        case "store":
            value = text.upper()
            option.check(value, option.key)
            return value
        case "text":
            return text or None if option.low else text
        case _:
            pass
    if value is text:
        wanted = {"flag": "true or false", "integer": "a whole number", "seconds": "a number of milliseconds"}
        raise ConfigError(f"{option.key} is {wanted.get(option.unit, 'a number')}, not {text!r}", parameter=option.key)
    try:
        option.check(value, option.key)
    except ConfigError:
        _refuse_range(option, text)
    return value


def _refuse_range(option: Option, text: str) -> NoReturn:
    scale = 1000 if option.unit == "seconds" else 1
    none = " (or -1)" if option.nullable else ""
    raise ConfigError(
        f"{option.key} is {option.low * scale:.15g} to {option.high * scale:.15g}{none}, not {text}",
        parameter=option.key,
    )


def _policy(text: str) -> LoadBalancing:
    short = text.removeprefix(_POLICIES)
    try:
        return LoadBalancing(short)
    except ValueError:
        names = [policy.value for policy in LoadBalancing]
        raise ConfigError(
            "connectionLoadBalancingPolicyClassName: classes of Java cannot be loaded",
            parameter="connectionLoadBalancingPolicyClassName",
            nearest=get_close_matches(short, names, cutoff=0.0),
        ) from None


def write_value(option: Option, value: Any) -> str:
    """What ``read_value`` reads as ``value``."""
    if value is None:
        return "" if option.unit == "text" else "-1"
    match option.unit:
        case "flag":
            return "true" if value else "false"
        case "seconds":
            milliseconds = Decimal(repr(value)) * 1000
            return f"{milliseconds.normalize():f}"
        case "number":
            return f"{Decimal(repr(value)):f}"
        case "policy":
            return f"{_POLICIES}{value.value}"
        case "names":
            return ",".join(value)
        case _:
            return str(value)
