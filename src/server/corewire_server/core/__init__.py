"""
The broker core: a deterministic state machine without I/O, clock, threads or entropy.

How it is driven::

    broker = Broker(CoreConfig(node_seed=seed_kept_with_the_data))
    broker.recover(records)                      # what the journal kept, in order; nothing for a new broker
    effects = broker.step(now_ms, LinkOpened(link, "127.0.0.1:50312"))
    effects = broker.step(now_ms, BytesReceived(link, data))
    wake_at = broker.next_timeout()              # then broker.step(now_ms, Timeout()); early, late or twice is harmless
    effects = broker.step(now_ms, LinkBlocked(link, blocked=True))   # a client does not take what is written
    effects = broker.step(now_ms, RoomChanged(room=False))           # the journal has no room for another segment
    effects = broker.step(now_ms, Stopping())    # goodbyes on all links
    effects = broker.step(now_ms, Announced("a:61616", "b:61616"))   # where clients reach the pair
    effects = broker.step(now_ms, Promoted(epoch))                   # a backup serves from now on

A node that joins is given ``broker.snapshot()``, and writes ``records()`` of its copy into its own new journal::

    restorer = Restorer(config)
    restorer.feed(part)                          # as the slices come
    copy = restorer.finish()                     # goes on with the next input

``now_ms`` never runs backwards; after a pause, hand over what lies in sockets before a Timeout. Effects are performed in
order. There is at most one ``Append`` per step, and everything after it is visible to others, so it waits until its records
are on disk (``node/gate.py``).
"""

from corewire_server.core.broker import Broker, Restorer
from corewire_server.core.config import AddressSettings, CoreConfig, Limits
from corewire_server.core.machine import machine_digest

__all__ = ["AddressSettings", "Broker", "CoreConfig", "Limits", "Restorer", "machine_digest"]
