"""Every key that Artemis' clients know, one row each: the field that it sets, no effect and a line in the log, or a refusal."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import pytest

from corewire.client._url_keys import ALIASES, OF_CLIENT, OF_CONNECTOR, OF_DISCOVERY, REFUSED, WITHOUT_EFFECT
from corewire.client.config import ClientConfig, Endpoint, LoadBalancing, Tls
from corewire.client.url import read_url
from corewire.errors import ConfigError
from corewire_transports._settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

#: key, its text, the field of ClientConfig, what the field holds then.
LOCATOR: Final[list[tuple[str, str, str, Any]]] = [
    ("ha", "true", "ha", True),
    ("HA", "true", "ha", True),
    ("retryInterval", "1500", "retry_interval_s", 1.5),
    ("maxRetryInterval", "2500", "retry_interval_s_max", 2.5),
    ("retryIntervalMultiplier", "1.5", "retry_interval_multiplier", 1.5),
    ("reconnectAttempts", "-1", "reconnect_attempts", None),
    ("failoverAttempts", "7", "failover_attempts", 7),
    ("initialConnectAttempts", "-1", "initial_connect_attempts", None),
    ("clientFailureCheckPeriod", "-1", "client_failure_check_period_s", None),
    ("connectionTTL", "5000", "connection_ttl_s", 5.0),
    ("connectionTtl", "5000", "connection_ttl_s", 5.0),
    ("callTimeout", "500", "call_timeout_s", 0.5),
    ("callFailoverTimeout", "-1", "call_failover_timeout_s", None),
    ("confirmationWindowSize", "1024", "confirmation_window_bytes", 1024),
    ("consumerWindowSize", "0", "consumer_window_bytes", 0),
    ("consumerMaxRate", "5", "consumer_rate_max", 5),
    ("producerMaxRate", "5", "producer_rate_max", 5),
    ("producerWindowSize", "-1", "producer_window_bytes", None),
    ("minLargeMessageSize", "2048", "large_message_bytes_min", 2048),
    ("compressLargeMessage", "true", "compress_large_message", True),
    ("compressionLevel", "3", "compression_level", 3),
    ("blockOnAcknowledge", "true", "block_on_acknowledge", True),
    ("blockOnDurableSend", "false", "block_on_durable_send", False),
    ("blockOnNonDurableSend", "true", "block_on_non_durable_send", True),
    ("preAcknowledge", "true", "pre_acknowledge", True),
    ("autoGroup", "true", "auto_group", True),
    ("groupID", "g", "group_id", "g"),
    ("useTopologyForLoadBalancing", "false", "use_topology_for_load_balancing", False),
    (
        "connectionLoadBalancingPolicyClassName",
        "RandomStickyConnectionLoadBalancingPolicy",
        "load_balancing",
        LoadBalancing.RANDOM_STICKY,
    ),
    ("onMessageCloseTimeout", "-1", "on_message_close_timeout_s", None),
    ("user", "ann", "user", "ann"),
    ("password", "secret", "password", "secret"),
    ("clientID", "me", "client_id", "me"),
    ("enableSharedClientID", "true", "enable_shared_client_id", True),
    ("ackBatchSize", "7", "ack_batch_bytes", 7),
    ("dupsOKBatchSize", "7", "dups_ok_batch_bytes", 7),
    ("transactionBatchSize", "7", "transaction_batch_bytes", 7),
    # ours
    ("resilient", "true", "resilient", True),
    ("exactlyOnce", "true", "exactly_once", True),
    ("maxResendSize", "7", "resend_bytes_max", 7),
    ("maxCollectSize", "7", "collect_bytes_max", 7),
]
#: The same for Endpoint.
CONNECTOR: Final[list[tuple[str, str, str, Any]]] = [
    ("name", "n", "name", "n"),
    ("localAddress", "127.0.0.1", "local_address", "127.0.0.1"),
    ("localPort", "7", "local_port", 7),
    ("connect-timeout-millis", "250", "connect_timeout_s", 0.25),
    ("tcpNoDelay", "false", "tcp_no_delay", False),
    ("tcpSendBufferSize", "7", "tcp_send_buffer_bytes", 7),
    ("tcpReceiveBufferSize", "7", "tcp_receive_buffer_bytes", 7),
    ("sslEnabled", "true", "tls", Tls()),
    ("socksEnabled", "false", "socks_host", None),
    ("socksHost", "other", "socks_host", "other"),
    ("socksPort", "7", "socks_port", 7),
    ("socksVersion", "4", "socks_version", 4),
    ("socksUsername", "ann", "socks_username", "ann"),
    ("socksPassword", "secret", "socks_password", "secret"),
    ("socksRemoteDNS", "true", "socks_remote_dns", True),
]
#: The same for Tls.
ENCRYPTION: Final[list[tuple[str, str, str, Any]]] = [
    ("keyStorePath", "me.p12", "key_store_path", "me.p12"),
    ("keyStorePassword", "secret", "key_store_password", "secret"),
    ("keyStoreType", "PKCS12", "key_store_type", "PKCS12"),
    ("keyStoreAlias", "me", "key_store_alias", "me"),
    ("trustStorePath", "ca.pem", "trust_store_path", "ca.pem"),
    ("trustStorePassword", "secret", "trust_store_password", "secret"),
    ("trustStoreType", "PEM", "trust_store_type", "PEM"),
    ("enabledCipherSuites", "A,B", "enabled_cipher_suites", ("A", "B")),
    ("enabledProtocols", "TLSv1.3", "enabled_protocols", ("TLSv1.3",)),
    ("crlPath", "gone.pem", "crl_path", "gone.pem"),
    ("sniHost", "mq", "sni_host", "mq"),
    ("verifyHost", "false", "verify_host", False),
    ("trustAll", "true", "trust_all", True),
]
#: The same for Discovery.
GROUP: Final[list[tuple[str, str, str, Any]]] = [
    ("refreshTimeout", "5000", "refresh_timeout_s", 5.0),
    ("discoveryInitialWaitTimeout", "1500", "initial_wait_timeout_s", 1.5),
    ("localBindAddress", "127.0.0.1", "local_bind_address", "127.0.0.1"),
    ("localBindPort", "7", "local_bind_port", 7),
]
IGNORED: Final = {
    *("failoverOnInitialConnection", "cacheLargeMessagesClient", "useGlobalPools"),
    *("threadPoolMaxSize", "scheduledThreadPoolMaxSize", "flowControlThreadPoolMaxSize", "initialMessagePacketSize"),
    *("nodeID", "identity", "clusterConnection", "type", "cacheDestinations", "ignoreJTA"),
    *("deserializationAllowList", "deserializationDenyList"),
    *("deserializationWhiteList", "deserializationBlackList"),
    *("handshake-timeout", "writeBufferLowWaterMark", "writeBufferHighWaterMark", "batchDelay"),
    *("nioRemotingThreads", "remotingThreads", "useNio", "useNioGlobalWorkerPool", "useGlobalWorkerPool"),
    *("useEpoll", "useKQueue", "sslProvider", "keyStoreProvider", "trustStoreProvider", "forceSSLParameters"),
    *("useDefaultSslContext", "stoppingTimeout"),
}
REFUSALS: Final = {
    **dict.fromkeys(("host", "port", "groupAddress", "groupPort"), "before the question mark"),
    **dict.fromkeys(("incomingInterceptorList", "outgoingInterceptorList", "passwordCodec"), "classes of Java"),
    **dict.fromkeys(("protocolManagerFactoryStr", "trustManagerFactoryPlugin"), "classes of Java"),
    "enable1xPrefixes": "version 1",
    **dict.fromkeys(("httpEnabled", "httpClientIdleTime", "httpClientIdleScanPeriod"), "HTTP tunnelling"),
    **dict.fromkeys(("httpRequiresSessionId", "httpUpgradeEnabled", "httpUpgradeEndpoint"), "HTTP tunnelling"),
    **dict.fromkeys(("activemqServerName", "useServlet", "servletPath"), "HTTP tunnelling"),
}


def rows() -> Iterator[Any]:
    """key, its text, what must stand beside it, the place of the field and what it holds."""
    proxy = "&socksEnabled=true&socksHost=proxy&socksPort=1080"
    for place, table in (("client", LOCATOR), ("endpoint", CONNECTOR), ("tls", ENCRYPTION), ("discovery", GROUP)):
        for key, text, name, value in table:
            beside = {"tls": "&sslEnabled=true", "endpoint": proxy if key.startswith("socks") else ""}.get(place, "")
            beside = beside.replace(f"&{key}=true", "").replace(f"&{key}=proxy", "").replace(f"&{key}=1080", "")
            beside += "&keyStoreType=PKCS12" if key == "keyStoreAlias" else ""
            yield pytest.param(f"{key}={text}{beside}", place, name, value, id=key)


@pytest.mark.parametrize(("query", "place", "name", "value"), list(rows()))
def test_a_key_sets_its_field(query: str, place: str, name: str, value: object) -> None:
    group = place == "discovery"
    config = ClientConfig.from_url(f"{'udp://231.7.7.7:9876' if group else 'tcp://a'}?{query}")
    endpoint = Endpoint() if group else config.endpoints[0]
    holder = {"client": config, "endpoint": endpoint, "tls": endpoint.tls, "discovery": config.discovery}[place]
    assert getattr(holder, name) == value
    assert ClientConfig.from_url(config.to_url()) == config


@pytest.mark.parametrize("key", sorted(IGNORED))
def test_a_key_without_effect_is_told_in_the_log(key: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "corewire"):
        config = read_settings(f"tcp://a?{key}=1", user=None, password=None, client_id=None)
    assert config == ClientConfig.from_url("tcp://a")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", f"without effect here: {key}")
    ]


@pytest.mark.parametrize(("url", "key"), [("tcp://a", "ackBatchSize"), ("udp://231.7.7.7:9876", "localBindPort")])
def test_a_field_without_effect_is_kept_and_told(url: str, key: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "corewire"):
        config = read_settings(f"{url}?{key}=1", user=None, password=None, client_id=None)
    assert f"{key}=1" in config.to_url()
    assert [record.getMessage() for record in caplog.records] == [f"without effect here: {key}"]


@pytest.mark.parametrize(("key", "words"), sorted(REFUSALS.items()))
def test_a_key_that_makes_no_sense_here_is_refused(key: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        read_url(f"tcp://a?{key}=5")
    assert caught.value.parameter == key


@pytest.mark.parametrize("key", sorted({row[0] for row in (*LOCATOR, *CONNECTOR, *ENCRYPTION, *GROUP)} | IGNORED))
def test_a_key_with_a_slip_is_refused_with_the_nearest(key: str) -> None:
    slip = key[0] + key[1:].swapcase() + "s"
    with pytest.raises(ConfigError, match="is no key of a URL") as caught:
        read_url(f"tcp://a?{slip}=5")
    assert ALIASES.get(key, key) in caught.value.nearest


def test_no_key_is_in_no_row() -> None:
    in_rows = {row[0] for row in (*LOCATOR, *CONNECTOR, *ENCRYPTION, *GROUP)}
    assert in_rows == {*OF_CLIENT, *OF_CONNECTOR, *OF_DISCOVERY, *ALIASES}
    assert IGNORED == WITHOUT_EFFECT
    assert REFUSALS.keys() == REFUSED.keys()
