"""
Connection URLs: Artemis' grammar and names on one side, the fields of ``ClientConfig`` on the other.

    tcp://one:61616?key=value;key=value                    one broker
    tcp://one:61616?key=value#tcp://two:61616              several: the keys of the first one's query hold for all
    (tcp://one:61616,tcp://two:61616)?key=value            the same
    udp://231.7.7.7:9876?key=value                         those that announce themselves in that group

Every connector takes the connector keys of the whole (all but ``name``), then those of its own query. Which key is which field
stands at the fields, which keys there are besides in ``_url_keys.py``, how values are written in ``_url_values.py``; this file
knows the grammar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote_plus

from corewire.client._url_keys import (
    ALIASES,
    DEPENDENT,
    OF_CLIENT,
    OF_CONNECTOR,
    OF_DISCOVERY,
    OF_ENDPOINT,
    OF_TLS,
    SOCKS_SWITCH,
    TLS_SWITCH,
    admit,
    has_no_effect,
)
from corewire.client._url_values import make, read_flag, read_values, write_value
from corewire.client.config import ClientConfig, Discovery, Endpoint, Tls
from corewire.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SCHEMES: Final = {
    "jgroups": "discovery by JGroups is not spoken: list the brokers",
    "vm": "a broker inside a Java process cannot be reached",
}
_NEXT_CONNECTOR: Final = re.compile(r",(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_CONNECTOR: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:(?P<user>[^@/?]*)@)?"
    r"(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:/?\[\]]*))(?::(?P<port>\d{1,5}))?/?(?:\?(?P<query>.*))?"
)
Query = dict[str, str | None]


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
    _check_places(connectors, common, own[1:])
    ignored = dict.fromkeys(key for query in (common, *own[1:]) for key in query if has_no_effect(key))
    values = read_values(common, OF_CLIENT)
    if connectors[0]["user"]:
        values.setdefault("user", unquote_plus(connectors[0]["user"]))
    values["explicit"] = frozenset(values)
    inherited = {key: text for key, text in common.items() if key in OF_CONNECTOR}
    if _scheme(connectors[0]) == "udp":
        values |= {"endpoints": (), "discovery": _discovery(connectors[0], common, inherited)}
        return UrlContent(values, tuple(ignored))
    endpoints = [_endpoint(connectors[0], inherited)]
    inherited.pop("name", None)
    for connector, query in zip(connectors[1:], own[1:], strict=True):
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
    scheme = _scheme(connector)
    if scheme not in ("tcp", "udp"):
        reason = _SCHEMES.get(scheme, "only tcp:// and udp:// are spoken")
        raise ConfigError(f"{scheme}://: {reason}", parameter="url", nearest=get_close_matches(scheme, ["tcp", "udp"]))
    return connector


def _scheme(connector: re.Match[str]) -> str:
    return connector["scheme"].lower()


def _query(text: str) -> Query:
    """Read ``key=value&key``: None where there is no equals sign. Refuses what has no meaning here, and keys given twice."""
    query: Query = {}
    for pair in filter(None, text.split("&")):
        name, mark, value = pair.partition("=")
        try:
            key = unquote_plus(name, errors="strict")
            key = ALIASES.get(key, key)
            decoded = unquote_plus(value, errors="strict")
        except UnicodeDecodeError:
            raise ConfigError(f"{name} is not UTF-8", parameter=name) from None
        if key in query:
            raise ConfigError(f"{key} is given twice", parameter=key)
        admit(key, decoded)
        query[key] = decoded if mark else None
    return query


def _check_places(connectors: Sequence[re.Match[str]], common: Query, others: Sequence[Query]) -> None:
    """Refuse keys where they would say nothing: they were meant to."""
    discovery = [connector for connector in connectors if _scheme(connector) == "udp"]
    if discovery and (others or "name" in common):
        raise ConfigError("udp:// stands alone and without a name: the group tells the brokers", parameter="url")
    every: Query = {key: text for query in (common, *others) for key, text in query.items()}
    for key in every:
        if key in OF_DISCOVERY and not discovery:
            raise ConfigError(f"{key} belongs to a udp:// URL", parameter=key)
        if key in DEPENDENT and DEPENDENT[key] not in every:
            raise ConfigError(f"{key} says nothing without {DEPENDENT[key]}=true", parameter=key)
    for query in others:
        if misplaced := sorted(query.keys() & OF_CLIENT.keys()):
            raise ConfigError(f"{misplaced[0]} holds for all brokers: put it behind the list", parameter=misplaced[0])


def _discovery(connector: re.Match[str], query: Query, inherited: Query) -> Discovery:
    if connector["port"] is None:
        raise ConfigError("a URL of a group is udp://address:port?key=value", parameter="url")
    values = read_values(query, OF_DISCOVERY)
    values |= {"group_address": connector["six"] or connector["host"], "group_port": int(connector["port"])}
    values["template"] = make(Endpoint, _connector_values(inherited))
    return make(Discovery, values)


def _endpoint(connector: re.Match[str], query: Query) -> Endpoint:
    values = _connector_values(query)
    values |= {"host": connector["six"] or connector["host"], "port": int(connector["port"] or 61616)}
    return make(Endpoint, values)


def _connector_values(query: Query) -> dict[str, Any]:
    values = read_values(query, OF_ENDPOINT)
    tls = read_values(query, OF_TLS)
    if read_flag(TLS_SWITCH, query.get(TLS_SWITCH, "false")):
        values["tls"] = make(Tls, tls)
    if not read_flag(SOCKS_SWITCH, query.get(SOCKS_SWITCH, "false")):
        values["socks_host"] = None
    elif values.get("socks_host") is None:
        raise ConfigError("socksEnabled needs a socksHost", parameter="socksHost")
    return values


# -- writing -----------------------------------------------------------------------------------------------------------


def write_url(config: ClientConfig) -> str:
    """Write the URL from which ``read_url`` reads this configuration: what is not the default, and what is explicit."""
    plain = ClientConfig(resilient=config.resilient, exactly_once=config.exactly_once)
    said = [
        (key, write_value(option, getattr(config, name)))
        for key, (name, option) in OF_CLIENT.items()
        if name in config.explicit
        or getattr(config, name) != getattr(plain, name)
        or (name in ("resilient", "exactly_once") and getattr(config, name))
    ]
    if config.discovery is not None:
        return _write_discovery(config.discovery, said)
    first, *others = config.endpoints
    connectors = [_connector(first, Endpoint())]
    connectors += [_connector(other, first) for other in others]
    if others:
        return f"({','.join(address + _join(query) for address, query in connectors)}){_join(said)}"
    address, query = connectors[0]
    return address + _join([*query, *said])


def _write_discovery(group: Discovery, said: Iterable[tuple[str, str]]) -> str:
    plain = Discovery(group_address=group.group_address, group_port=group.group_port)
    own = [
        (key, write_value(option, getattr(group, name)))
        for key, (name, option) in OF_DISCOVERY.items()
        if getattr(group, name) != getattr(plain, name)
    ]
    _, query = _connector(group.template, Endpoint())
    return _address("udp", group.group_address, group.group_port) + _join([*own, *query, *said])


def _connector(endpoint: Endpoint, inherited: Endpoint) -> tuple[str, list[tuple[str, str]]]:
    """Where an endpoint is, and what it says that it does not inherit."""
    known = {**_words(Endpoint(tls=Tls())), TLS_SWITCH: "false", **_words(inherited), "name": ""}
    words = _words(endpoint)
    query = {key: text for key, text in words.items() if known[key] != text}
    switches = {DEPENDENT[key] for key in query if key in DEPENDENT}
    query |= {switch: words[switch] for switch in sorted(switches)}
    return _address("tcp", endpoint.host, endpoint.port), list(query.items())


def _words(endpoint: Endpoint) -> Mapping[str, str]:
    """An endpoint as keys and their texts; those of TLS where it is on."""
    words = {key: write_value(option, getattr(endpoint, name)) for key, (name, option) in OF_ENDPOINT.items()}
    words[SOCKS_SWITCH] = "false" if endpoint.socks_host is None else "true"
    words[TLS_SWITCH] = "false" if endpoint.tls is None else "true"
    if endpoint.tls is not None:
        words |= {key: write_value(option, getattr(endpoint.tls, name)) for key, (name, option) in OF_TLS.items()}
    return words


def _address(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _join(pairs: Iterable[tuple[str, str]]) -> str:
    joined = "&".join(f"{key}={quote(text, safe='')}" for key, text in pairs)
    return f"?{joined}" if joined else ""
