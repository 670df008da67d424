"""Workers that share a queue and forward each message once: start it as often as you like."""

import sys

import anyio

from corewire_transports.anyio import Client, TransactedSession, connect

WORKERS = 3


async def work(client: Client) -> None:
    """Write invoices until there are no orders."""
    async with client.transacted_session() as session, session.consumer("orders.open", window_bytes=0) as orders:

        async def invoice(session: TransactedSession) -> str | None:
            order = await orders.receive(timeout=1)
            if order is None:
                return None
            await session.send("orders.invoiced", f"invoice for {order.text}")
            return order.text

        while (text := await session.transact(invoice)) is not None:
            print("invoiced", text)


async def main(url: str) -> None:
    """All of them, on one connection."""
    async with connect(url) as client, anyio.create_task_group() as tasks:
        for _ in range(WORKERS):
            tasks.start_soon(work, client)


anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else "tcp://localhost:61616?exactlyOnce=true")
