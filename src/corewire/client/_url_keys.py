"""Every key that may stand on a URL: those that are fields, those without effect here, and those that are refused, with the reason."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from corewire.client._options import options_of
from corewire.client.config import ClientConfig, Discovery, Endpoint, Tls
from corewire.errors import ConfigError

OF_CLIENT: Final = options_of(ClientConfig)
OF_ENDPOINT: Final = options_of(Endpoint)
OF_TLS: Final = options_of(Tls)
OF_DISCOVERY: Final = options_of(Discovery)

TLS_SWITCH: Final = "sslEnabled"  # whether Endpoint.tls is there
SOCKS_SWITCH: Final = "socksEnabled"  # whether Endpoint.socks_host is there
OF_CONNECTOR: Final = frozenset({*OF_ENDPOINT, *OF_TLS, TLS_SWITCH, SOCKS_SWITCH})
#: Keys that say nothing unless another one is given.
DEPENDENT: Final = {
    **dict.fromkeys(OF_TLS, TLS_SWITCH),
    **dict.fromkeys((key for key in OF_ENDPOINT if key.startswith("socks")), SOCKS_SWITCH),
}

ALIASES: Final = {"connectionTtl": "connectionTTL", "HA": "ha"}

#: Keys that Artemis knows and that change nothing here.
WITHOUT_EFFECT: Final = frozenset(
    {
        *("useGlobalPools", "threadPoolMaxSize", "scheduledThreadPoolMaxSize", "flowControlThreadPoolMaxSize"),
        *("useEpoll", "useKQueue", "useNio", "useNioGlobalWorkerPool", "useGlobalWorkerPool"),
        *("nioRemotingThreads", "remotingThreads", "batchDelay", "writeBufferLowWaterMark", "writeBufferHighWaterMark"),
        *("initialMessagePacketSize", "cacheLargeMessagesClient", "failoverOnInitialConnection", "cacheDestinations"),
        *("deserializationAllowList", "deserializationDenyList"),
        *("deserializationWhiteList", "deserializationBlackList"),
        *("type", "ignoreJTA", "nodeID", "identity", "clusterConnection", "handshake-timeout", "stoppingTimeout"),
        *("sslProvider", "keyStoreProvider", "trustStoreProvider", "forceSSLParameters", "useDefaultSslContext"),
    }
)
#: Fields that are kept, and change nothing here either.
KEPT_WITHOUT_EFFECT: Final = frozenset({"ackBatchSize", "localBindPort"})
REFUSED: Final = {
    **dict.fromkeys(("httpEnabled", "httpClientIdleTime", "httpClientIdleScanPeriod"), "HTTP tunnelling is not spoken"),
    **dict.fromkeys(("httpRequiresSessionId", "httpUpgradeEnabled"), "HTTP tunnelling is not spoken"),
    **dict.fromkeys(("httpUpgradeEndpoint", "activemqServerName"), "HTTP tunnelling is not spoken"),
    **dict.fromkeys(("useServlet", "servletPath"), "HTTP tunnelling is not spoken"),
    **dict.fromkeys(("incomingInterceptorList", "outgoingInterceptorList"), "classes of Java cannot be loaded"),
    **dict.fromkeys(("passwordCodec", "protocolManagerFactoryStr"), "classes of Java cannot be loaded"),
    "trustManagerFactoryPlugin": "classes of Java cannot be loaded",
    "enable1xPrefixes": "the prefixes of version 1 are not spoken",
    **dict.fromkeys(("host", "port", "groupAddress", "groupPort"), "it stands before the question mark"),
}
#: Keys that may be said to be off although what they would turn on is refused.
MAY_BE_OFF: Final = {
    "enable1xPrefixes": "false",
    **dict.fromkeys(("httpEnabled", "httpUpgradeEnabled", "useServlet"), "false"),
}
_KNOWN: Final = frozenset({*OF_CLIENT, *OF_CONNECTOR, *OF_DISCOVERY})


def has_no_effect(key: str) -> bool:
    """Whether a key is accepted and changes nothing."""
    return key in WITHOUT_EFFECT or key in KEPT_WITHOUT_EFFECT or key.startswith("activemq.")


def admit(key: str, value: str) -> None:
    """Raise ConfigError, with the reason or the nearest names, unless the key may stand on a URL."""
    if key in _KNOWN or has_no_effect(key) or MAY_BE_OFF.get(key) == value.lower():
        return
    if key in REFUSED:
        raise ConfigError(f"{key}: {REFUSED[key]}", parameter=key)
    known = {name.lower(): name for name in (*_KNOWN, *WITHOUT_EFFECT)}
    nearest = [known[name] for name in get_close_matches(key.lower(), sorted(known))]
    raise ConfigError(f"{key} is no key of a URL", parameter=key, nearest=nearest)
