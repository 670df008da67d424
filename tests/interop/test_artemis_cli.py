"""The ``artemis`` command line against our broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.artemis import artemis_cli
from tests.interop.ours import OurBroker

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 10_000


def run(broker: OurBroker, command: str, *options: str) -> str:
    who = ["--url", broker.url, "--user", "admin", "--password", "admin"]
    done = artemis_cli(command, "--destination", "queue://cli", "--message-count", str(COUNT), *who, *options)
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("java")
def test_what_artemis_produces_it_browses_and_consumes(our_broker: OurBroker) -> None:
    assert f"Produced: {COUNT} messages" in run(our_broker, "producer")
    assert f"browsed: {COUNT} messages" in run(our_broker, "browser")
    assert f"Consumed: {COUNT} messages" in run(our_broker, "consumer", "--receive-timeout", "5000")


@pytest.mark.slow
@pytest.mark.usefixtures("java")
def test_in_transactions_and_not_persistent(our_broker: OurBroker) -> None:
    assert f"Produced: {COUNT} messages" in run(our_broker, "producer", "--non-persistent", "--commit-interval", "1000")
    consumed = run(our_broker, "consumer", "--receive-timeout", "5000", "--commit-interval", "1000")
    assert f"Consumed: {COUNT} messages" in consumed


@pytest.mark.slow
@pytest.mark.usefixtures("java")
@pytest.mark.parametrize("password", ["secret", "guess"])
def test_who_has_the_password_may_come_in(tmp_path: Path, password: str) -> None:
    with OurBroker(tmp_path, "--user", "ann", "--password", "secret", memory=True) as broker:
        who = ["--url", broker.url, "--user", "ann", "--password", password]
        done = artemis_cli("producer", "--destination", "queue://cli", "--message-count", "1", *who)
    if password == "secret":
        assert "Produced: 1 messages" in done.stdout
    else:
        assert done.returncode != 0
        assert "SECURITY_EXCEPTION" in done.stdout
