"""Exactly-once where a user may send receipts, but not make what keeps them: it is told when it connects, and what to make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.artemis import Artemis

from corewire.errors import SecurityError
from corewire_transports.threads import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corewire_transports.threads import TransactedSession

pytestmark = pytest.mark.slow
KEEPER = "keeper"


@pytest.fixture
def guarded(java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Artemis]:
    """A broker with two users, of which one may make the address of the receipts."""
    broker = Artemis(tmp_path_factory.mktemp("guarded") / "broker", "guarded")
    broker.create()
    for name, line in (("users", f"{KEEPER} = {KEEPER}"), ("roles", f"keepers = {KEEPER}")):
        with (broker.folder / "etc" / f"artemis-{name}.properties").open("a") as file:
            file.write(f"\n{line}\n")
    broker.start()
    try:
        broker.wait()
        yield broker
    finally:
        broker.stop()


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
