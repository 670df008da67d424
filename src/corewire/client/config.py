"""Everything that can be said about a client, as frozen values that are checked once, when they are made. How a URL says it is in ``url.py``."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from corewire.client._options import A_MILLISECOND, LONG_MAX, LoadBalancing, Option, check, describe, option
from corewire.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ClientConfig", "Discovery", "Endpoint", "LoadBalancing", "Tls"]

_HOST_STOPS: Final = frozenset("/?#@,()&;[]% \t\r\n")
_PROTOCOLS: Final = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_SOCKS_NAME_BYTES_MAX: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Tls:
    """How a link is encrypted, whom it trusts and as whom it comes. Stores are read anew at each dial.

    PEM needs nothing more; PKCS12 needs the extra ``corewire[pkcs12]``. Stores of Java's own types are refused, with the
    command that converts them. Raises ConfigError.
    """

    #: Whom to trust; None: whom the system trusts.
    trust_store_path: str | None = option(None, "trustStorePath", "text", nullable=True, low=1)
    trust_store_password: str | None = option(None, "trustStorePassword", "text", nullable=True, low=1)
    trust_store_type: Literal["PEM", "PKCS12"] = option("PEM", "trustStoreType", "store")
    #: As whom to come: a certificate, its chain and its private key; None: as nobody.
    key_store_path: str | None = option(None, "keyStorePath", "text", nullable=True, low=1)
    key_store_password: str | None = option(None, "keyStorePassword", "text", nullable=True, low=1)
    key_store_type: Literal["PEM", "PKCS12"] = option("PEM", "keyStoreType", "store")
    #: The name of the entry of a PKCS12 store, in any case.
    key_store_alias: str | None = option(None, "keyStoreAlias", "text", nullable=True, low=1)
    #: Whether the certificate must name the host (or ``sni_host``).
    verify_host: bool = option(True, "verifyHost", "flag")
    #: Whether to believe anybody: for trials only.
    trust_all: bool = option(False, "trustAll", "flag")
    #: A run of "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"; empty: 1.2 and newer.
    enabled_protocols: tuple[str, ...] = option((), "enabledProtocols", "names")
    #: Names as Java or as OpenSSL writes them; empty: those that OpenSSL takes. Those of TLS 1.3 cannot be chosen one by one.
    enabled_cipher_suites: tuple[str, ...] = option((), "enabledCipherSuites", "names")
    #: A PEM file of lists of revoked certificates; then each certificate of a chain must be covered by one.
    crl_path: str | None = option(None, "crlPath", "text", nullable=True, low=1)
    #: The name to ask for, and to find in the certificate, instead of the host.
    sni_host: str | None = option(None, "sniHost", "text", nullable=True, low=1)

    def __post_init__(self) -> None:
        check(self)
        if self.key_store_alias is not None and self.key_store_type != "PKCS12":
            raise ConfigError("key_store_alias chooses in stores of the type PKCS12 only", parameter="key_store_alias")
        for name in self.enabled_protocols:
            if name not in _PROTOCOLS:
                raise ConfigError(
                    f"enabled_protocols: {name!r} is not spoken", parameter="enabled_protocols", nearest=_PROTOCOLS
                )
        places = sorted({_PROTOCOLS.index(name) for name in self.enabled_protocols})
        if places and places[-1] - places[0] >= len(places):
            raise ConfigError("enabled_protocols leaves one out between others", parameter="enabled_protocols")

    def __repr__(self) -> str:
        return describe(self)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Endpoint:
    """Where to dial, and how: what Artemis calls a connector. Raises ConfigError for values out of range."""

    host: str = "localhost"
    port: int = 61616
    name: str | None = option(None, "name", "text", nullable=True, low=1)
    tls: Tls | None = None  #: None: not encrypted
    connect_timeout_s: float | None = option(  #: until the link is up; None: connection_ttl_s, or else call_timeout_s
        None, "connect-timeout-millis", "seconds", nullable=True, low=A_MILLISECOND
    )
    local_address: str | None = option(None, "localAddress", "text", nullable=True, low=1)
    local_port: int = option(0, "localPort", "integer", high=65_535)
    tcp_no_delay: bool = option(True, "tcpNoDelay", "flag")
    tcp_send_buffer_bytes: int = option(1_048_576, "tcpSendBufferSize", "integer", low=1)
    tcp_receive_buffer_bytes: int = option(1_048_576, "tcpReceiveBufferSize", "integer", low=1)
    #: A SOCKS proxy to go through; None: none. Needs the extra ``corewire[socks]``.
    socks_host: str | None = option(None, "socksHost", "text", nullable=True, low=1)
    socks_port: int = option(0, "socksPort", "integer", high=65_535)
    socks_version: int = option(5, "socksVersion", "integer", low=4, high=5)
    socks_username: str | None = option(None, "socksUsername", "text", nullable=True, low=1)
    socks_password: str | None = option(None, "socksPassword", "text", nullable=True, low=1)
    #: Whether the proxy looks up the host's name; in version 4 that is version 4a.
    socks_remote_dns: bool = option(False, "socksRemoteDNS", "flag")
    #: Parameters that a broker announced and that are not taken from it. They are on no URL.
    extra: Mapping[str, str] = field(default_factory=dict[str, str], repr=False, hash=False)

    def __post_init__(self) -> None:
        check(self)
        Option("host", "text").check(self.host, "host")
        Option("port", "integer", low=1, high=65_535).check(self.port, "port")
        if not self.host or not _HOST_STOPS.isdisjoint(self.host):
            raise ConfigError(f"{self.host!r} is no host", parameter="host")
        if self.socks_host is not None:
            self._check_socks()

    def _check_socks(self) -> None:
        if self.socks_port == 0:
            raise ConfigError("socks_host needs a socks_port", parameter="socks_port")
        if self.socks_version == 4 and self.socks_password is not None:
            raise ConfigError("SOCKS 4 knows no passwords", parameter="socks_password")
        for name in ("socks_username", "socks_password"):
            if len((getattr(self, name) or "").encode()) > _SOCKS_NAME_BYTES_MAX:
                raise ConfigError(f"{name} is too long for SOCKS", parameter=name)

    def __repr__(self) -> str:
        return describe(self)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Discovery:
    """A group of the network in which brokers announce themselves: ``udp://231.7.7.7:9876``. Raises ConfigError."""

    group_address: str
    group_port: int
    #: How long an announcement holds.
    refresh_timeout_s: float = option(10.0, "refreshTimeout", "seconds", low=A_MILLISECOND)
    #: How long to wait for the first one; ``initial_connect_attempts`` more times.
    initial_wait_timeout_s: float = option(10.0, "discoveryInitialWaitTimeout", "seconds", low=A_MILLISECOND)
    #: The address of the network interface to listen on; None: the system's choice.
    local_bind_address: str | None = option(None, "localBindAddress", "text", nullable=True, low=1)
    #: Without effect, as in Artemis' clients: brokers announce themselves from it; a client only listens.
    local_bind_port: int = option(-1, "localBindPort", "integer", low=-1, high=65_535)
    #: How to dial what is announced: TLS, proxy, options of the socket. Host, port and name are the announced ones.
    template: Endpoint = Endpoint()

    def __post_init__(self) -> None:
        check(self)
        Option("group_address", "text").check(self.group_address, "group_address")
        Option("group_port", "integer", low=1, high=65_535).check(self.group_port, "group_port")
        if not self.group_address or not _HOST_STOPS.isdisjoint(self.group_address):
            raise ConfigError(f"{self.group_address!r} is no group", parameter="group_address")
        if replace(self.template, host="localhost", port=61616, name=None) != self.template:
            raise ConfigError("host, port and name come from the group, not from the template", parameter="template")

    def __repr__(self) -> str:
        return describe(self)


_RESILIENT: Final[dict[str, object]] = {
    "ha": True,
    "reconnect_attempts": None,
    "confirmation_window_bytes": 1_048_576,
    "retry_interval_s": 0.1,
    "retry_interval_multiplier": 2.0,
    "retry_interval_s_max": 2.0,
}
_UNLIMITED: Final[dict[str, object]] = {"call_failover_timeout_s": None}
#: What exactly-once cannot go together with: field, value, how it stands on a URL, and why.
_CONTRADICTIONS: Final = (
    ("pre_acknowledge", True, "preAcknowledge=true", "the broker would forget messages before it delivers them"),
    ("reconnect_attempts", 0, "reconnectAttempts=0", "nothing would be sent again"),
    ("block_on_durable_send", False, "blockOnDurableSend=false", "a send would be done before its answer came"),
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ClientConfig:
    """Everything a URL can say. None is Artemis' -1: no limit, or off. Names: the URL's, in snake case, with the unit.

    Raises ConfigError for a value of a wrong type or out of range. ``resilient`` sets the fields that it is short for, unless
    they are given; a field equal to its default counts as not given, unless it is named in ``explicit``, as a URL does.
    ``exactly_once`` sets them too, and no limit to ``call_failover_timeout_s``; it is refused together with what contradicts it.
    """

    #: None given: ``Endpoint()``, or those that ``discovery`` finds.
    endpoints: tuple[Endpoint, ...] = ()
    discovery: Discovery | None = None
    user: str | None = option(None, "user", "text", nullable=True)
    password: str | None = option(None, "password", "text", nullable=True)
    client_id: str | None = option(None, "clientID", "text", nullable=True, low=1)
    enable_shared_client_id: bool = option(False, "enableSharedClientID", "flag")
    # failure, reconnection, failover
    ha: bool = option(False, "ha", "flag")
    reconnect_attempts: int | None = option(0, "reconnectAttempts", "integer", nullable=True)
    failover_attempts: int | None = option(0, "failoverAttempts", "integer", nullable=True)
    initial_connect_attempts: int | None = option(1, "initialConnectAttempts", "integer", nullable=True)
    retry_interval_s: float = option(2.0, "retryInterval", "seconds", low=A_MILLISECOND)
    retry_interval_multiplier: float = option(1.0, "retryIntervalMultiplier", "number", low=0.001)
    retry_interval_s_max: float = option(2.0, "maxRetryInterval", "seconds", low=A_MILLISECOND)
    client_failure_check_period_s: float | None = option(  #: blocking world: None
        30.0, "clientFailureCheckPeriod", "seconds", nullable=True, low=A_MILLISECOND
    )
    connection_ttl_s: float | None = option(  #: blocking world: None; with a window 600
        60.0, "connectionTTL", "seconds", nullable=True, low=A_MILLISECOND
    )
    call_timeout_s: float = option(30.0, "callTimeout", "seconds", low=A_MILLISECOND)
    call_failover_timeout_s: float | None = option(30.0, "callFailoverTimeout", "seconds", nullable=True)
    confirmation_window_bytes: int | None = option(None, "confirmationWindowSize", "integer", nullable=True, low=0)
    use_topology_for_load_balancing: bool = option(True, "useTopologyForLoadBalancing", "flag")
    load_balancing: LoadBalancing = option(  # noqa: RUF009  # it is a field, as the others
        LoadBalancing.ROUND_ROBIN, "connectionLoadBalancingPolicyClassName", "policy"
    )
    # sending
    block_on_durable_send: bool = option(True, "blockOnDurableSend", "flag")
    block_on_non_durable_send: bool = option(False, "blockOnNonDurableSend", "flag")
    producer_window_bytes: int | None = option(65_536, "producerWindowSize", "integer", nullable=True, low=1)
    #: Messages a second, of each producer, and of each session as far as it sends without one.
    producer_rate_max: int | None = option(None, "producerMaxRate", "integer", nullable=True, low=1)
    large_message_bytes_min: int = option(102_400, "minLargeMessageSize", "integer", low=1)
    compress_large_message: bool = option(False, "compressLargeMessage", "flag")
    #: 0 to 9; -1: zlib's own choice.
    compression_level: int = option(-1, "compressionLevel", "integer", low=-1, high=9)
    auto_group: bool = option(False, "autoGroup", "flag")
    group_id: str | None = option(None, "groupID", "text", nullable=True, low=1)
    # receiving
    block_on_acknowledge: bool = option(False, "blockOnAcknowledge", "flag")
    pre_acknowledge: bool = option(False, "preAcknowledge", "flag")
    #: Without effect: ``acknowledge()`` of a CLIENT session tells of this message and those before, in one packet of each consumer.
    #: Artemis tells earlier, of so many bytes that were received: those behind the acknowledged message would be committed with it.
    ack_batch_bytes: int = option(1_048_576, "ackBatchSize", "integer")
    dups_ok_batch_bytes: int = option(1_048_576, "dupsOKBatchSize", "integer")
    transaction_batch_bytes: int = option(1_048_576, "transactionBatchSize", "integer")
    consumer_window_bytes: int | None = option(1_048_576, "consumerWindowSize", "integer", nullable=True)
    #: Messages a second, of each consumer.
    consumer_rate_max: int | None = option(None, "consumerMaxRate", "integer", nullable=True, low=1)
    on_message_close_timeout_s: float | None = option(10.0, "onMessageCloseTimeout", "seconds", nullable=True)
    # ours
    resilient: bool = option(False, "resilient", "flag")
    #: What is sent takes effect once, and what was handed out is not handed out again, over failures of the broker.
    exactly_once: bool = option(False, "exactlyOnce", "flag")
    #: Larger bodies are handed to the application unread.
    collect_bytes_max: int = option(10_485_760, "maxCollectSize", "integer", high=LONG_MAX)
    #: Bytes kept for replay, each message with 900 more until the broker has answered it: what is known of it takes memory, too.
    #: Senders wait beyond it.
    resend_bytes_max: int = option(67_108_864, "maxResendSize", "integer", low=1, high=LONG_MAX)
    #: Names of fields that count as given although they equal their default.
    explicit: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    def __post_init__(self) -> None:
        check(self)
        self._check_endpoints()
        if unknown := self.explicit - {each.name for each in fields(self)}:
            raise ConfigError(f"no such fields: {', '.join(sorted(unknown))}", parameter="explicit")
        if self.exactly_once:
            for name, value, key, why in _CONTRADICTIONS:
                if getattr(self, name) == value and self.gives(name):
                    raise ConfigError(f"{key} contradicts exactlyOnce: {why}", parameter=name)
        short_for = {**_RESILIENT, **_UNLIMITED} if self.exactly_once else _RESILIENT if self.resilient else {}
        for name, setting in short_for.items():
            if not self.gives(name):
                object.__setattr__(self, name, setting)

    def _check_endpoints(self) -> None:
        if self.discovery is None:
            if not self.endpoints:
                object.__setattr__(self, "endpoints", (Endpoint(),))
        elif self.endpoints in ((), (Endpoint(),)):
            object.__setattr__(self, "endpoints", ())
        else:
            raise ConfigError("either endpoints, or discovery that finds them", parameter="endpoints")

    def __repr__(self) -> str:
        return describe(self)

    def gives(self, name: str) -> bool:
        """Whether the field ``name`` was given: it differs from its default, or is named in ``explicit``."""
        return name in self.explicit or getattr(self, name) != type(self).__dataclass_fields__[name].default

    def for_blocking(self) -> Self:
        """This configuration with the defaults of the blocking world, whose engine stands still between calls.

        Unless given, the failure check is off and the connection TTL too; with a confirmation window it is 600 seconds, since
        the session of a program that died would else stay on the broker for ever.
        """
        changes: dict[str, Any] = {}
        if not self.gives("client_failure_check_period_s"):
            changes["client_failure_check_period_s"] = None
        if not self.gives("connection_ttl_s"):
            changes["connection_ttl_s"] = None if self.confirmation_window_bytes is None else 600.0
        return replace(self, **changes)

    @classmethod
    def from_url(cls, url: str, /) -> Self:
        """Read a URL. Raises ConfigError for unknown keys (with the nearest names), wrong values and what is not built."""
        from corewire.client.url import read_url

        return cls(**read_url(url).values)

    def to_url(self) -> str:
        """Write the URL that says the same, the password included. ``Endpoint.extra`` has no words there."""
        from corewire.client.url import write_url

        return write_url(self)
