"""The client itself: connecting, what it tells, how it ends."""
# ruff: noqa: PT012  (blocks are what is tested here)

from __future__ import annotations

import logging
from contextlib import nullcontext

import pytest
from tests.interop.ports import free_port
from tests.transports.company_anyio import beside, needs_company, until

from corewire import AckMode, ClientConfig, Endpoint
from corewire.errors import ConfigError, LocalProtocolError, NotConnected, ObjectClosed
from corewire.events import ClientEvent, Connected, TopologyChanged
from corewire_server import BrokerConfig, User, serve
from corewire_transports.anyio import Client, ClientState, connect, fail_after


class Mine(Exception):
    """Raised by the application."""


async def test_client_tells_where_it_is(url: str) -> None:
    async with connect(url) as client:
        assert client.state.value == "up"
        assert client.version == 136
        assert client.endpoint is not None
        assert url.endswith(f":{client.endpoint.port}")
        assert client.node_id
        assert client.config.endpoints == (client.endpoint,)
        assert repr(client).startswith("<Client up")
        assert isinstance(client.topology.members, tuple)
    assert client.state is ClientState.CLOSED


async def test_client_counts(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        await session.send(queue, "x")
        await consumer.receive()
        assert await consumer.receive(timeout=0) is None
        stats = client.stats
        assert (stats.messages_sent, stats.messages_received, stats.messages_acknowledged) == (1, 1, 1)
        assert (stats.reconnects, stats.replayed_packets, stats.messages_maybe_lost) == (0, 0, 0)
        assert stats.bytes_sent > 0 < stats.bytes_received


async def test_configuration_may_be_given_as_a_value(url: str) -> None:
    host, _, port = url.removeprefix("tcp://").rpartition(":")
    config = ClientConfig(endpoints=(Endpoint(host=host, port=int(port)),), call_timeout_s=5)
    async with connect(config, client_id="me") as client:
        assert (client.config.call_timeout_s, client.config.client_id) == (5, "me")


async def test_names_are_resolved(url: str) -> None:
    async with connect(url.replace("127.0.0.1", "localhost")) as client:
        assert client.state is ClientState.UP


async def test_second_endpoint_is_tried(url: str) -> None:
    refused = f"tcp://127.0.0.1:{free_port()}"
    async with connect(f"({refused},{url})?initialConnectAttempts=2;retryInterval=1") as client:
        assert client.state is ClientState.UP


async def test_nobody_there_is_told() -> None:
    with pytest.raises(NotConnected, match="cannot connect"):
        async with connect(f"tcp://127.0.0.1:{free_port()}"):
            pass
    with pytest.raises(NotConnected):
        async with connect("tcp://no.such.host.invalid:1"):
            pass


async def test_url_that_cannot_be_is_told() -> None:
    with pytest.raises(ConfigError, match="callTimeout"):
        async with connect("tcp://localhost?calTimeout=1"):
            pass


async def test_keys_without_effect_are_logged(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "corewire"):
        async with connect(f"{url}?useEpoll=true"):
            pass
    assert "without effect here: useEpoll" in caplog.text


async def test_password_is_checked_and_never_shown() -> None:
    plain = BrokerConfig.for_tests()
    config = BrokerConfig(acceptors=plain.acceptors, users=(User(name="ann", password="secret"),))
    with serve(config) as node:
        async with connect(node.url, user="ann", password="secret") as client, client.session():
            assert "secret" not in repr(client.config)
        with pytest.raises(Exception, match=r"(?i)user|secur|password|auth"):
            async with connect(node.url, user="ann", password="wrong") as client, client.session():
                pass


async def test_exception_of_the_block_leaves_as_itself(url: str) -> None:
    with pytest.raises(Mine):
        async with connect(url) as client, client.session():
            raise Mine
    assert client.state is ClientState.CLOSED


async def test_closed_client_says_so(url: str) -> None:
    async with connect(url) as client:
        session = await client.session()
        await client.close()
        await client.close()
        assert session.closed
        with pytest.raises(ObjectClosed):
            await client.session()
        with pytest.raises(ObjectClosed):
            await session.send("x", "x")
        await session.close()


async def test_sessions_are_closed_by_hand_or_with_the_client(url: str, queue: str) -> None:
    async with connect(url) as other, other.session() as watcher:
        async with connect(url) as client:
            one = await client.session(AckMode.INDIVIDUAL)
            await one.consumer(queue)
            await (await client.session()).consumer(queue)
            assert (await watcher.query_queue(queue)).consumer_count == 2
            await one.close()
            assert (await watcher.query_queue(queue)).consumer_count == 1
        with fail_after(10):
            while (await watcher.query_queue(queue)).consumer_count:
                await other.poll()


async def test_events_are_told_at_once_and_as_a_stream(url: str) -> None:
    told: list[ClientEvent] = []
    async with connect(url, on_event=told.append) as client:
        events = client.events()
        await client.poll()
    assert [type(event) for event in told if not isinstance(event, TopologyChanged)] == [Connected]
    assert [event async for event in events] == []
    assert [event async for event in client.events()] == []


async def test_on_event_that_raises_is_logged(url: str, caplog: pytest.LogCaptureFixture) -> None:
    def complain(event: ClientEvent) -> None:
        raise Mine

    async with connect(url, on_event=complain) as client:
        assert client.state is ClientState.UP
    assert "on_event raised for Connected" in caplog.text


async def test_on_event_must_not_call_the_client(url: str, caplog: pytest.LogCaptureFixture) -> None:
    clients: list[Client] = []

    def call(event: ClientEvent) -> None:
        if clients:
            clients[0]._driver.begin(clients[0]._engine.create_session)

    async with connect(url, on_event=call) as client:
        clients.append(client)
        client._driver._audience.tell(TopologyChanged(client.topology))
        alone = getattr(client._driver, "_lock", nullcontext())  # threads: its own thread must not turn meanwhile
        with alone, pytest.raises(LocalProtocolError):
            client._driver._inside = True
            try:
                client._driver.begin(client._engine.create_session)
            finally:
                client._driver._inside = False
    assert caplog.text.count("on_event raised") == 0


@needs_company
async def test_reader_of_events_waits_for_them(url: str) -> None:
    async with connect(url) as client:
        events = client.events()

        async def read() -> list[ClientEvent]:
            return [event async for event in events]

        async with beside(read) as reading:
            await until(lambda: events._queue._reader is not None)  # type: ignore[attr-defined]
            await client.close()
            assert await reading.result() == []
