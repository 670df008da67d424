"""The door of the core: ``Broker.step(now, input) -> effects``."""

from __future__ import annotations

from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, Self, assert_never

from corewire_server.core import (
    announcing,
    closing,
    connecting,
    dispatch,
    durable,
    housekeeping,
    plain,
    restoring,
)
from corewire_server.core.commands import sessions
from corewire_server.core.config import CoreConfig
from corewire_server.core.delivery import deliver_all
from corewire_server.core.effects import Append, CloseLink, Effect, SendBytes
from corewire_server.core.effects_digest import EffectsDigest
from corewire_server.core.inputs import (
    Announced,
    BytesReceived,
    LinkBlocked,
    LinkClosed,
    LinkOpened,
    Promoted,
    RoomChanged,
    Stopping,
    Timeout,
)
from corewire_server.core.recovery import Recovery
from corewire_server.core.snapshot import EFFECTS, Snapshot
from corewire_server.core.snapshot_form import sliced, table
from corewire_server.core.state import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from corewire_server.config import BrokerConfig
    from corewire_server.core.inputs import Input
    from corewire_server.core.link import Link
    from corewire_server.records import Record


class Broker:
    """
    One broker, deciding only: the same inputs give the same effects, on any machine.

    ``recover`` first, if there are records; then ``step`` per input. After each step its effects are performed in order.
    """

    def __init__(self, config: BrokerConfig | CoreConfig) -> None:
        self.state = State(config if isinstance(config, CoreConfig) else config.for_core())
        self._effects_digest = EffectsDigest()

    @property
    def node_id(self) -> str:
        """The UUID of this broker, as clients see it."""
        return self.state.node_id

    @property
    def pledged_bytes(self) -> int:
        """What the journal must have room for, beyond what was appended, because open transactions may commit it."""
        return self.state.pledged_bytes

    def recover(self, records: Iterable[Record]) -> None:
        """Take what a journal kept, in order, before the first step. Raises ValueError for a record that cannot be read."""
        Recovery(self.state.store).load(records)

    def records(self) -> Iterator[Record]:
        """
        Say again what was appended and still counts: ``recover`` of these is ``recover`` of all that was ever appended.

        Taken at the call, made as they are read, while the broker may go on. Records of later steps go behind the last of
        these.
        """
        return durable.records_of(self.state)

    def step(self, now: int, item: Input) -> list[Effect]:
        """
        Take one input. ``now``: milliseconds since the epoch, never less than before.

        Whatever a link's input raises ends that link only; MemoryError is passed on, and the node stops.
        """
        state = self.state
        state.now = max(now, state.now)
        match item:
            case BytesReceived():
                link = state.links.get(item.link)
                if link is not None and link.alive:
                    self._guard(link, item.data)
            case LinkOpened():
                housekeeping.open_link(state, item.link, item.remote)
            case LinkClosed():
                link = state.links.get(item.link)
                if link is not None:
                    closing.lose_link(state, link)
            case Timeout():
                housekeeping.run(state)
            case Stopping():
                housekeeping.say_goodbye(state)
            case RoomChanged():
                state.room = item.room
            case LinkBlocked():
                housekeeping.block_link(state, item.link, blocked=item.blocked)
            case Promoted():
                housekeeping.take_over(state, item.epoch)
            case Announced():
                announcing.announce(state, item.live, item.backup)
            case _:
                assert_never(item)
        if state.dirty:
            deliver_all(state)
        if state.starved and not state.full:
            sessions.grant_withheld(state)
        if state.next_tick is None or not state.links:
            housekeeping.schedule(state)
        effects = self._effects()
        self._effects_digest.add(effects)
        return effects

    def next_timeout(self) -> int | None:
        """When the Timeout input is wanted, in milliseconds since the epoch; now, if work is left; None: not at all."""
        return housekeeping.next_timeout(self.state)

    # -- comparing and copying ---------------------------------------------------------------------------------------

    @property
    def effects_digest(self) -> bytes:
        """Number of steps and checksum of all their effects: cheap, and equal on nodes that were fed the same inputs."""
        return bytes(self._effects_digest)

    def digest(self) -> bytes:
        """One hash over everything that can influence a later step."""
        sums = sha256()
        for entry in Snapshot(self.state).entries():
            sums.update(entry)
        return sums.digest()

    def snapshot(self) -> Iterator[bytes]:
        """
        The whole volatile state between two steps, in slices of 64 KiB: taken at the call, encoded as it is read.

        The broker may go on meanwhile: what was taken does not change any more.
        """
        digest = self._effects_digest
        end: dict[str, plain.Plain] = {"table": EFFECTS, "steps": digest.steps, "checksum": digest.checksum}
        return sliced(chain(Snapshot(self.state).entries(), (table(end),)))

    @staticmethod
    def restore(config: BrokerConfig | CoreConfig, snapshot: Iterable[bytes]) -> Broker:
        """Make the broker that a snapshot was taken of; the configuration is not in it. Raises ValueError if it is no snapshot."""
        restorer = Restorer(config)
        for part in snapshot:
            restorer.feed(part)
        return restorer.finish()

    @classmethod
    def of_snapshot(cls, state: State, digest: EffectsDigest) -> Self:
        """For ``Restorer`` only: go on from here."""
        broker = cls(state.config)
        broker.state, broker._effects_digest = state, digest
        return broker

    def _guard(self, link: Link, data: bytes) -> None:
        state = self.state
        kind = None
        state.answers_bytes = 0
        try:
            for kind, channel, run in link.connection.receive_runs(state.now / 1000, data):
                session = link.sessions.get(channel)
                if session is not None:
                    if session.early is None:
                        dispatch.HOT.get(kind, dispatch.on_commands)(state, session, run)
                    else:
                        dispatch.on_first_frames(state, session, kind, run)
                elif channel <= connecting.SESSIONS:
                    connecting.on_connection_frames(state, link, channel, kind, run)
                if not link.alive:
                    break
                kind = None
        except MemoryError:
            raise
        except Exception as problem:  # noqa: BLE001 - the same on every node, so that no frame can kill two of them
            dispatch.fail(state, link, kind, problem)
            return
        if link.alive:
            if link.version < 130:  # such clients complete unblocked sends from confirmations alone
                for session in link.sessions.values():
                    session.channel.flush()
            state.wrote(link)

    def _effects(self) -> list[Effect]:
        state = self.state
        effects: list[Effect] = []
        if state.logs:
            effects += state.logs
            state.logs = []
        store = state.store
        if store.records:
            effects.append(Append(tuple(store.records)))
            store.records.clear()
        for link in state.written:
            link.has_output = False
            chunks = link.connection.data_to_send()
            if chunks:
                effects.append(SendBytes(link.number, chunks[0] if len(chunks) == 1 else b"".join(chunks)))
        state.written.clear()
        if state.closing:
            effects += (CloseLink(number) for number in state.closing)
            state.closing.clear()
        return effects


class Restorer:
    """
    Makes the broker of a snapshot, slice by slice. After a ValueError it is of no use.

    Slices may be cut anywhere. The work of a call depends on its slice only.
    """

    def __init__(self, config: BrokerConfig | CoreConfig) -> None:
        self._loader = restoring.Loader(config if isinstance(config, CoreConfig) else config.for_core())

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the snapshot. Raises ValueError if it is none."""
        self._loader.feed(data)

    def finish(self) -> Broker:
        """There it is. Raises ValueError if the snapshot is not whole."""
        loader = self._loader
        if loader.effects is None or not loader.clean:
            raise ValueError("the snapshot breaks off")
        return Broker.of_snapshot(loader.state, EffectsDigest(*loader.effects))
