"""The peers themselves: without them nothing else in this folder proves anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.interop.artemis import artemis_cli

if TYPE_CHECKING:
    from tests.interop.artemis import Artemis


def test_a_real_broker_takes_and_gives(artemis: Artemis) -> None:
    options = ["--url", artemis.url, "--user", "admin", "--password", "admin", "--message-count", "10"]
    sent = artemis_cli("producer", "--destination", "queue://peers", *options)
    assert sent.returncode == 0, sent.stdout
    got = artemis_cli("consumer", "--destination", "queue://peers", "--receive-timeout", "5000", *options)
    assert "Consumed: 10 messages" in got.stdout, got.stdout
