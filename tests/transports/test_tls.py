"""Encryption and tunnels over bytes in memory: cut anywhere, failing loudly, ending politely."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.transports.certificates import Authority

from corewire import Endpoint, Tls
from corewire_transports._socks import Proxied
from corewire_transports._tls import Encryption, encrypt
from corewire_transports._tunnel import Tunnel

if TYPE_CHECKING:
    from pathlib import Path


class Peer:
    """The other end: a server in memory."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.received = b""
        self.ended = False

    def take(self, data: bytes) -> bytes:
        """Bytes came; returns the answer."""
        self._incoming.write(data)
        try:
            self.tls.do_handshake()
            while part := self.tls.read(65_536):
                self.received += part
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        return self._outgoing.read()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def opened(authority: Authority) -> tuple[Encryption, Peer]:
    endpoint = Endpoint(tls=Tls(trust_store_path=str(authority.pem)))
    encryption, peer = encrypt(endpoint, None), Peer(authority.server())
    encryption.start()
    while not encryption.open:
        encryption.receive(peer.take(encryption.data_to_send()))
    encryption.receive(peer.take(encryption.data_to_send()))
    return encryption, peer


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(min_size=1, max_size=40_000), min_size=1, max_size=3), st.integers(1, 5_000))
def test_bytes_arrive_however_they_are_cut(authority: Authority, chunks: list[bytes], size: int) -> None:
    encryption, peer = opened(authority)
    encryption.send(chunks)
    data = encryption.data_to_send()
    for at in range(0, len(data), size):
        peer.take(data[at : at + size])
    assert peer.received == b"".join(chunks)
    for chunk in chunks:
        peer.tls.write(chunk)
    data = peer.take(b"")
    came = b"".join(encryption.receive(data[at : at + size]) for at in range(0, len(data), size))
    assert came == b"".join(chunks)
    assert not encryption.ended


def test_a_goodbye_ends_it_and_is_said_by_us_too(authority: Authority) -> None:
    encryption, peer = opened(authority)
    encryption.close()
    peer.take(encryption.data_to_send())
    assert peer.ended
    encryption, peer = opened(authority)
    with pytest.raises(ssl.SSLWantReadError):
        peer.tls.unwrap()
    assert encryption.receive(peer._outgoing.read()) == b""
    assert encryption.ended


def test_garbage_and_changed_bytes_raise(authority: Authority) -> None:
    encryption = encrypt(Endpoint(tls=Tls(trust_store_path=str(authority.pem))), None)
    encryption.start()
    with pytest.raises(ssl.SSLError):
        encryption.receive(b"HTTP/1.0 400 Bad Request\r\n\r\n")
    encryption, peer = opened(authority)
    peer.tls.write(b"x")
    data = bytearray(peer.take(b""))
    data[-1] ^= 1
    with pytest.raises(ssl.SSLError):
        encryption.receive(bytes(data))
    assert encryption.data_to_send(), "the other side hears why"


def test_who_is_not_believed_hears_why(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path)
    encryption = encrypt(Endpoint(tls=Tls(trust_store_path=str(stranger.pem))), None)
    peer = Peer(authority.server())
    encryption.start()
    with pytest.raises(ssl.SSLCertVerificationError):
        encryption.receive(peer.take(encryption.data_to_send()))
    with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
        peer.take(encryption.data_to_send())


def test_bytes_behind_a_proxys_answer_are_not_lost() -> None:
    """A proxy that answers and passes on in one go."""
    endpoint = Endpoint(socks_host="proxy", socks_port=1080, socks_version=4)
    tunnel = Tunnel(Proxied(endpoint, ("127.0.0.1", 7)), None)
    tunnel.start()
    assert tunnel.data_to_send() == [bytes((4, 1, 0, 7, 127, 0, 0, 1, 0))]
    steps = [(tunnel.receive(data), tunnel.open) for data in (bytes((0, 90)), bytes(6) + b"hello")]
    assert steps == [(b"", False), (b"hello", True)]
    assert tunnel.receive(b"more") == b"more"
    assert tunnel.wrap([b"a", b"b"]) == [b"a", b"b"]


def test_an_address_that_version_4_cannot_say_is_refused() -> None:
    endpoint = Endpoint(socks_host="proxy", socks_port=1080, socks_version=4)
    with pytest.raises(ConnectionError, match="the proxy proxy:1080 refused: IPv6"):
        Tunnel(Proxied(endpoint, ("::1", 7)), None).start()
