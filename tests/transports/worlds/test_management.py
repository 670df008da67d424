"""Management and notifications towards our broker, which has neither: they are refused by name."""

from __future__ import annotations

import pytest

from corewire.errors import BrokerError, ErrorCode
from corewire_transports.anyio import connect


async def test_our_broker_refuses_management_by_name(url: str) -> None:
    async with connect(url) as client, client.management() as management:
        with pytest.raises(BrokerError, match="management") as refused:
            await management.call("broker", "getNodeID")
        assert refused.value.code is ErrorCode.NOT_IMPLEMENTED_EXCEPTION


async def test_our_broker_refuses_notifications_by_name(url: str) -> None:
    async with connect(url) as client:
        with pytest.raises(BrokerError, match="notifications") as refused:
            await client.notifications("CONSUMER_CREATED")
        assert refused.value.code is ErrorCode.NOT_IMPLEMENTED_EXCEPTION


async def test_pages_that_cannot_be_and_types_that_are_none_are_refused_here(url: str) -> None:
    async with connect(url) as client, client.management() as management:
        for page, page_size in ((0, 1), (1, 0)):
            with pytest.raises(ValueError, match="pages are counted"):
                await management.queues(page=page, page_size=page_size)
        with pytest.raises(ValueError, match="sorted by one of name, address"):
            await management.queues(sort="size")
        with pytest.raises(ValueError, match="JSON"):
            await management.call("broker", "x", float("inf"))
        with pytest.raises(ValueError, match="no type"):
            await client.notifications("Consumer' OR TRUE")
