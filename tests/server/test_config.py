"""What a configuration refuses, and what it says."""

from __future__ import annotations

import pytest

from corewire.errors import ConfigError
from corewire_server.config import AcceptorConfig, BrokerConfig, PairConfig, User


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


PEER = PairConfig(primary=True, peer="tcp://127.0.0.1:61617")


def test_link_of_a_node_is_at_its_port_and_100_unless_said_otherwise() -> None:
    config = BrokerConfig(ha_policy=PEER)
    assert config.link_port == 61716
    assert PEER.peer_link == ("127.0.0.1", 61717)
    assert PairConfig(primary=True, peer="tcp://[::1]:5?link=7").peer_link == ("::1", 7)
    assert PairConfig(primary=True, peer="tcp://[::1]:5?link=7").peer_address == "[::1]:5"
    assert BrokerConfig(ha_policy=PairConfig(primary=True, peer=PEER.peer, link_port=9)).link_port == 9
    assert BrokerConfig(ha_policy=PEER, acceptors=(AcceptorConfig(url="tcp://127.0.0.1:0"),)).link_port == 0


@pytest.mark.parametrize(
    ("peer", "says"),
    [
        ("127.0.0.1:61617", "a peer is tcp://host:port"),
        ("ssl://h:1", "a peer is tcp://host:port"),
        ("tcp://me@h:1", "a peer is tcp://host:port"),
        ("tcp://h:99999", "out of range"),
        ("tcp://h", "names no host or no port"),
        ("tcp://h:1?lnk=2", "lnk=2"),
        ("tcp://h:1?link=x", "link=x"),
        ("tcp://h:1?link=0", "0 is no port"),
        ("tcp://h:65500", "65600 is no port"),
    ],
)
def test_peer_that_cannot_be_meant_is_refused(peer: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        PairConfig(primary=False, peer=peer)


def test_contradictions_about_the_peer_are_refused() -> None:
    with pytest.raises(ConfigError, match="this node itself"):
        BrokerConfig(ha_policy=PairConfig(primary=True, peer="tcp://127.0.0.1:61616"))
    with pytest.raises(ConfigError, match="clients come in at port 61616"):
        BrokerConfig(ha_policy=PairConfig(primary=True, peer=PEER.peer, link_port=61616))
    with pytest.raises(ConfigError, match="65600 is no port"):
        BrokerConfig(ha_policy=PEER, acceptors=(AcceptorConfig(url="tcp://127.0.0.1:65500"),))
    with pytest.raises(ConfigError, match="70000"):
        PairConfig(primary=True, peer=PEER.peer, link_port=70000)
    with pytest.raises(ConfigError, match="more than 0"):
        PairConfig(primary=True, peer=PEER.peer, initial_replication_sync_timeout_s=0)
    with pytest.raises(ConfigError, match="for a node with a peer"):
        BrokerConfig(cluster_password="secret")
    with pytest.raises(ConfigError, match="needs a cluster password"):
        BrokerConfig(ha_policy=PEER, cluster_user="me")


def test_peer_on_another_machine_needs_a_password_and_it_is_not_shown() -> None:
    there = PairConfig(primary=True, peer="tcp://other.example:61616")
    with pytest.raises(ConfigError, match="--cluster-password-file FILE"):
        BrokerConfig(ha_policy=there)
    config = BrokerConfig(ha_policy=there, cluster_user="me", cluster_password="secret")
    assert "secret" not in repr(config)
    settings = config.for_pair("here:1", "here:2")
    assert (settings.client_address, settings.link_address) == ("here:1", "here:2")
    assert (settings.cluster_user, settings.cluster_password) == ("me", "secret")
    assert settings.configured_primary
    assert settings.sync_timeout_ms == 30_000
    assert (
        settings.machine
        != BrokerConfig(ha_policy=there, cluster_password="x", global_max_bytes=5).for_pair("", "").machine
    )
