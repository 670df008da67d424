"""
Where brokers say that they and others can be reached: connectors in the topology, in goodbyes and in datagrams.

A broker tells where to go; how to go there is the client's own affair. So host, port and name are taken from what is announced,
socket options too, as Artemis' clients do; whom to trust, as whom to come, the proxy and the local address are those of the
endpoint through which we heard of it. An encrypted client stays encrypted wherever it is sent. Files that a broker names are
files of its machine: they are kept in ``Endpoint.extra``, to be looked at, as is everything that is unknown or unfit.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from corewire.client._url_keys import OF_ENDPOINT, TLS_SWITCH
from corewire.client._url_values import read_value
from corewire.client.config import Endpoint, Tls
from corewire.errors import ConfigError

if TYPE_CHECKING:
    from corewire.wire.packets import TransportConfiguration

_TAKEN: Final = ("connect-timeout-millis", "tcpNoDelay", "tcpSendBufferSize", "tcpReceiveBufferSize")


def endpoint_of(connector: TransportConfiguration | None, template: Endpoint) -> Endpoint | None:
    """Where a connector of a broker leads, dialled as ``template`` is; None if nowhere."""
    if connector is None:
        return None
    values: dict[str, Any] = {}
    extra: dict[str, str] = {}
    for key, value in connector.params.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if key in ("host", "port", TLS_SWITCH):
            values[key] = text
            continue
        try:
            if key not in _TAKEN:
                raise ConfigError(key, parameter=key)
            name, option = OF_ENDPOINT[key]
            values[name] = read_value(option, text)
        except ConfigError:
            extra[key] = text
    tls = template.tls
    if values.pop(TLS_SWITCH, "false").lower() == "true":
        tls = tls or Tls()
    if tls is not None and (sni_host := extra.pop("sniHost", None)):
        tls = replace(tls, sni_host=sni_host)
    try:
        values |= {"host": values.get("host", "localhost"), "port": int(values.get("port", "61616"))}
        return replace(template, **values, name=connector.name or None, tls=tls, extra=extra)
    except (ConfigError, ValueError):
        return None
