"""Everything that can be said about a client, as frozen values that are checked once, when they are made. How a URL says it is in ``url.py``."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields, replace
from enum import Enum
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from corewire.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_INT_MAX: Final = (1 << 31) - 1
_LONG_MAX: Final = (1 << 63) - 1
_SECONDS_MAX: Final = 1e9  # some thirty years
_HOST_STOPS: Final = frozenset("/?#@,()&;[]% \t\r\n")

#: Keys of Artemis and of corewire whose feature this version does not have: refused. An entry goes when its feature comes.
NOT_BUILT: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("sslEnabled", "verifyHost", "trustAll", "keyStorePath", "keyStorePassword", "keyStoreType"), "TLS"
    ),
    **dict.fromkeys(("keyStoreAlias", "trustStorePath", "trustStorePassword", "trustStoreType", "crlPath"), "TLS"),
    **dict.fromkeys(("enabledCipherSuites", "enabledProtocols", "sniHost"), "TLS"),
    **dict.fromkeys(("socksEnabled", "socksHost", "socksPort", "socksVersion", "socksUsername"), "connecting by SOCKS"),
    **dict.fromkeys(("socksPassword", "socksRemoteDNS"), "connecting by SOCKS"),
    **dict.fromkeys(("refreshTimeout", "discoveryInitialWaitTimeout", "localBindAddress"), "discovery by UDP"),
    **dict.fromkeys(("localBindPort", "groupAddress", "groupPort"), "discovery by UDP"),
    **dict.fromkeys(("compressLargeMessage", "compressionLevel"), "compression"),
    **dict.fromkeys(("consumerMaxRate", "producerMaxRate"), "limiting rates"),
    "exactlyOnce": "exactly-once",
    "maxCollectSize": "streaming of large bodies",
}


class LoadBalancing(Enum):
    """Which broker of several a client begins with. Values are the names of Artemis' classes, without their package."""

    ROUND_ROBIN = "RoundRobinConnectionLoadBalancingPolicy"
    RANDOM = "RandomConnectionLoadBalancingPolicy"
    RANDOM_STICKY = "RandomStickyConnectionLoadBalancingPolicy"
    FIRST_ELEMENT = "FirstElementConnectionLoadBalancingPolicy"


# -- options: a field, its key on a URL, its unit and its range in one place -----------------------------------------------

Unit = Literal["flag", "integer", "number", "seconds", "text", "policy"]


@dataclass(frozen=True, slots=True)
class Option:
    """What a field may hold: a number from ``low`` to ``high``, a text of at least ``low`` characters.

    A URL gives seconds in milliseconds, and None as -1 (a text: as nothing).
    """

    key: str
    unit: Unit
    nullable: bool = False
    low: float = 0
    high: float = _INT_MAX

    def check(self, value: object, parameter: str) -> None:
        """Raise ConfigError, naming ``parameter``, unless the field may hold ``value``."""
        if value is None and self.nullable:
            return
        kinds: dict[Unit, type | tuple[type, ...]] = {
            "flag": bool,
            "integer": int,
            "text": str,
            "policy": LoadBalancing,
        }
        kind = kinds.get(self.unit, (int, float))
        if not isinstance(value, kind) or (isinstance(value, bool) and self.unit != "flag"):
            wanted = {"flag": "a bool", "integer": "an int", "text": "a str", "policy": "a LoadBalancing"}
            none = " or None" if self.nullable else ""
            raise ConfigError(
                f"{parameter} is {wanted.get(self.unit, 'a number')}{none}, not {type(value).__name__}",
                parameter=parameter,
            )
        if isinstance(value, str) and len(value) < self.low:
            raise ConfigError(f"{parameter} is empty", parameter=parameter)
        if isinstance(value, int | float) and not (isfinite(value) and self.low <= value <= self.high):
            raise ConfigError(f"{parameter} is {self.low:.15g} to {self.high:.15g}, not {value}", parameter=parameter)


def _option(default: Any, key: str, unit: Unit, *, nullable: bool = False, low: float = 0, high: float = 0) -> Any:
    high = high or (_SECONDS_MAX if unit == "seconds" else _INT_MAX)
    return field(default=default, metadata={"option": Option(key, unit, nullable, low, high)})


def option_of(of: Field[Any]) -> Option | None:
    """The option that a field is, if it can stand on a URL."""
    return of.metadata.get("option")


def _check(config: ClientConfig | Endpoint) -> None:
    for each in fields(config):
        if (option := option_of(each)) is not None:
            option.check(getattr(config, each.name), each.name)


def _describe(config: ClientConfig | Endpoint) -> str:
    shown: list[str] = []
    for each in fields(config):
        value = getattr(config, each.name)
        if each.repr and value != each.default:
            shown.append(f"{each.name}={'***' if 'password' in each.name else value!r}")
    return f"{type(config).__name__}({', '.join(shown)})"


_A_MILLISECOND: Final = 0.001


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Endpoint:
    """Where to dial: what Artemis calls a connector. Raises ConfigError for values out of range."""

    host: str = "localhost"
    port: int = 61616
    name: str | None = _option(None, "name", "text", nullable=True, low=1)
    connect_timeout_s: float | None = _option(  #: None: connection_ttl_s
        None, "connect-timeout-millis", "seconds", nullable=True, low=_A_MILLISECOND
    )
    local_address: str | None = _option(None, "localAddress", "text", nullable=True, low=1)
    local_port: int = _option(0, "localPort", "integer", high=65_535)
    tcp_no_delay: bool = _option(True, "tcpNoDelay", "flag")
    tcp_send_buffer_bytes: int = _option(1_048_576, "tcpSendBufferSize", "integer", low=1)
    tcp_receive_buffer_bytes: int = _option(1_048_576, "tcpReceiveBufferSize", "integer", low=1)
    #: Parameters that a broker announced and this version does not know. They are on no URL.
    extra: Mapping[str, str] = field(default_factory=dict[str, str], repr=False, hash=False)

    def __post_init__(self) -> None:
        _check(self)
        Option("host", "text").check(self.host, "host")
        Option("port", "integer", low=1, high=65_535).check(self.port, "port")
        if not self.host or not _HOST_STOPS.isdisjoint(self.host):
            raise ConfigError(f"{self.host!r} is no host", parameter="host")

    def __repr__(self) -> str:
        return _describe(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """A group of the network in which brokers announce themselves. Asking a client for it is refused (``NOT_BUILT``)."""

    group_address: str
    group_port: int
    refresh_timeout_s: float = 10.0
    initial_wait_timeout_s: float = 10.0
    local_bind_address: str | None = None
    local_bind_port: int = -1


_RESILIENT: Final[dict[str, object]] = {
    "ha": True,
    "reconnect_attempts": None,
    "confirmation_window_bytes": 1_048_576,
    "retry_interval_s": 0.1,
    "retry_interval_multiplier": 2.0,
    "retry_interval_s_max": 2.0,
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ClientConfig:
    """Everything a URL can say. None is Artemis' -1: no limit, or off. Names: the URL's, in snake case, with the unit.

    Raises ConfigError for a value of a wrong type or out of range. ``resilient`` sets the fields that it is short for, unless
    they are given; a field equal to its default counts as not given, unless it is named in ``explicit``, as a URL does.
    """

    endpoints: tuple[Endpoint, ...] = (Endpoint(),)
    user: str | None = _option(None, "user", "text", nullable=True)
    password: str | None = _option(None, "password", "text", nullable=True)
    client_id: str | None = _option(None, "clientID", "text", nullable=True, low=1)
    enable_shared_client_id: bool = _option(False, "enableSharedClientID", "flag")
    # failure, reconnection, failover
    ha: bool = _option(False, "ha", "flag")
    reconnect_attempts: int | None = _option(0, "reconnectAttempts", "integer", nullable=True)
    failover_attempts: int | None = _option(0, "failoverAttempts", "integer", nullable=True)
    initial_connect_attempts: int | None = _option(1, "initialConnectAttempts", "integer", nullable=True)
    retry_interval_s: float = _option(2.0, "retryInterval", "seconds", low=_A_MILLISECOND)
    retry_interval_multiplier: float = _option(1.0, "retryIntervalMultiplier", "number", low=0.001)
    retry_interval_s_max: float = _option(2.0, "maxRetryInterval", "seconds", low=_A_MILLISECOND)
    client_failure_check_period_s: float | None = _option(  #: blocking world: None
        30.0, "clientFailureCheckPeriod", "seconds", nullable=True, low=_A_MILLISECOND
    )
    connection_ttl_s: float | None = _option(  #: blocking world: None; with a window 600
        60.0, "connectionTTL", "seconds", nullable=True, low=_A_MILLISECOND
    )
    call_timeout_s: float = _option(30.0, "callTimeout", "seconds", low=_A_MILLISECOND)
    call_failover_timeout_s: float | None = _option(30.0, "callFailoverTimeout", "seconds", nullable=True)
    confirmation_window_bytes: int | None = _option(None, "confirmationWindowSize", "integer", nullable=True, low=1)
    use_topology_for_load_balancing: bool = _option(True, "useTopologyForLoadBalancing", "flag")
    load_balancing: LoadBalancing = _option(  # noqa: RUF009  # it is a field, as the others
        LoadBalancing.ROUND_ROBIN, "connectionLoadBalancingPolicyClassName", "policy"
    )
    # sending
    block_on_durable_send: bool = _option(True, "blockOnDurableSend", "flag")
    block_on_non_durable_send: bool = _option(False, "blockOnNonDurableSend", "flag")
    producer_window_bytes: int | None = _option(65_536, "producerWindowSize", "integer", nullable=True, low=1)
    large_message_bytes_min: int = _option(102_400, "minLargeMessageSize", "integer", low=1)
    auto_group: bool = _option(False, "autoGroup", "flag")
    group_id: str | None = _option(None, "groupID", "text", nullable=True, low=1)
    # receiving
    block_on_acknowledge: bool = _option(False, "blockOnAcknowledge", "flag")
    pre_acknowledge: bool = _option(False, "preAcknowledge", "flag")
    dups_ok_batch_bytes: int = _option(1_048_576, "dupsOKBatchSize", "integer")
    transaction_batch_bytes: int = _option(1_048_576, "transactionBatchSize", "integer")
    consumer_window_bytes: int | None = _option(1_048_576, "consumerWindowSize", "integer", nullable=True)
    on_message_close_timeout_s: float | None = _option(10.0, "onMessageCloseTimeout", "seconds", nullable=True)
    # ours
    resilient: bool = _option(False, "resilient", "flag")
    #: Bytes kept for replay; senders wait beyond it.
    resend_bytes_max: int = _option(67_108_864, "maxResendSize", "integer", low=1, high=_LONG_MAX)
    #: Names of fields that count as given although they equal their default.
    explicit: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    def __post_init__(self) -> None:
        _check(self)
        if not self.endpoints:
            raise ConfigError("a client needs an endpoint", parameter="endpoints")
        if unknown := self.explicit - {each.name for each in fields(self)}:
            raise ConfigError(f"no such fields: {', '.join(sorted(unknown))}", parameter="explicit")
        if self.resilient:
            for name, value in _RESILIENT.items():
                if not self.gives(name):
                    object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return _describe(self)

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
