"""The configuration of a broker: a frozen model, validated once. A field is here when it works."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from corewire.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from corewire_server.core.config import CoreConfig
    from corewire_server.journal.writer import JournalSettings

SEGMENT_BYTES_MIN = 64 * 1024
UNLIMITED = 2**63 - 1


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
    def port(self) -> int:
        """The port to listen on, 0 to 65535; 0 takes a free one."""
        return urlsplit(self.url).port or 0

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


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
    anybody may connect, unless ``security_enabled=False`` says that this is wanted.
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
