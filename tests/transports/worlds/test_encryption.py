"""Encrypted links: who is believed and who is not, what is asked for, and what is picked up anew."""
# ruff: noqa: PT012, SIM117  (blocks are what is tested here)

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

import pytest
from tests.transports.certificates import Authority
from tests.transports.doors import EncryptedDoor

from corewire.errors import ConfigError, ConnectionLost, NotConnected
from corewire.events import FailedOver, Reattached, Reconnecting
from corewire_transports.anyio import connect, fail_after

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def door(url: str, authority: Authority) -> Iterator[EncryptedDoor]:
    host, _, port = url.removeprefix("tcp://").rpartition(":")
    with EncryptedDoor((host, int(port)), authority.server()) as door:
        yield door


def through(door: EncryptedDoor, *keys: str, host: str = "localhost") -> str:
    return f"tcp://{host}:{door.port}?{';'.join(('sslEnabled=true', 'connect-timeout-millis=5000', *keys))}"


def trusting(authority: Authority) -> str:
    return f"trustStorePath={authority.pem}"


async def refusal(url: str) -> str:
    """Why a client does not get in."""
    with pytest.raises(NotConnected) as caught:
        async with connect(url):
            pass
    return str(caught.value)


async def test_messages_go_through_whatever_their_size(door: EncryptedDoor, authority: Authority, queue: str) -> None:
    async with connect(through(door, trusting(authority))) as client, client.session() as session:
        async with session.consumer(queue) as consumer:
            bodies = ["x", "y" * 20_000, "z" * 45_000] * 10
            for body in bodies:
                await session.send(queue, body)
            assert [(await consumer.receive()).text for _ in bodies] == bodies
    assert door.shook[0][0] == "TLSv1.3"
    assert (door.asked, door.opened) == (["localhost"], 1)


async def test_who_is_not_vouched_for_is_not_believed(door: EncryptedDoor, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger")
    assert "the broker's certificate is not accepted: " in await refusal(through(door))
    assert "the broker's certificate is not accepted: " in await refusal(through(door, trusting(stranger)))
    assert door.opened == 0
    async with connect(through(door, "trustAll=true")):
        assert door.opened == 1


async def test_a_certificate_for_another_host_is_not_believed(door: EncryptedDoor, authority: Authority) -> None:
    door.context = authority.server(authority.issue("mq.example"))
    assert "mismatch" in (await refusal(through(door, trusting(authority)))).lower()
    assert "mismatch" in (await refusal(through(door, trusting(authority), host="127.0.0.1"))).lower()
    async with connect(through(door, trusting(authority), "verifyHost=false")):
        pass
    async with connect(through(door, trusting(authority), "sniHost=mq.example")):
        pass
    assert door.asked == ["localhost", None, "localhost", "mq.example"]


async def test_a_certificate_that_has_expired_is_not_believed(door: EncryptedDoor, authority: Authority) -> None:
    door.context = authority.server(authority.issue(expired=True))
    assert "certificate has expired" in await refusal(through(door, trusting(authority)))


async def test_an_authority_whose_time_is_over_is_not_believed(door: EncryptedDoor, authority: Authority) -> None:
    assert "certificate has expired" in await refusal(through(door, f"trustStorePath={authority.expire()}"))


async def test_a_certificate_that_was_revoked_is_not_believed(door: EncryptedDoor, authority: Authority) -> None:
    good, bad = authority.issue(), authority.issue()
    keys = (trusting(authority), f"crlPath={authority.revoke(bad)}")
    door.context = authority.server(bad)
    assert "certificate revoked" in await refusal(through(door, *keys))
    door.context = authority.server(good)
    async with connect(through(door, *keys)):
        pass


@pytest.mark.parametrize("kind", ["PEM", "encrypted PEM", "PKCS12"])
async def test_a_client_can_come_as_somebody(door: EncryptedDoor, authority: Authority, kind: str) -> None:
    door.context = authority.server(mutual=True)
    me = authority.issue("ann@example.org")
    keys = {
        "PEM": (f"keyStorePath={authority.key_pem(me)}",),
        "encrypted PEM": (f"keyStorePath={authority.key_pem(me, 'secret')}", "keyStorePassword=secret"),
        "PKCS12": (
            f"keyStorePath={authority.key_pkcs12(me, 'secret')};keyStorePassword=secret;keyStoreType=PKCS12;keyStoreAlias=Me",
            f"trustStorePath={authority.trust_pkcs12('secret')};trustStorePassword=secret;trustStoreType=PKCS12",
        ),
    }[kind]
    keys = keys if kind == "PKCS12" else (*keys, trusting(authority))
    async with connect(through(door, *keys)):
        pass
    assert door.visitors[0]["subjectAltName"] == (("email", "ann@example.org"),)


async def test_who_must_come_as_somebody_is_refused_as_nobody(
    door: EncryptedDoor, authority: Authority, tmp_path: Path
) -> None:
    door.context = authority.server(mutual=True)
    await refusal(through(door, trusting(authority)))
    assert door.refused.get(timeout=10) == "PEER_DID_NOT_RETURN_A_CERTIFICATE"
    stranger = Authority(tmp_path, "stranger")
    key = f"keyStorePath={stranger.key_pem(stranger.issue())}"
    await refusal(through(door, trusting(authority), key))
    assert door.refused.get(timeout=10) == "CERTIFICATE_VERIFY_FAILED"
    assert door.opened == 0


async def test_protocols_and_ciphers_are_those_that_are_enabled(door: EncryptedDoor, authority: Authority) -> None:
    door.context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert "TLS: " in await refusal(through(door, trusting(authority), "enabledProtocols=TLSv1.3"))
    suites = "enabledCipherSuites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
    door.context.maximum_version = ssl.TLSVersion.TLSv1_3
    async with connect(through(door, trusting(authority), suites)):
        pass
    async with connect(through(door, trusting(authority), "enabledProtocols=TLSv1.2,TLSv1.3")):
        pass
    assert door.shook[0] == ("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256")
    assert door.shook[1][0] == "TLSv1.3"


async def test_stores_are_read_anew_at_each_dial(
    door: EncryptedDoor, authority: Authority, tmp_path: Path, queue: str
) -> None:
    keys = (trusting(authority), "reconnectAttempts=-1", "retryInterval=10", "confirmationWindowSize=100000")
    async with connect(through(door, *keys)) as client, client.session() as session:
        events = client.events()
        await session.send(queue, "1")
        renewed = Authority(tmp_path, "renewed")
        door.context = renewed.server()
        authority.pem.write_bytes(renewed.pem.read_bytes())
        door.cut_all()
        await session.send(queue, "2")
        async with session.consumer(queue) as consumer:
            assert [(await consumer.receive()).text for _ in range(2)] == ["1", "2"]
    assert Reattached in [type(event) for event in [event async for event in events]]
    assert door.opened == 2


async def test_a_context_of_the_application_replaces_the_keys(door: EncryptedDoor, authority: Authority) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.ca.configure_trust(context)
    async with connect(through(door, "trustStorePath=/nowhere.pem"), ssl_context=context):
        pass
    async with connect(f"tcp://localhost:{door.port}", ssl_context=context) as client:
        assert client.endpoint is not None
    assert door.opened == 2


async def test_a_handshake_takes_no_longer_than_the_connect_timeout(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        began = time.monotonic()
        url = (
            f"tcp://127.0.0.1:{deaf.getsockname()[1]}?sslEnabled=true;{trusting(authority)};connect-timeout-millis=200"
        )
        with fail_after(20):
            assert "timed out" in await refusal(url)
        assert time.monotonic() - began >= 0.2


async def test_a_broker_that_does_not_encrypt_is_not_spoken_to(url: str, authority: Authority) -> None:
    assert "cannot connect: " in await refusal(
        f"{url}?sslEnabled=true;{trusting(authority)};connect-timeout-millis=5000"
    )


async def test_a_link_that_ends_is_noticed_like_any_other(
    door: EncryptedDoor, authority: Authority, queue: str
) -> None:
    async with connect(through(door, trusting(authority))) as client, client.session() as session:
        await session.send(queue, "1")
        door.cut_all()
        with pytest.raises(ConnectionLost):
            while True:
                await session.send(queue, "2")


async def test_a_goodbye_ends_a_link_whose_socket_stays_open(
    door: EncryptedDoor, authority: Authority, queue: str
) -> None:
    keys = (trusting(authority), "reconnectAttempts=-1", "retryInterval=10", "confirmationWindowSize=100000")
    async with connect(through(door, *keys)) as client, client.session() as session:
        door.cut_inside()
        await session.send(queue, "1")
        async with session.consumer(queue) as consumer:
            assert (await consumer.receive()).text == "1"
    assert door.opened == 2
    door.finish()
    assert door.stayed == 0


async def test_a_store_that_cannot_be_used_is_named_before_anybody_is_dialled(door: EncryptedDoor) -> None:
    with pytest.raises(ConfigError, match=r"none\.pem cannot be read: No such file") as caught:
        async with connect(through(door, "trustStorePath=/none.pem")):
            pass
    assert caught.value.parameter == "trustStorePath"
    assert door.opened == 0


async def test_a_store_that_cannot_be_used_later_fails_the_attempt_only(
    door: EncryptedDoor, authority: Authority, queue: str
) -> None:
    keys = (trusting(authority), "reconnectAttempts=-1", "retryInterval=10")
    text = authority.pem.read_bytes()
    async with connect(through(door, *keys)) as client:
        events = client.events()
        authority.pem.write_bytes(b"half a fi")
        door.cut_all()
        async for event in events:
            if isinstance(event, Reconnecting) and event.delay_s:
                break
        authority.pem.write_bytes(text)
        async with client.session() as session:
            await session.send(queue, "1")
    assert FailedOver not in [type(event) for event in [event async for event in events]]
