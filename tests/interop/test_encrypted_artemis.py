"""Encrypted links to a real Artemis, brokers found in its group, and where its topology leads."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.interop import client_link_lanes as lanes
from tests.interop.artemis import Artemis
from tests.interop.ports import free_port
from tests.interop.worlds import World
from tests.transports.certificates import Authority

from corewire import Tls
from corewire.errors import ConfigError, NotConnected
from corewire_server.cli import main
from corewire_server.proxy import Proxy
from corewire_transports._stores import make_context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Encrypted:
    """A broker with its ports and stores."""

    broker: Artemis
    authority: Authority
    stores: Path
    encrypted: int
    mutual: int
    group: int

    @property
    def trust(self) -> str:
        return f"trustStorePath={self.authority.pem}"

    def url(self, *keys: str, port: int = 0) -> str:
        return f"tcp://localhost:{port or self.encrypted}?{';'.join(('sslEnabled=true', *keys))}"


@pytest.fixture(scope="module")
def server(java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    folder = tmp_path_factory.mktemp("encrypted")
    stores = folder / "stores"
    stores.mkdir()
    authority = Authority(stores, "server")
    authority.key_pkcs12(authority.issue(), "secret")
    authority.trust_pkcs12("secret")
    ports = {"encrypted": free_port(), "mutual": free_port(), "group": free_port()}
    broker = Artemis(folder / "broker", "encrypted", properties={"stores": stores, **ports})
    broker.create()
    broker.start()
    try:
        broker.wait(times=3)  # its acceptors are opened one after the other
        yield Encrypted(broker, authority, stores, **ports)
    finally:
        broker.stop()


@pytest.fixture
def name() -> str:
    return f"queue-{uuid.uuid4()}"


@pytest.fixture(params=World, ids=lambda world: world.value)
def world(request: pytest.FixtureRequest) -> World:
    found: World = request.param
    return found


def test_messages_go_through(server: Encrypted, world: World, name: str) -> None:
    world.run(lanes.sends_and_receives, server.url(server.trust), name)
    store = f"trustStorePath={server.stores}/server.p12;trustStorePassword=secret;trustStoreType=PKCS12"
    world.run(lanes.sends_and_receives, server.url(store, "enabledProtocols=TLSv1.2"), name)


def test_a_broker_that_nobody_vouches_for_is_not_believed(server: Encrypted, world: World, tmp_path: Path) -> None:
    stranger = Authority(tmp_path)
    for keys in ((), (f"trustStorePath={stranger.pem}",), (server.trust, "sniHost=mq.example")):
        with pytest.raises(NotConnected, match="certificate is not accepted"):
            world.run(lanes.is_told, server.url(*keys))


@pytest.mark.parametrize("kind", ["PEM", "PKCS12"])
def test_who_must_come_as_somebody_does(server: Encrypted, world: World, name: str, kind: str) -> None:
    authority = server.authority
    me = authority.issue("ann")
    store = authority.key_pem(me) if kind == "PEM" else authority.key_pkcs12(me, "mine", kind="client")
    key = (f"keyStorePath={store}", f"keyStoreType={kind}", *(("keyStorePassword=mine",) if kind == "PKCS12" else ()))
    world.run(lanes.sends_and_receives, server.url(server.trust, *key, port=server.mutual), name)


def test_who_must_come_as_somebody_is_refused_else(server: Encrypted, world: World, tmp_path: Path) -> None:
    stranger = Authority(tmp_path)
    key = f"keyStorePath={stranger.key_pem(stranger.issue('ann'))}"
    for keys in ((server.trust,), (server.trust, key)):
        with pytest.raises(NotConnected):
            world.run(lanes.is_told, server.url(*keys, port=server.mutual))


def test_the_topology_leads_to_where_encryption_is_spoken(server: Encrypted, world: World) -> None:
    """Whom to trust is the client's affair: the store that the broker names is not on this machine."""
    (member,) = world.run(lanes.is_told, server.url(server.trust)).members
    assert (member.primary.host, member.primary.port) == ("localhost", server.encrypted)
    assert member.primary.tls == Tls(trust_store_path=str(server.authority.pem))
    assert member.primary.extra["trustStorePath"].endswith("/none.pem")
    (member,) = world.run(lanes.is_told, server.broker.url).members
    assert member.primary.tls == Tls()


def test_an_announced_endpoint_is_failed_over_to_encrypted(server: Encrypted, world: World, name: str) -> None:
    with Proxy(("127.0.0.1", server.encrypted)) as proxy:

        def shut() -> None:
            proxy.refuse()
            proxy.cut_all()

        keys = (server.trust, "ha=true;reconnectAttempts=1;failoverAttempts=-1;retryInterval=10")
        end = world.run(lanes.goes_on_after, server.url(*keys, port=proxy.port), name, shut)
    assert (end.port, end.tls) == (server.encrypted, Tls(trust_store_path=str(server.authority.pem)))


def test_a_broker_is_found_in_its_group(server: Encrypted, world: World, name: str) -> None:
    group = f"udp://231.7.7.7:{server.group}?localBindAddress=127.0.0.1;sslEnabled=true;{server.trust}"
    found = world.run(lanes.sends_and_receives, group, name)
    assert (found.host, found.port) == ("localhost", server.encrypted)


def test_the_command_line_takes_such_urls(
    server: Encrypted, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = server.url(server.trust)
    assert main(["produce", name, "hello", "--url", url]) == 0
    capsys.readouterr()
    assert main(["consume", name, "--url", url, "--message-count", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["body"] == "hello"


def test_what_is_said_about_a_store_of_javas_own_converts_it(server: Encrypted, tmp_path: Path) -> None:
    keytool = shutil.which("keytool")
    assert keytool is not None
    old = tmp_path / "old.jks"
    words = (
        f"-importcert -noprompt -alias ca -file {server.authority.pem} -storepass secret -storetype JKS -keystore {old}"
    )
    subprocess.run([keytool, *words.split()], check=True, capture_output=True)
    with pytest.raises(ConfigError) as caught:
        make_context(Tls(trust_store_path=str(old)))
    command = caught.value.message.partition("convert it with: ")[2]
    passwords = "-srcstorepass secret -deststorepass secret"
    subprocess.run([*command.split(), *passwords.split()], check=True, capture_output=True, cwd=tmp_path)
    new = Tls(trust_store_path=str(tmp_path / "old.p12"), trust_store_type="PKCS12", trust_store_password="secret")
    assert make_context(new).cert_store_stats()["x509_ca"] == 1


def test_a_renewed_certificate_is_picked_up_at_a_reconnect(server: Encrypted, world: World, name: str) -> None:
    """Both sides read their stores anew; until the broker has, the client does not believe it and comes again."""
    before = server.authority.pem.read_bytes(), (server.stores / "server-key.p12").read_bytes()
    with Proxy(("127.0.0.1", server.encrypted)) as proxy:

        def renew() -> None:
            renewed = Authority(server.stores / "..", "renewed")
            server.authority.pem.write_bytes(renewed.pem.read_bytes())
            renewed.key_pkcs12(renewed.issue(), "secret").replace(server.stores / "server-key.p12")
            proxy.cut_all()

        keys = (server.trust, "reconnectAttempts=-1;retryInterval=20;useTopologyForLoadBalancing=false")
        world.run(lanes.goes_on_after, server.url(*keys, port=proxy.port), name, renew)
    server.authority.pem.write_bytes(before[0])
    kept = server.stores / "kept.p12"
    kept.write_bytes(before[1])
    kept.replace(server.stores / "server-key.p12")  # at once: the broker may be looking
    with Proxy(("127.0.0.1", server.encrypted)) as proxy:
        keys = (server.trust, "initialConnectAttempts=-1;retryInterval=20")
        world.run(lanes.is_told, server.url(*keys, port=proxy.port))
