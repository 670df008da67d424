"""The configuration of a broker: a frozen model, validated once. A field is here when it works."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qsl, urlsplit

from corewire.errors import ConfigError
from corewire_server.node.settings import GateMode

if TYPE_CHECKING:
    from pathlib import Path

    from corewire_server.core.config import CoreConfig
    from corewire_server.journal.writer import JournalSettings
    from corewire_server.node.settings import PairSettings

SEGMENT_BYTES_MIN = 64 * 1024
UNLIMITED = 2**63 - 1
LINK_OFFSET = 100
"""From a node's port for clients to that of its replication link, unless another one is given."""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptorConfig:
    """Where clients connect: ``tcp://host:port``; port 0 takes a free one."""

    name: str = "artemis"
    url: str = "tcp://127.0.0.1:61616"

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "tcp":
            raise ConfigError(
                f"scheme {parts.scheme!r} of {self.url!r} is not served", parameter="url", nearest=("tcp",)
            )
        if parts.query or parts.fragment or parts.path not in ("", "/") or parts.username is not None:
            raise ConfigError(f"{self.url!r}: an acceptor takes tcp://host:port and nothing more", parameter="url")
        try:
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"{self.url!r}: {error}", parameter="url") from error
        if not parts.hostname or port is None:
            raise ConfigError(f"{self.url!r} names no host or no port", parameter="url")

    @property
    def host(self) -> str:
        """The host to listen on, without brackets."""
        return urlsplit(self.url).hostname or ""

    @property
    def bound_host(self) -> str:
        """The host that is really listened on: of a free port it is one address, else it would be free on one only."""
        return "127.0.0.1" if self.host == "localhost" and self.port == 0 else self.host

    @property
    def port(self) -> int:
        """The port to listen on, 0 to 65535; 0 takes a free one."""
        return urlsplit(self.url).port or 0

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        return _is_loopback(self.host)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairConfig:
    """
    The other node of a pair (``ha-policy/replication``): both keep the same, and either can serve.

    ``peer`` is its address for clients, ``tcp://host:port``; its replication link is at that port + 100, or where ``?link=PORT``
    says. Raises ConfigError for what cannot be meant.
    """

    primary: bool  # ``replication/primary`` or ``replication/backup``: who serves first when both folders are empty
    peer: str
    link_port: int | None = None  # of this node's own replication link; None: its port for clients + 100; 0: a free one
    new: bool = False  # an empty folder may serve without asking the peer
    gate: GateMode = GateMode.DISK_AND_BACKUP  # what answers wait for while the backup is in step
    initial_replication_sync_timeout_s: float = 30.0  # how long answers may wait for a joining backup to be in step

    def __post_init__(self) -> None:
        parts = urlsplit(self.peer)
        if parts.scheme != "tcp" or parts.fragment or parts.path not in ("", "/") or parts.username is not None:
            raise ConfigError(f"{self.peer!r}: a peer is tcp://host:port", parameter="peer")
        try:
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"{self.peer!r}: {error}", parameter="peer") from error
        if not parts.hostname or not port:
            raise ConfigError(f"{self.peer!r} names no host or no port", parameter="peer")
        for key, value in parse_qsl(parts.query, keep_blank_values=True):
            if key != "link" or not value.isdecimal():
                raise ConfigError(f"{self.peer!r}: {key}={value}", parameter="peer", nearest=("link=PORT",))
        if not 0 < self.peer_link[1] < 65_536:
            raise ConfigError(
                f"{self.peer!r}: {self.peer_link[1]} is no port",
                parameter="peer",
                hint=f"name the port of its replication link: tcp://{self.peer_address}?link=PORT",
            )
        if self.link_port is not None and not 0 <= self.link_port < 65_536:
            raise ConfigError(f"{self.link_port} is no port", parameter="link_port")
        if self.initial_replication_sync_timeout_s <= 0:
            raise ConfigError("more than 0", parameter="initial_replication_sync_timeout_s")

    @property
    def peer_host(self) -> str:
        """The peer's host, without brackets."""
        return urlsplit(self.peer).hostname or ""

    @property
    def peer_port(self) -> int:
        """The peer's port for clients."""
        return urlsplit(self.peer).port or 0

    @property
    def peer_address(self) -> str:
        """``host:port`` at which clients reach the peer."""
        return address(self.peer_host, self.peer_port)

    @property
    def peer_link(self) -> tuple[str, int]:
        """Host and port of the peer's replication link."""
        said = dict(parse_qsl(urlsplit(self.peer).query)).get("link")
        return self.peer_host, self.peer_port + LINK_OFFSET if said is None else int(said)


def address(host: str, port: int) -> str:
    """``host:port``, with brackets where the host has colons."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who may connect."""

    name: str
    password: str  # plain

    def __post_init__(self) -> None:
        if self.password.startswith("ENC("):
            raise ConfigError(f"user {self.name!r}: masked passwords are not read yet", parameter="password")

    def __repr__(self) -> str:
        return f"User(name={self.name!r}, password='***')"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerConfig:
    """
    What a broker is told before it starts: one field per element of Artemis' ``broker.xml``, in snake case.

    Raises ConfigError for a value that cannot be meant, and for an acceptor that others than this machine can reach while
    anybody may connect, unless ``security_enabled=False`` says that this is wanted. A peer on another machine needs a cluster
    password; without one the replication link is for this machine only.
    """

    name: str = "localhost"
    data: Path | None = None  # the folder of the journal; None: nothing is kept
    acceptors: tuple[AcceptorConfig, ...] = (AcceptorConfig(),)
    security_enabled: bool = True  # False: anybody may connect, from anywhere
    users: tuple[User, ...] = ()  # none: anybody may connect, from this machine
    global_max_bytes: int | None = 536_870_912  # of all messages in memory; beyond it sends are refused; None: no limit
    journal_file_bytes: int = 10 * 1024 * 1024  # of one segment; the largest record is a little smaller
    journal_compact_min_files: int = 10  # compaction begins with this many segments, 0: never
    journal_compact_percentage: int = 30  # and when less than this share of their records is live, 0 to 100
    ha_policy: PairConfig | None = None  # None: this node is alone
    cluster_user: str = ""
    cluster_password: str = field(default="", repr=False)  # of the replication link, equal on both nodes

    def __post_init__(self) -> None:
        if not self.acceptors:
            raise ConfigError("a broker needs an acceptor", parameter="acceptors")
        names = [user.name for user in self.users]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"user {name!r} is given twice", parameter="users")
        if self.global_max_bytes is not None and self.global_max_bytes < 1:
            raise ConfigError("at least 1", parameter="global_max_bytes")
        if not SEGMENT_BYTES_MIN <= self.journal_file_bytes < 2**31:
            raise ConfigError(f"{SEGMENT_BYTES_MIN} to {2**31 - 1}", parameter="journal_file_bytes")
        if self.journal_compact_min_files < 0:
            raise ConfigError("0 or more", parameter="journal_compact_min_files")
        if not 0 <= self.journal_compact_percentage <= 100:
            raise ConfigError("0 to 100", parameter="journal_compact_percentage")
        self._refuse_open_doors()
        self._refuse_contradictions()

    def _refuse_open_doors(self) -> None:
        if self.users or not self.security_enabled:
            return
        for acceptor in self.acceptors:
            if not acceptor.loopback:
                raise ConfigError(
                    f"{acceptor.url} can be reached from other machines and anybody could connect",
                    parameter="acceptors",
                    hint="give users and passwords, or say that anybody may connect: --anonymous (security_enabled=False)",
                )

    def _refuse_contradictions(self) -> None:
        pair = self.ha_policy
        if self.cluster_user and not self.cluster_password:
            raise ConfigError("a cluster user needs a cluster password", parameter="cluster_user")
        if pair is None:
            if self.cluster_password:
                raise ConfigError("a cluster password is for a node with a peer", parameter="cluster_password")
            return
        own = self.acceptors[0]
        if (own.host, own.port) == (pair.peer_host, pair.peer_port):
            raise ConfigError(f"{pair.peer} is this node itself", parameter="peer")
        if self.link_port in [acceptor.port for acceptor in self.acceptors if acceptor.port]:
            raise ConfigError(f"clients come in at port {self.link_port}", parameter="link_port")
        if self.link_port > 65_535:
            raise ConfigError(
                f"{self.link_port} is no port", parameter="link_port", hint="name another one: --link PORT"
            )
        if not self.cluster_password and not _is_loopback(pair.peer_host):
            raise ConfigError(
                f"{pair.peer} is another machine, and anybody could say that it is the peer",
                parameter="cluster_password",
                hint="give both nodes the same password: --cluster-password-file FILE",
            )

    @property
    def link_port(self) -> int:
        """The port of this node's replication link; 0 takes a free one."""
        given = None if self.ha_policy is None else self.ha_policy.link_port
        port = self.acceptors[0].port
        return given if given is not None else port + LINK_OFFSET if port else 0

    def for_pair(self, client_address: str, link_address: str) -> PairSettings:
        """Return what of it is the node's that has a peer. The addresses are those really bound, ``host:port``."""
        from corewire_server.core.machine import machine_digest
        from corewire_server.node.settings import PairSettings
        from corewire_server.replication.hello import cluster_key, sealed

        assert self.ha_policy is not None
        return PairSettings(
            configured_primary=self.ha_policy.primary,
            client_address=client_address,
            link_address=link_address,
            peer_address=address(*self.ha_policy.peer_link),
            cluster_user=self.cluster_user,
            cluster_password=self.cluster_password,
            gate=self.ha_policy.gate,
            new=self.ha_policy.new,
            machine=sealed(cluster_key(self.cluster_user, self.cluster_password), machine_digest(self.for_core())),
            sync_timeout_ms=int(self.ha_policy.initial_replication_sync_timeout_s * 1000),
        )

    def for_core(self, seed: bytes = b"") -> CoreConfig:
        """Return what of it is the core's. The node id derives from ``seed``, random bytes that are kept with the data."""
        from corewire_server.core.config import CoreConfig, Limits

        users = {user.name: user.password for user in self.users} if self.security_enabled else {}
        record_bytes_max = self.for_journal().body_bytes_max
        memory_bytes_max = UNLIMITED if self.global_max_bytes is None else self.global_max_bytes
        limits = Limits(memory_bytes_max=memory_bytes_max, record_bytes_max=record_bytes_max)
        return CoreConfig(node_seed=seed, users=users, limits=limits)

    def for_journal(self) -> JournalSettings:
        """Return what of it is the journal's."""
        from corewire_server.journal.writer import JournalSettings

        return JournalSettings(
            segment_bytes=self.journal_file_bytes,
            compact_min_segments=self.journal_compact_min_files,
            compact_percent=self.journal_compact_percentage,
        )

    @classmethod
    def for_tests(cls, data: Path | None = None) -> Self:
        """Make one for tests: a free port on loopback, anybody may connect."""
        return cls(data=data, acceptors=(AcceptorConfig(url="tcp://127.0.0.1:0"),), security_enabled=False)
