"""XA over the death of a broker: pairs of real Artemis whose primary is killed between the steps of branches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.artemis_pair import ArtemisPair, PairKind

from corewire import Xid
from corewire.errors import XaCode, XaError
from corewire_transports.threads import XaSession, connect

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = "ha=true;reconnectAttempts=-1;retryInterval=100"
WORKS, ENDED, KEPT, DROPPED = (Xid(1, name, b"") for name in (b"works", b"ended", b"kept", b"dropped"))


def begun(session: XaSession, xid: Xid) -> None:
    session.xa_start(xid)
    session.send("out", xid.global_transaction_id.decode())


@pytest.mark.usefixtures("java")
@pytest.mark.parametrize("window", [None, 1_048_576], ids=["no window", "window"])
@pytest.mark.parametrize("kind", PairKind, ids=lambda kind: kind.value)
def test_prepared_branches_survive_the_primary_and_the_others_are_lost(
    kind: PairKind, window: int | None, tmp_path: Path
) -> None:
    url_options = f"{OPTIONS};confirmationWindowSize={window or -1}"
    with (
        ArtemisPair(tmp_path, kind) as pair,
        connect(f"{pair.address}?{url_options}") as client,
        client.xa_session() as session,
    ):
        session.create_queue("out")
        for xid in (KEPT, DROPPED, ENDED):
            begun(session, xid)
            session.xa_end(xid)
        for xid in (KEPT, DROPPED):
            session.xa_prepare(xid)
        begun(session, WORKS)
        pair.kill_primary()
        with pytest.raises(XaError) as lost:
            session.xa_end(WORKS)
        assert lost.value.xa_code is XaCode.XAER_RMFAIL
        with pytest.raises(XaError) as lost:
            session.xa_prepare(ENDED)
        assert lost.value.xa_code is XaCode.XAER_RMFAIL
        assert set(session.xa_recover()) == {KEPT, DROPPED}
        session.xa_commit(KEPT)
        session.xa_rollback(DROPPED)
        for xid in (WORKS, ENDED):
            with pytest.raises(XaError) as unknown:
                session.xa_commit(xid)
            assert unknown.value.xa_code is XaCode.XAER_NOTA
        begun(session, Xid(1, b"next", b""))
        session.xa_end(Xid(1, b"next", b""))
        session.xa_commit(Xid(1, b"next", b""), one_phase=True)
        with session.consumer("out") as consumer:
            assert [message.text for message in consumer.drain()] == ["kept", "next"]
