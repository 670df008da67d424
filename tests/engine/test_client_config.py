"""Configuration: defaults are Artemis', values are checked when they are made, passwords do not show."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from corewire.client.config import ClientConfig, Discovery, Endpoint, LoadBalancing, Tls
from corewire.errors import ConfigError


def test_defaults_are_those_of_artemis() -> None:
    config = ClientConfig()
    assert config.endpoints == ClientConfig(endpoints=()).endpoints == (Endpoint(host="localhost", port=61616),)
    assert (
        config.compression_level == ClientConfig.from_url("tcp://localhost?compressionLevel=-1").compression_level == -1
    )
    assert (config.reconnect_attempts, config.initial_connect_attempts, config.confirmation_window_bytes) == (
        0,
        1,
        None,
    )
    assert (config.call_timeout_s, config.connection_ttl_s, config.client_failure_check_period_s) == (30, 60, 30)
    assert (config.consumer_window_bytes, config.producer_window_bytes) == (1_048_576, 65_536)
    assert (config.block_on_durable_send, config.block_on_non_durable_send) == (True, False)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"reconnect_attempts": -1}, "reconnect_attempts is 0 to"),
        ({"reconnect_attempts": 1.5}, "reconnect_attempts is an int or None, not float"),
        ({"reconnect_attempts": True}, "reconnect_attempts is an int or None, not bool"),
        ({"call_timeout_s": 0}, "call_timeout_s is 0.001 to"),
        ({"call_timeout_s": None}, "call_timeout_s is a number, not NoneType"),
        ({"call_timeout_s": float("nan")}, "call_timeout_s is 0.001 to"),
        ({"connection_ttl_s": "60"}, "connection_ttl_s is a number or None, not str"),
        ({"confirmation_window_bytes": -1}, "confirmation_window_bytes is 0 to"),
        ({"consumer_window_bytes": 1 << 31}, "consumer_window_bytes is 0 to"),
        ({"ha": 1}, "ha is a bool, not int"),
        ({"user": b"ann"}, "user is a str or None, not bytes"),
        ({"client_id": ""}, "client_id is empty"),
        ({"load_balancing": "random"}, "load_balancing is a LoadBalancing, not str"),
        ({"compression_level": None}, "compression_level is an int, not NoneType"),
        ({"compression_level": -2}, "compression_level is -1 to 9, not -2"),
        ({"explicit": frozenset({"reconnectAttempts"})}, "no such fields: reconnectAttempts"),
    ],
)
def test_a_wrong_value_is_refused_by_name(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        ClientConfig(**values)
    assert caught.value.parameter in values


@pytest.mark.parametrize("values", [{"host": ""}, {"host": "a b"}, {"port": 0}, {"port": 65_536}, {"name": ""}])
def test_an_endpoint_that_cannot_be_dialled_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Endpoint(**values)


@pytest.mark.parametrize(
    ("values", "parameter", "words"),
    [
        ({"key_store_type": "JKS"}, "key_store_type", "keytool -importkeystore .* -deststoretype PKCS12"),
        ({"trust_store_type": "JCEKS"}, "trust_store_type", "-srcstoretype JCEKS"),
        ({"trust_store_type": "PEMCFG"}, "trust_store_type", "is PEM or PKCS12, not 'PEMCFG'"),
        ({"key_store_alias": "me"}, "key_store_alias", "of the type PKCS12 only"),
        ({"enabled_protocols": ("SSLv3",)}, "enabled_protocols", "'SSLv3' is not spoken"),
        ({"enabled_protocols": ("TLSv1.1", "TLSv1.3")}, "enabled_protocols", "leaves one out"),
        ({"enabled_cipher_suites": ("a,b",)}, "enabled_cipher_suites", "a tuple of names"),
        ({"enabled_cipher_suites": "a"}, "enabled_cipher_suites", "is a tuple, not str"),
        ({"verify_host": None}, "verify_host", "is a bool"),
    ],
)
def test_encryption_that_cannot_be_is_refused(values: dict[str, Any], parameter: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        Tls(**values)
    assert caught.value.parameter == parameter


@pytest.mark.parametrize(
    ("values", "parameter", "words"),
    [
        ({"socks_host": "p"}, "socks_port", "needs a socks_port"),
        ({"socks_host": "p", "socks_port": 1, "socks_version": 6}, "socks_version", "is 4 to 5"),
        ({"socks_host": "p", "socks_port": 1, "socks_version": 4, "socks_password": "x"}, "socks_password", "no passw"),
        ({"socks_host": "p", "socks_port": 1, "socks_username": "\xe9" * 128}, "socks_username", "too long"),
    ],
)
def test_a_proxy_that_cannot_be_is_refused(values: dict[str, Any], parameter: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        Endpoint(**values)
    assert caught.value.parameter == parameter


def test_endpoints_are_given_or_discovered() -> None:
    group = Discovery(group_address="231.7.7.7", group_port=9876)
    config = ClientConfig(discovery=group)
    assert config.endpoints == ()
    assert replace(config, user="ann").discovery == group
    with pytest.raises(ConfigError, match="either endpoints, or discovery"):
        ClientConfig(discovery=group, endpoints=(Endpoint(host="a"),))
    with pytest.raises(ConfigError, match="not from the template"):
        Discovery(group_address="231.7.7.7", group_port=9876, template=Endpoint(host="a"))
    wrong: tuple[dict[str, Any], ...] = ({"group_address": ""}, {"group_port": 0}, {"refresh_timeout_s": 0})
    for values in wrong:
        options: dict[str, Any] = {"group_address": "231.7.7.7", "group_port": 9876, **values}
        with pytest.raises(ConfigError):
            Discovery(**options)


def test_repr_shows_what_differs_and_no_password() -> None:
    config = ClientConfig(user="ann", password="secret", call_timeout_s=10, explicit=frozenset({"ha"}))
    shown = "ClientConfig(endpoints=(Endpoint(),), user='ann', password='***', call_timeout_s=10)"
    assert repr(config) == str(config) == shown
    assert repr(Endpoint(port=1, extra={"keyStorePassword": "secret"})) == "Endpoint(port=1)"
    proxied = Endpoint(tls=Tls(key_store_path="me.pem", key_store_password="secret"), socks_password="secret")
    assert repr(proxied) == "Endpoint(tls=Tls(key_store_path='me.pem', key_store_password='***'), socks_password='***')"


def test_values_are_frozen_equal_and_hashable() -> None:
    assert ClientConfig(user="a") == ClientConfig(user="a", explicit=frozenset({"user"}))
    assert len({ClientConfig(), ClientConfig(), ClientConfig(endpoints=(Endpoint(extra={"a": "b"}),))}) == 2
    with pytest.raises(FrozenInstanceError):
        ClientConfig().user = "x"  # type: ignore[misc]


def test_resilient_is_short_for_six_fields_unless_they_are_given() -> None:
    config = ClientConfig(resilient=True, retry_interval_s=5)
    assert (config.ha, config.reconnect_attempts, config.confirmation_window_bytes) == (True, None, 1_048_576)
    assert (config.retry_interval_s, config.retry_interval_multiplier, config.retry_interval_s_max) == (5, 2, 2)
    given = ClientConfig(resilient=True, reconnect_attempts=0, explicit=frozenset({"reconnect_attempts"}))
    assert given.reconnect_attempts == 0
    assert replace(given, user="ann").reconnect_attempts == 0


def test_the_blocking_world_has_its_own_defaults_unless_values_are_given() -> None:
    plain = ClientConfig().for_blocking()
    assert (plain.client_failure_check_period_s, plain.connection_ttl_s) == (None, None)
    window = ClientConfig(resilient=True).for_blocking()
    assert (window.client_failure_check_period_s, window.connection_ttl_s) == (None, 600)
    given = ClientConfig(client_failure_check_period_s=5, connection_ttl_s=10)
    assert given.for_blocking() == given
    explicit = ClientConfig.from_url("tcp://a?connectionTTL=60000&clientFailureCheckPeriod=30000")
    assert explicit.for_blocking() == explicit


def test_policies_are_named_as_artemis_names_them() -> None:
    assert {policy.value[-19:] for policy in LoadBalancing} == {"LoadBalancingPolicy"}
