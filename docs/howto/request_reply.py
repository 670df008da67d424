"""A service that tells the time, and a program that asks it."""

import sys

import anyio

from corewire_transports.anyio import Client, ReceivedMessage, connect


async def serve(client: Client, *, task_status: anyio.abc.TaskStatus[None]) -> None:
    """Answer each question."""

    async def answer(question: ReceivedMessage) -> None:
        await question.reply(f"{question.text} It is half past nine.")

    async with client.session() as session, session.consumer("time") as questions:
        task_status.started()
        await questions.listen(answer)


async def main(url: str) -> None:
    """Serve and ask."""
    async with connect(url) as client, anyio.create_task_group() as tasks:
        await tasks.start(serve, client)
        async with client.session() as session:
            reply = await session.request("time", "What time is it?", timeout=5)
            print(reply.text)
        tasks.cancel_scope.cancel()


anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else "tcp://localhost:61616?resilient=true")
