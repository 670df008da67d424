"""A data folder as a whole: where its journal is, what a pair has set aside in it, and whether a node may serve it alone."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from corewire_server.journal.actions import ASIDE_PREFIX
from corewire_server.journal.format import segment_number
from corewire_server.records import Standing

if TYPE_CHECKING:
    from pathlib import Path

    from corewire_server.records import Mark
    from corewire_server.runtime.files import Folder

log = logging.getLogger("corewire.broker")

JOURNAL_FOLDER: Final = "journal"


def is_aside(data: Path) -> bool:
    """Whether this is no data folder but a journal that a node of a pair has set aside."""
    named = data.absolute().name.startswith(ASIDE_PREFIX)
    return named and data.is_dir() and any(segment_number(file.name) is not None for file in data.iterdir())


def journal_of(data: Path) -> Path:
    """Where the journal of a data folder is."""
    return data if is_aside(data) else data / JOURNAL_FOLDER


def name_asides(folder: Folder) -> None:
    """Say what lies beside the journal: nothing deletes it but people, and who does not know of it never will."""
    for name in folder.asides():
        path = folder.path.parent / name
        log.warning(
            "%s is data that this node gave up for its peer's; it is not used: look into it with corewire run --data %s, "
            "or delete it",
            path,
            path,
        )


def why_not_alone(mark: Mark | None) -> tuple[str, str] | None:
    """
    Why a journal with this mark must not be served without asking a peer, and what to do then; None: it may.

    Of a pair the other node may have gone on: what lies here would be served although clients know better.
    """
    if mark is None or mark.standing is Standing.ALONE:
        return None
    if mark.standing is Standing.JOINING:
        return (
            f"is of a node of a pair that was joining in epoch {mark.epoch}: it is older than what its peer has, or not whole",
            "start it with its peer, and it joins again: --peer URL",
        )
    return (
        f"is of a node of a pair that was in step in epoch {mark.epoch}: its peer may have gone on without it",
        "start it with its peer: --peer URL; if that one is lost for good, corewire cluster failover then orders this node to serve",
    )
