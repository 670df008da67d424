"""Exactly-once where a user may send receipts, but not make what keeps them: it is told when it connects, and what to make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.conftest import KEEPER

from corewire.errors import SecurityError
from corewire_transports.threads import connect

if TYPE_CHECKING:
    from tests.interop.artemis import Artemis

    from corewire_transports.threads import TransactedSession

pytestmark = pytest.mark.slow


def test_who_may_not_make_the_address_is_told_when_he_connects(guarded: Artemis) -> None:
    url = f"{guarded.url}?exactlyOnce=true"
    with pytest.raises(SecurityError, match=r"exactlyOnce needs the address corewire\.receipts") as caught:
        connect(url, user="admin", password="admin")
    assert "createDurableQueue" in str(caught.value)

    connect(url, user=KEEPER, password=KEEPER).close()  # makes it

    def send(session: TransactedSession) -> None:
        session.send("orders", "x")

    with connect(url, user="admin", password="admin") as client, client.transacted_session() as session:
        session.transact(send)
        assert session.query_queue("orders").message_count == 1
