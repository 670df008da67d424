"""Addresses, queues and duplicate ids after whatever was done with them: a restart, through a journal that compacts, finds what was there."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from tests.server.disk_world import DiskWorld
from tests.server.machine import small

from corewire.wire import packets
from corewire_server.core.inputs import Timeout
from corewire_server.simulator.disk import Disk

if TYPE_CHECKING:
    from tests.server.helpers import Session

    from corewire.values import PropertyValue
    from corewire_server.core.store import Store

SETTINGS = small(4096, compact=2, percent=100)
NAMES = ("a", "b", "c")


def durable(store: Store) -> object:
    """What must survive, in an order of its own."""
    queues = {
        name: (
            queue.address.name,
            queue.id,
            queue.config,
            [(ref.id, ref.deliveries) for ref in queue.waiting if ref.kept],
        )
        for name, queue in store.queues.items()
        if queue.keeps
    }
    addresses = {
        address.name: (sorted(address.routing_types), address.auto_created)
        for address in store.addresses
        if not address.temporary
    }
    duplicates = {
        name: list(zip(seen.keys(), seen.records(), strict=True))
        for name, seen in store.duplicates.items()
        if name in addresses and seen.keys()
    }
    return queues, addresses, duplicates


def act(session: Session, rng: Random) -> None:
    """Something a client can do to names; refusals are answers, too."""
    address, queue = rng.choice(NAMES), f"q{rng.randrange(5)}"
    routing_type = rng.randrange(2)
    match rng.randrange(7):
        case 0:
            session.ask(packets.CreateAddress(address, rng.choice([[0], [1], [0, 1]]), requires_response=True))
        case 1 | 2:
            session.ask(
                packets.CreateQueueV2(
                    address,
                    queue,
                    routing_type=routing_type,
                    durable=rng.random() < 0.6,
                    temporary=rng.random() < 0.4,
                    auto_created=rng.random() < 0.5,
                    requires_response=True,
                )
            )
        case 3:
            session.ask(
                packets.CreateSharedQueueV2(
                    address, queue, durable=rng.random() < 0.5, routing_type=0, requires_response=True
                )
            )
        case 4:
            session.ask(packets.DeleteQueue(queue))
        case _:
            values: dict[str, PropertyValue] = {"_AMQ_DUPL_ID": str(rng.randrange(20))}
            session.publish(address, "m", durable=True, properties=values)


@pytest.mark.parametrize("seed", range(40))
def test_names_come_back_as_they_were(seed: int) -> None:
    rng = Random(seed)
    world = DiskWorld(Disk(rng), SETTINGS)
    for _ in range(6):
        client = world.connect()
        session = client.session()
        for _ in range(rng.randrange(1, 30)):
            act(session, rng)
        client.lose()
        world.step(Timeout())  # and have it written
        again = DiskWorld(world.disk, SETTINGS)
        assert durable(again.broker.state.store) == durable(world.broker.state.store)
        world = again
