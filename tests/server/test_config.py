"""What a configuration refuses, and what it says."""

from __future__ import annotations

import pytest

from corewire.errors import ConfigError
from corewire_server.config import AcceptorConfig, BrokerConfig, User


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:0", "tcp://127.8.8.8:1", "tcp://localhost:5", "tcp://[::1]:7"])
def test_loopback_needs_no_users(url: str) -> None:
    assert BrokerConfig(acceptors=(AcceptorConfig(url=url),)).acceptors[0].loopback


@pytest.mark.parametrize("url", ["tcp://0.0.0.0:61616", "tcp://[::]:61616", "tcp://example.org:61616"])
def test_open_door_is_refused(url: str) -> None:
    acceptors = (AcceptorConfig(url=url),)
    with pytest.raises(ConfigError, match="anybody could connect"):
        BrokerConfig(acceptors=acceptors)
    BrokerConfig(acceptors=acceptors, users=(User(name="a", password="b"),))
    BrokerConfig(acceptors=acceptors, security_enabled=False)


@pytest.mark.parametrize(
    "url",
    ["ssl://h:1", "tcp://h", "tcp://:1", "tcp://h:99999", "tcp://h:1?sslEnabled=true", "tcp://h:1/x", "tcp://u@h:1"],
)
def test_acceptor_that_is_not_served_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        AcceptorConfig(url=url)


def test_values_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(ConfigError):
        BrokerConfig(acceptors=())
    with pytest.raises(ConfigError):
        BrokerConfig(global_max_bytes=0)
    with pytest.raises(ConfigError):
        BrokerConfig(journal_file_bytes=1)
    with pytest.raises(ConfigError):
        BrokerConfig(journal_compact_min_files=-1)
    with pytest.raises(ConfigError):
        BrokerConfig(journal_compact_percentage=101)
    with pytest.raises(ConfigError, match="'a' is given twice"):
        BrokerConfig(users=(User(name="a", password="x"), User(name="a", password="y")))
    with pytest.raises(ConfigError, match="masked"):
        User(name="a", password="ENC(1:2:3)")


def test_password_is_not_shown() -> None:
    assert "secret" not in repr(BrokerConfig(users=(User(name="a", password="secret"),)))
