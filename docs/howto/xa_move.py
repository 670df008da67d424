"""Move orders from one broker to another, each whole: on one of them or on the other, whatever fails in between.

Two branches of one transaction. The decision is a line in a file, written between preparing and committing: whoever starts this
program again commits what stands there and rolls back what does not.
"""

import sys
import uuid
from pathlib import Path

from corewire import Xid
from corewire.errors import XaCode, XaError
from corewire_transports.threads import Client, XaSession, connect

FORMAT = 0x4F524452  # of our ids: other programs may use XA, too
SOURCE, TARGET = b"source", b"target"


def settle(session: XaSession, xid: Xid, *, commit: bool) -> None:
    """Commit or roll back until the broker has done it."""
    while True:
        try:
            return session.xa_commit(xid) if commit else session.xa_rollback(xid)
        except XaError as error:
            if error.heuristic:  # an operator was faster
                return session.xa_forget(xid)
            if error.xa_code is XaCode.XAER_NOTA:  # done before
                return None
            if not (error.retry or error.xa_code is XaCode.XAER_RMFAIL):
                raise


def recover(session: XaSession, branch: bytes, decided: set[str]) -> None:
    """Settle what an earlier run has left."""
    for xid in session.xa_recover():
        if xid.format_id == FORMAT and xid.branch_qualifier == branch:
            settle(session, xid, commit=xid.global_transaction_id.hex() in decided)


def move(source: XaSession, target: XaSession, log: Path) -> str | None:
    """Move one order; None if there is none."""
    name = uuid.uuid4().bytes
    here, there = Xid(FORMAT, name, SOURCE), Xid(FORMAT, name, TARGET)
    commit, text = False, None
    source.xa_start(here)
    target.xa_start(there)
    try:
        with source.consumer("orders") as orders:
            if (order := orders.receive(timeout=0)) is not None:
                text = order.text
                target.send("orders.moved", order)
        source.xa_end(here)
        target.xa_end(there)
        if text is not None:
            source.xa_prepare(here)
            target.xa_prepare(there)
            with log.open("a") as lines:
                print(name.hex(), file=lines)
            commit = True
    finally:
        settle(source, here, commit=commit)
        settle(target, there, commit=commit)
    return text


def main(source: Client, target: Client, log: Path) -> None:
    """Settle, then move all there are."""
    with source.xa_session() as taking, target.xa_session() as giving:
        decided = set(log.read_text().split()) if log.exists() else set[str]()
        recover(taking, SOURCE, decided)
        recover(giving, TARGET, decided)
        while (text := move(taking, giving, log)) is not None:
            print("moved", text)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: xa_move.py SOURCE-URL TARGET-URL DECISIONS-FILE")
    first, second, place = sys.argv[1:]
    with connect(first) as source_client, connect(second) as target_client:
        main(source_client, target_client, Path(place))
