"""What a client takes from connectors that brokers announce, and what it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from corewire.client._announced import endpoint_of
from corewire.client.config import Endpoint, Tls
from corewire.wire.packets import TransportConfiguration

HERE = Endpoint(host="here", name="mine")
SAFE = replace(HERE, tls=Tls(trust_store_path="ca.pem", key_store_path="me.pem", sni_host="here"))


def announced(host: str = "there", **params: str | bool | int) -> TransportConfiguration:
    return TransportConfiguration("theirs", "factory", {"host": host, "port": "61617", **params})


def test_place_and_name_are_the_brokers_and_options_of_the_socket_too() -> None:
    found = endpoint_of(announced(tcpNoDelay="false", tcpSendBufferSize=7, scheme="tcp"), HERE)
    assert found == Endpoint(
        host="there", port=61617, name="theirs", tcp_no_delay=False, tcp_send_buffer_bytes=7, extra={"scheme": "tcp"}
    )
    assert endpoint_of(announced(tcpNoDelay=True, tcpReceiveBufferSize="-5"), HERE) == Endpoint(
        host="there", port=61617, name="theirs", extra={"tcpReceiveBufferSize": "-5"}
    )
    assert endpoint_of(TransportConfiguration("", "factory", {}), HERE) == Endpoint()


def test_proxy_and_local_address_stay_the_clients() -> None:
    own = replace(HERE, socks_host="proxy", socks_port=1080, local_address="127.0.0.2", connect_timeout_s=3)
    found = endpoint_of(announced(socksEnabled="true", socksHost="evil", localAddress="10.0.0.1"), own)
    assert found is not None
    assert (found.socks_host, found.local_address, found.connect_timeout_s) == ("proxy", "127.0.0.2", 3)
    assert found.extra == {"socksEnabled": "true", "socksHost": "evil", "localAddress": "10.0.0.1"}


def test_whom_to_trust_and_as_whom_to_come_stays_the_clients() -> None:
    found = endpoint_of(
        announced(sslEnabled="true", trustAll="true", verifyHost="false", keyStorePath="/broker.p12"), SAFE
    )
    assert found is not None
    assert found.tls == SAFE.tls
    assert dict(found.extra) == {"trustAll": "true", "verifyHost": "false", "keyStorePath": "/broker.p12"}


def test_the_name_to_ask_for_may_be_the_brokers() -> None:
    found = endpoint_of(announced(sslEnabled="true", sniHost="there.example"), SAFE)
    assert found is not None
    assert SAFE.tls is not None
    assert found.tls == replace(SAFE.tls, sni_host="there.example")


@pytest.mark.parametrize("flag", ["true", "True", True])
def test_a_client_in_the_clear_trusts_whom_the_system_trusts_where_encryption_begins(flag: str | bool) -> None:
    found = endpoint_of(announced(sslEnabled=flag), HERE)
    assert found is not None
    assert found.tls == Tls()


def test_an_encrypted_client_stays_encrypted() -> None:
    for connector in (announced(), announced(sslEnabled="false")):
        found = endpoint_of(connector, SAFE)
        assert found is not None
        assert found.tls == SAFE.tls


@pytest.mark.parametrize("params", [{"host": "a b"}, {"port": "none"}, {"port": 0}])
def test_what_cannot_be_dialled_is_no_endpoint(params: dict[str, str | bool | int]) -> None:
    assert endpoint_of(TransportConfiguration("n", "factory", params), HERE) is None
    assert endpoint_of(None, HERE) is None
