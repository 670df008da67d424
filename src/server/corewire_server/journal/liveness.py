"""
Which records still count, and in which segment each lies.

A *place* is ``segment << 48 | ordinal``. The index holds the places of everything that a restart would have to bring back: for
each id its ADD and UPDATEs, for each open transaction its records. It is fed with every record in the order of the log, when
it is written and when it is read again, so both see the same. Segments are counted down as their records die; the oldest
segments without live records are not needed any more, because whatever takes a record back lies behind it. One thing could
lie before it: a DELETE in an open transaction, when compaction then writes the ADD again, and the COMMIT comes last. Such a
DELETE stays live as a *tombstone*, until compaction writes it again, too.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from corewire_server.records import Op, Record

ORDINAL_BITS: Final = 48
ORDINAL_MASK: Final = (1 << ORDINAL_BITS) - 1
_UNSEEN: Final = -1  # stands for an ADD that was not read yet: its copy comes later in the log

_ADD: Final = int(Op.ADD)
_UPDATE: Final = int(Op.UPDATE)
_DELETE: Final = int(Op.DELETE)
_PREPARE: Final = int(Op.PREPARE)
_COMMIT: Final = int(Op.COMMIT)

Entry: TypeAlias = "tuple[int, int, int]"
"""A record of an open transaction: op, id, place."""


class Segment:
    """One file of the journal, and how much of it is live."""

    __slots__ = ("file_bytes", "live", "number", "records", "salt", "used")

    def __init__(self, number: int, file_bytes: int, salt: int, used: int) -> None:
        self.number = number
        self.file_bytes = file_bytes
        self.salt = salt
        self.used = used  # bytes, up to the end of its last batch
        self.records = 0
        self.live = 0


class Liveness:
    """The index. ``segments`` are in order; the last is the one that is written."""

    def __init__(self) -> None:
        self.segments: dict[int, Segment] = {}
        self.live: dict[int, int | list[int]] = {}  # id -> place of its ADD, or a list: that and those of its UPDATEs
        self.open: dict[int, dict[int, Entry]] = {}  # transaction -> ordinal -> record; its PREPARE is one of them
        self.tombstones: dict[int, int] = {}  # ordinal -> place
        self.replayed: dict[int, Record] | None = None  # while the log is read: the records that live, by ordinal

    # -- a new record

    def apply(self, op: int, record_id: int, tx: int, place: int) -> None:
        """A record was appended at ``place``."""
        segment = self.segments[place >> ORDINAL_BITS]
        segment.records += 1
        if tx or op == _PREPARE:
            segment.live += 1
            self.open.setdefault(tx or record_id, {})[place & ORDINAL_MASK] = (op, record_id, place)
        elif op <= _UPDATE:
            segment.live += 1
            self._keep(op, record_id, place)
        elif op == _DELETE:
            self._delete(record_id)
        else:
            self._resolve(record_id, committed=op == _COMMIT)

    def _keep(self, op: int, record_id: int, place: int) -> None:
        known = self.live.get(record_id)
        if op == _ADD:
            if known is not None:
                self._delete(record_id)
            self.live[record_id] = place
        elif isinstance(known, list):
            known.append(place)
        elif known is not None:
            self.live[record_id] = [known, place]
        elif self.replayed is not None:
            self.live[record_id] = [_UNSEEN, place]
        else:
            self._died(place)  # it says more about something that is gone

    def _delete(self, record_id: int) -> None:
        known = self.live.pop(record_id, None)
        if known is None:
            return
        if isinstance(known, list):
            for place in known:
                self._died(place)
        else:
            self._died(known)

    def _died(self, place: int) -> None:
        if place != _UNSEEN:
            self.segments[place >> ORDINAL_BITS].live -= 1
            if self.replayed is not None:
                del self.replayed[place & ORDINAL_MASK]

    def _resolve(self, tx: int, *, committed: bool) -> None:
        for op, record_id, place in self.open.pop(tx, {}).values():
            if committed and op <= _UPDATE:
                self._keep(op, record_id, place)
            elif committed and op == _DELETE:
                self._delete_committed(record_id, place)
            else:
                self._died(place)

    def _delete_committed(self, record_id: int, place: int) -> None:
        known = self.live.get(record_id, _UNSEEN)
        added = known[0] if isinstance(known, list) else known
        self._delete(record_id)
        self._died(place)
        if added >> ORDINAL_BITS > place >> ORDINAL_BITS:
            self.tombstones[place & ORDINAL_MASK] = place
            self.segments[place >> ORDINAL_BITS].live += 1

    # -- a record that compaction writes again

    def find(self, op: int, record_id: int, tx: int, place: int) -> int | None:
        """The transaction that the record at ``place`` is in by now, 0: none. None: it does not count any more."""
        if place & ORDINAL_MASK in self.tombstones:
            return 0
        entries = self.open.get(tx or (record_id if op == _PREPARE else 0))
        if entries is not None and place & ORDINAL_MASK in entries:
            return tx if entries[place & ORDINAL_MASK][2] == place else None
        known = self.live.get(record_id)
        if known == place or (isinstance(known, list) and place in known):
            return 0
        return None

    def move(self, op: int, record_id: int, tx: int, old: int, new: int) -> None:
        """The record at ``old``, found to be in ``tx``, was written again at ``new``, with its ordinal."""
        self.segments[old >> ORDINAL_BITS].live -= 1
        segment = self.segments[new >> ORDINAL_BITS]
        segment.records += 1
        if self.tombstones.pop(new & ORDINAL_MASK, None) is not None:
            return
        segment.live += 1
        if tx or op == _PREPARE:
            self.open[tx or record_id][new & ORDINAL_MASK] = (op, record_id, new)
            return
        known = self.live[record_id]
        if isinstance(known, list):
            known[known.index(old)] = new
        else:
            self.live[record_id] = new

    # -- reading the log again

    def replay(self, ordinal: int, copied: bool, record: Record, segment: int) -> None:
        """A record was read. Of a copy, the original was read before or is gone with its segment."""
        assert self.replayed is not None
        op, record_id, _, _, tx = record
        place = segment << ORDINAL_BITS | ordinal
        if copied and ordinal in self.tombstones:
            self.move(op, record_id, tx, self.tombstones[ordinal], place)
            return
        if copied and ordinal in self.replayed:
            entries = self.open.get(tx or (record_id if op == _PREPARE else 0), {})
            places = self.live.get(record_id, [])
            known = [entries[ordinal][2]] if ordinal in entries else places if isinstance(places, list) else [places]
            self.move(op, record_id, tx, next(one for one in known if one & ORDINAL_MASK == ordinal), place)
            return
        if tx or op <= _UPDATE or op == _PREPARE:
            self.replayed[ordinal] = record
        known_places = self.live.get(record_id)
        if copied and not tx and op == _ADD and isinstance(known_places, list):  # its UPDATEs were read before
            known_places[0] = place
            self.segments[segment].live += 1
            self.segments[segment].records += 1
        else:
            self.apply(op, record_id, tx, place)

    def settle(self) -> list[int]:
        """The log ends here: UPDATEs of what is gone go too. Returns the open transactions that were not prepared."""
        for record_id, known in list(self.live.items()):
            if isinstance(known, list) and known[0] == _UNSEEN:
                self._delete(record_id)
        self.replayed = None
        return [tx for tx, entries in self.open.items() if all(op != _PREPARE for op, _, _ in entries.values())]

    # -- what is not needed any more

    def oldest(self) -> int:
        """The number of the first segment that is needed."""
        return next((one.number for one in self.segments.values() if one.live), next(reversed(self.segments)))

    def live_percent(self) -> int:
        """How many of a hundred records in the journal are live."""
        records = sum(segment.records for segment in self.segments.values())
        return 100 if not records else 100 * sum(segment.live for segment in self.segments.values()) // records
