"""
Connection URLs: Artemis' grammar and names on one side, the fields of ``ClientConfig`` on the other.

    tcp://one:61616?key=value;key=value                    one broker
    tcp://one:61616?key=value#tcp://two:61616              several: the keys of the first one's query hold for all
    (tcp://one:61616,tcp://two:61616)?key=value            the same

Every connector takes the connector keys of the whole (all but ``name``), then those of its own query. Which key is which field
stands at the fields; this file knows the grammar, the units, and the keys that have no field: those without effect here, those
that make no sense outside Java, and those whose feature is not built.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import quote, unquote_plus

from corewire.client.config import NOT_BUILT, ClientConfig, Endpoint, LoadBalancing, Option, option_of
from corewire.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ALIASES: Final = {"connectionTtl": "connectionTTL", "HA": "ha"}

#: Keys that Artemis knows and that change nothing here.
WITHOUT_EFFECT: Final = frozenset(
    [
        "useGlobalPools",
        "threadPoolMaxSize",
        "scheduledThreadPoolMaxSize",
        "flowControlThreadPoolMaxSize",
        "useEpoll",
        "useKQueue",
        "useNio",
        "useNioGlobalWorkerPool",
        "useGlobalWorkerPool",
        "nioRemotingThreads",
        "remotingThreads",
        "batchDelay",
        "writeBufferLowWaterMark",
        "writeBufferHighWaterMark",
        "initialMessagePacketSize",
        "cacheLargeMessagesClient",
        "failoverOnInitialConnection",
        "cacheDestinations",
        "deserializationAllowList",
        "deserializationDenyList",
        "deserializationWhiteList",
        "deserializationBlackList",
        "type",
        "ignoreJTA",
        "sslProvider",
        "keyStoreProvider",
        "trustStoreProvider",
        "forceSSLParameters",
        "useDefaultSslContext",
        "stoppingTimeout",
        "nodeID",
        "identity",
        "clusterConnection",
        "handshake-timeout",
        "ackBatchSize",  # acknowledgements of CLIENT sessions go out when the application gives them
    ]
)
_REFUSED: Final = {
    **dict.fromkeys(("httpEnabled", "httpClientIdleTime", "httpClientIdleScanPeriod"), "HTTP tunnelling is not spoken"),
    **dict.fromkeys(("httpRequiresSessionId", "httpUpgradeEnabled"), "HTTP tunnelling is not spoken"),
    **dict.fromkeys(("httpUpgradeEndpoint", "activemqServerName"), "HTTP tunnelling is not spoken"),
    **dict.fromkeys(("useServlet", "servletPath"), "HTTP tunnelling is not spoken"),
    **dict.fromkeys(("incomingInterceptorList", "outgoingInterceptorList"), "classes of Java cannot be loaded"),
    **dict.fromkeys(("passwordCodec", "protocolManagerFactoryStr"), "classes of Java cannot be loaded"),
    "trustManagerFactoryPlugin": "classes of Java cannot be loaded",
    "enable1xPrefixes": "the prefixes of version 1 are not spoken",
    **dict.fromkeys(("host", "port"), "it stands before the question mark"),
}
# Keys that may be said to be off although what they would turn on is refused.
_MAY_BE_OFF: Final = {
    **dict.fromkeys(("sslEnabled", "socksEnabled", "compressLargeMessage", "exactlyOnce", "enable1xPrefixes"), "false"),
    **dict.fromkeys(("httpEnabled", "httpUpgradeEnabled", "useServlet"), "false"),
    **dict.fromkeys(("consumerMaxRate", "producerMaxRate"), "-1"),
}
_SCHEMES: Final = {
    "udp": "discovery by UDP is not built yet",
    "jgroups": "discovery by JGroups is not spoken: list the brokers",
    "vm": "a broker inside a Java process cannot be reached",
}
_POLICIES: Final = "org.apache.activemq.artemis.api.core.client.loadbalance."

_NEXT_CONNECTOR: Final = re.compile(r",(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_CONNECTOR: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:(?P<user>[^@/?]*)@)?"
    r"(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:/?\[\]]*))(?::(?P<port>\d{1,5}))?/?(?:\?(?P<query>.*))?"
)
_INTEGER: Final = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_DECIMAL: Final = re.compile(r"-?\d{1,16}(?:\.\d{1,30})?", re.ASCII)


def _options(of: type[ClientConfig | Endpoint]) -> dict[str, tuple[str, Option]]:
    found = {each.name: option_of(each) for each in fields(of)}
    return {option.key: (name, option) for name, option in found.items() if option is not None}


_OF_CLIENT: Final = _options(ClientConfig)
_OF_ENDPOINT: Final = _options(Endpoint)


@dataclass(frozen=True, slots=True)
class UrlContent:
    """What a URL says."""

    values: dict[str, Any]  #: keyword arguments for ClientConfig
    ignored: tuple[str, ...]  #: keys that are accepted and have no effect, for a line in the log


# -- reading -----------------------------------------------------------------------------------------------------------


def read_url(url: str) -> UrlContent:
    """Read a connection URL. Raises ConfigError, which names the key, the values that are near, but never the URL itself."""
    texts, whole = _split(url.strip().replace(";", "&"))
    connectors = [_match(text) for text in texts]
    own = [_query(connector["query"] or "") for connector in connectors]
    common = {**own[0], **_query(whole)}
    ignored = dict.fromkeys(key for query in (common, *own[1:]) for key in query if _has_no_effect(key))
    values = _read(common, _OF_CLIENT)
    if connectors[0]["user"]:
        values.setdefault("user", unquote_plus(connectors[0]["user"]))
    values["explicit"] = frozenset(values)
    inherited = {key: text for key, text in common.items() if key in _OF_ENDPOINT}
    endpoints = [_endpoint(connectors[0], inherited)]
    inherited.pop("name", None)
    for connector, query in zip(connectors[1:], own[1:], strict=True):
        if misplaced := sorted(query.keys() & _OF_CLIENT.keys()):
            raise ConfigError(f"{misplaced[0]} holds for all brokers: put it behind the list", parameter=misplaced[0])
        endpoints.append(_endpoint(connector, {**inherited, **query}))
    return UrlContent({**values, "endpoints": tuple(endpoints)}, tuple(ignored))


def _split(url: str) -> tuple[list[str], str]:
    """Take the connectors apart from the query that stands behind a list of them."""
    if not url.startswith("("):
        first, _, others = url.partition("#")
        return [first, *(_NEXT_CONNECTOR.split(others) if others else ())], ""
    inside, mark, query = url[1:].partition(")")
    if not mark or (query and not query.startswith("?")):
        raise ConfigError("a list of brokers is (tcp://one:61616,tcp://two:61616)?key=value", parameter="url")
    return _NEXT_CONNECTOR.split(inside), query[1:]


def _match(text: str) -> re.Match[str]:
    connector = _CONNECTOR.fullmatch(text)
    if connector is None:
        raise ConfigError("a URL of a broker is tcp://host:port?key=value", parameter="url")
    scheme = connector["scheme"].lower()
    if scheme != "tcp":
        reason = _SCHEMES.get(scheme, "only tcp:// is spoken")
        raise ConfigError(f"{scheme}://: {reason}", parameter="url", nearest=get_close_matches(scheme, ["tcp"]))
    return connector


def _query(text: str) -> dict[str, str | None]:
    """Read ``key=value&key``: None where there is no equals sign. Refuses what has no meaning here, and keys given twice."""
    query: dict[str, str | None] = {}
    for pair in filter(None, text.split("&")):
        name, mark, value = pair.partition("=")
        try:
            key = unquote_plus(name, errors="strict")
            key = _ALIASES.get(key, key)
            decoded = unquote_plus(value, errors="strict")
        except UnicodeDecodeError:
            raise ConfigError(f"{name} is not UTF-8", parameter=name) from None
        if key in query:
            raise ConfigError(f"{key} is given twice", parameter=key)
        _admit(key, decoded)
        query[key] = decoded if mark else None
    return query


def _has_no_effect(key: str) -> bool:
    return key in WITHOUT_EFFECT or key.startswith("activemq.")


def _admit(key: str, value: str) -> None:
    if key in _OF_CLIENT or key in _OF_ENDPOINT or _has_no_effect(key) or _MAY_BE_OFF.get(key) == value.lower():
        return
    if key in NOT_BUILT:
        raise ConfigError(f"{key}: {NOT_BUILT[key]} is not built yet", parameter=key)
    if key in _REFUSED:
        raise ConfigError(f"{key}: {_REFUSED[key]}", parameter=key)
    known = {name.lower(): name for name in (*_OF_CLIENT, *_OF_ENDPOINT, *WITHOUT_EFFECT, *NOT_BUILT, *_ALIASES)}
    nearest = [known[name] for name in get_close_matches(key.lower(), known)]
    raise ConfigError(f"{key} is no key of a URL", parameter=key, nearest=nearest)


def _endpoint(connector: re.Match[str], query: Mapping[str, str | None]) -> Endpoint:
    values = _read(query, _OF_ENDPOINT)
    port = int(connector["port"] or 61616)
    return Endpoint(host=connector["six"] or connector["host"], port=port, **values)


def _read(query: Mapping[str, str | None], options: Mapping[str, tuple[str, Option]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, text in query.items():
        if key in options:
            name, option = options[key]
            if text is None:
                raise ConfigError(f"{key} has no value", parameter=key)
            values[name] = _read_value(option, text)
    return values


def _read_value(option: Option, text: str) -> object:
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


def read_announced(name: str, parameters: Mapping[str, object]) -> Endpoint:
    """Make an endpoint of what a broker announces in the topology. Parameters unknown here, or unfit, go to ``extra``.

    Raises ConfigError if host or port make no sense.
    """
    values: dict[str, Any] = {}
    extra: dict[str, str] = {}
    for key, value in parameters.items():
        text = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
        field_name, option = _OF_ENDPOINT.get(key, ("", None))
        if key in ("host", "port"):
            continue
        try:
            if option is None:
                raise ConfigError(key, parameter=key)
            values[field_name] = _read_value(option, text)
        except ConfigError:
            extra[key] = text
    port = str(parameters.get("port", 61616))
    if not _INTEGER.fullmatch(port):
        raise ConfigError(f"port is a number, not {port!r}", parameter="port")
    host = str(parameters.get("host", "localhost"))
    named: dict[str, Any] = {"name": name or None, **values}
    return Endpoint(host=host, port=int(port), extra=extra, **named)


# -- writing -----------------------------------------------------------------------------------------------------------


def write_url(config: ClientConfig) -> str:
    """Write the URL from which ``read_url`` reads this configuration: what is not the default, and what is explicit."""
    plain = ClientConfig(resilient=config.resilient)
    said = [
        (key, _write_value(option, getattr(config, name)))
        for key, (name, option) in _OF_CLIENT.items()
        if name in config.explicit
        or getattr(config, name) != getattr(plain, name)
        or (name == "resilient" and config.resilient)
    ]
    first, *others = config.endpoints
    connectors = [_connector(first, Endpoint())]
    connectors += [_connector(other, first) for other in others]
    if others:
        return f"({','.join(address + _join(query) for address, query in connectors)}){_join(said)}"
    address, query = connectors[0]
    return address + _join([*query, *said])


def _connector(endpoint: Endpoint, inherited: Endpoint) -> tuple[str, list[tuple[str, str]]]:
    query = [
        (key, _write_value(option, getattr(endpoint, name)))
        for key, (name, option) in _OF_ENDPOINT.items()
        if getattr(endpoint, name) != (None if name == "name" else getattr(inherited, name))
    ]
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"tcp://{host}:{endpoint.port}", query


def _join(pairs: Iterable[tuple[str, str]]) -> str:
    joined = "&".join(f"{key}={quote(text, safe='')}" for key, text in pairs)
    return f"?{joined}" if joined else ""


def _write_value(option: Option, value: Any) -> str:
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
        case _:
            return str(value)
