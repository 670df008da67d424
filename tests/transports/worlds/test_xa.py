"""XA towards our broker, which has none: the session is refused by name."""

from __future__ import annotations

import pytest

from corewire.errors import BrokerError, ErrorCode
from corewire_transports.anyio import connect


async def test_our_broker_refuses_xa_by_name(url: str) -> None:
    async with connect(url) as client:
        with pytest.raises(BrokerError, match="XA sessions") as refused:
            await client.xa_session()
        assert refused.value.code is ErrorCode.NOT_IMPLEMENTED_EXCEPTION
