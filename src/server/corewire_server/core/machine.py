"""Whether two nodes decide alike: a hash of all that their decisions depend on beside the inputs."""

from __future__ import annotations

import sys
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, cast

from corewire_server.core import plain

if TYPE_CHECKING:
    from corewire_server.core.config import CoreConfig

COMPILED: Final = not __file__.endswith(".py")
"""Whether this core is machine code (``scripts/compile_engine.py``)."""

MACHINE_VERSION: Final = 5
"""
Raise it with every change after which the same inputs give other effects or another state, or a snapshot another form: a new
input or its bytes, another answer, another limit or order, another log line. The core counts, and the engine's halves of a
link and a session. What only is faster keeps it.
"""


def machine_digest(config: CoreConfig) -> bytes:
    """
    32 bytes, equal on two nodes that may run the same inputs: versions and configuration, all but the node's seed.

    Python's version is in it, because texts of its errors reach clients and what counts as a letter changes with Unicode; and
    whether this is compiled, because some of those texts are others there.
    Passwords of users are in it, so guesses can be tried against it: show it to nobody who has not proved himself.
    """
    table = asdict(config)
    del table["node_seed"]
    table["users"] = dict(sorted(config.users.items()))
    values = [MACHINE_VERSION, version("corewire"), sys.implementation.name, *sys.version_info[:2], COMPILED, table]
    return sha256(plain.encode(cast("plain.Plain", values))).digest()
