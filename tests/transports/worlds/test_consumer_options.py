"""Options of consumers, browsers and subscriptions: what is none, or cannot be, is refused before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from corewire_transports.anyio import connect

WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"selctor": "a=1"}, TypeError, r"'selctor' is no option of a .* \(nearest: selector\)"),
    ({"bogus": 1}, TypeError, "'bogus' is no option of .*; there are selector, priority, window_bytes"),
    ({"priority": "a"}, TypeError, "priority: int, not str"),
    ({"priority": 1.5}, TypeError, "priority: int, not float"),
    ({"priority": 2**40}, ValueError, "priority: -2147483648 to 2147483647, not 1099511627776"),
    ({"window_bytes": 1.5}, TypeError, "window_bytes: int or None, not float"),
    ({"window_bytes": 2**40}, ValueError, "window_bytes: 0 to 2147483647"),
    ({"window_bytes": -1}, ValueError, "window_bytes: .*None is no limit"),
    ({"collect_bytes_max": "1"}, TypeError, "collect_bytes_max: int, not str"),
    ({"collect_bytes_max": -1}, ValueError, "collect_bytes_max: 0 to"),
    ({"rate_max": "1"}, TypeError, "rate_max: int or None, not str"),
    ({"rate_max": True}, TypeError, "rate_max: int or None, not bool"),
    ({"selector": 1}, TypeError, "selector: str, not int"),
    ({"create": 1}, TypeError, "create: bool, not int"),
]


@pytest.mark.parametrize("what", ["consumer", "browser", "subscribe"])
async def test_options_that_are_none_or_cannot_be_are_refused_and_others_live_on(
    url: str, queue: str, what: str
) -> None:
    async with connect(url) as client, client.session() as other, client.session() as session:
        await other.send(queue, "kept")
        for options, error, words in WRONG:
            with pytest.raises(error, match=words):
                await getattr(session, what)(queue, **options)
        assert not session._consumers
        for each in (session, other):
            assert (await each.query_queue(queue)).message_count == 1
            assert (await each.query_queue(queue)).consumer_count == 0


@pytest.mark.parametrize("options", [{"priority": 0}, {"window_bytes": 2**31 - 1}, {"collect_bytes_max": 2**40}])
async def test_what_may_be_is_taken(url: str, queue: str, options: dict[str, Any]) -> None:
    async with connect(url) as client, client.session() as session:
        await session.send(queue, "x")
        async with session.browser(queue, **options) as browser:
            assert [message.text async for message in browser] == ["x"]
        async with session.consumer(queue, **options) as consumer:
            assert (await consumer.receive()).text == "x"


async def test_what_only_subscriptions_heed_is_refused_elsewhere(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        for open_one in (session.consumer, session.browser):
            with pytest.raises(TypeError, match="no_local: for subscriptions"):
                await open_one(queue, no_local=True)
        with pytest.raises(TypeError, match="create: a subscription makes its queue"):
            await session.subscribe(queue, create=False)


@pytest.mark.parametrize("rate_max", ["1", 1.5, True])
async def test_a_producers_rate_is_a_number(url: str, queue: str, rate_max: Any) -> None:
    async with connect(url) as client, client.session() as session:
        with pytest.raises(TypeError, match="rate_max: int or None"):
            await session.producer(queue, rate_max=rate_max)
