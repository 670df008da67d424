"""What a broker core is told once, before its first input."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MIB = 1 << 20

NODE_ID_PREFIX = "636f7265-7769-8"
"""Node ids of our brokers begin so ("corewi", UUID version 8): clients know by it that refused commands are counted."""


def node_id_from(seed: bytes) -> str:
    """The node id for a seed: a UUID of version 8 (RFC 9562) that begins with ``NODE_ID_PREFIX``."""
    digest = sha256(b"corewire node" + seed).hexdigest()
    variant = "89ab"[int(digest[3], 16) & 3]
    return f"{NODE_ID_PREFIX}{digest[:3]}-{variant}{digest[4:7]}-{digest[7:19]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a peer can make grow, and how far."""

    frame_before_login_bytes_max: int = 65_536
    frame_bytes_max: int = 16 * MIB
    memory_bytes_max: int = 512 * MIB  # messages of the whole broker; then credits are withheld, sends refused with 210
    record_bytes_max: int = 10 * MIB - 4096  # the largest body of a record that the journal takes
    resend_pause_bytes: int = 16 * MIB  # unconfirmed bytes of a session: its deliveries pause; more for larger windows
    resend_bytes_max: int = 64 * MIB  # unconfirmed bytes of one session: it is closed
    detached_after_silence_ms_min: int = 10_000  # sessions of a client that fell silent wait for its TTL, and this long
    detached_ms_max: int = 3_600_000  # however long the TTL is that a client wants
    detached_without_ttl_ms: int = 60_000  # how long a lost link's sessions wait when the client's TTL is -1
    strings_max: int = 10_000  # entries of each cache of peer-given strings
    links_max: int = 10_000
    sessions_max: int = 10_000
    consumers_per_session_max: int = 10_000
    interest_chars_max: int = (
        4 * MIB
    )  # of all filters, each of which takes 50 bytes a character; a consumer counts as 64
    metadata_per_session_max: int = 100
    metadata_chars_max: int = 65_536  # of all of a session, keys and values
    pattern_words_max: int = 64  # of an address with wildcards
    name_chars_max: int = 4_096  # of an address, a queue, a session, a user
    waiting_requests_per_session_max: int = 1_000  # withheld credit requests
    addresses_max: int = 100_000
    queues_max: int = 100_000
    async_gaps_max: int = 1_000  # correlation ids remembered as not seen yet, per session
    deliveries_per_turn_max: int = 1_000  # of one queue in one step, 4 KiB counting as one more; the rest follows
    answers_per_step_bytes_max: int = 64 * MIB  # to one read of one link, which is closed beyond
    expired_per_turn_max: int = 2_000  # messages that the clock takes in one step
    examined_per_turn_max: int = 2_000  # messages that filters look at for one queue in one step, 4 KiB as one more

    def pause_bytes(self, window_bytes: int | None) -> int:
        """
        Unconfirmed bytes with which the deliveries of a session pause that has this confirmation window.

        Its client confirms when it has read as much as its window; with a pause before that it would stand until its next
        ping. Up to three quarters of what closes a session: a frame more must not.
        """
        enough = 0 if window_bytes is None else window_bytes + window_bytes // 8
        return max(self.resend_pause_bytes, min(enough, self.resend_bytes_max * 3 // 4))

    @property
    def message_bytes_max(self) -> int:
        """The largest message: a copy of it that says where it comes from still fits a record."""
        return self.record_bytes_max - min(65_536, self.record_bytes_max // 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSettings:
    """What holds for every address (the names are Artemis')."""

    auto_create_addresses: bool = True
    auto_create_queues: bool = True
    auto_delete_addresses: bool = True
    auto_delete_queues: bool = True  # those that a send or a consumer made
    auto_delete_created_queues: bool = False
    auto_delete_queues_delay_ms: int = 0
    auto_delete_addresses_delay_ms: int = 0
    max_delivery_attempts: int = 10  # -1: without limit
    dead_letter_address: str | None = (
        "DLQ"  # made, with a queue of that name, when first needed; None: they are dropped
    )
    expiry_address: str | None = None  # likewise
    default_consumer_window_bytes: int = MIB
    default_max_consumers: int = -1
    default_purge_on_no_consumers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreConfig:
    """
    All that a core must be given, because it has no entropy and no clock of its own.

    ``node_seed`` are random bytes that the runtime drew once and keeps with the data: the node id derives from them. ``users``
    maps names to passwords; with none, any user is accepted (who may connect at all is then the runtime's decision).
    """

    node_seed: bytes
    users: Mapping[str, str] = field(default_factory=dict[str, str])
    connection_ttl_ms: int = 60_000  # until a client's first PING sets its own; -1: none
    connection_ttl_override_ms: int | None = None  # if set, PINGs do not change the TTL
    handshake_timeout_ms: int = 10_000
    tick_ms: int = 2_000  # how often TTLs are judged and confirmations flushed
    reap_ms: int = 30_000  # how often unused auto-created queues and addresses are looked for
    id_cache_size: int = 20_000  # duplicate ids remembered per address; 0: no duplicate detection
    wildcards: bool = True  # `*` and `#` in the addresses of queues
    addresses: AddressSettings = field(default_factory=AddressSettings)
    limits: Limits = field(default_factory=Limits)

    @property
    def node_id(self) -> str:
        """The UUID of this broker, as clients see it."""
        return node_id_from(self.node_seed)
