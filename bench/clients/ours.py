"""corewire, in each world: ``submit``, and a loop that acknowledges each message when it comes back for the next."""

from __future__ import annotations

from importlib import import_module

from bench.clients.course import BODY, QUEUE, Task, Watch, tasks


async def _anyio(work: Task) -> None:
    from corewire_transports.anyio import connect

    async with connect(f"tcp://{work.host}:{work.port}") as client, client.session() as session:
        watch = Watch(work)
        async with session.producer(QUEUE, durable=False) as producer:
            for _ in range(work.messages):
                await producer.submit(BODY)
        watch.sent()
        received = 0
        async with session.consumer(QUEUE) as consumer:
            async for message in consumer:
                assert message.text
                received += 1
                if received == work.messages:
                    break
        watch.done(received)


def _plain(work: Task) -> None:
    connect = import_module(f"corewire_transports.{work.world}").connect
    with connect(f"tcp://{work.host}:{work.port}") as client, client.session() as session:
        watch = Watch(work)
        with session.producer(QUEUE, durable=False) as producer:
            for _ in range(work.messages):
                producer.submit(BODY)
        watch.sent()
        received = 0
        with session.consumer(QUEUE) as consumer:
            for message in consumer:
                assert message.text
                received += 1
                if received == work.messages:
                    break
        watch.done(received)


def main() -> None:
    """Run the world that the command line names: asyncio, trio, threads, blocking."""
    for work in tasks():
        if work.world in ("threads", "blocking"):
            _plain(work)
        else:
            import anyio

            anyio.run(_anyio, work, backend=work.world)


if __name__ == "__main__":
    main()
