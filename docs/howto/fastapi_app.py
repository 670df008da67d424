"""FastAPI: one client for the application; requests share a session, or borrow a transacted one; one task consumes."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import anyio
from fastapi import Depends, FastAPI, Request

from corewire import Json
from corewire_transports.anyio import ReceivedMessage, Session, SessionPool, connect

BROKER = os.environ.get("BROKER", "tcp://localhost:61616?resilient=true")
delivered: list[object] = []


async def deliver(message: ReceivedMessage) -> None:
    """What happens to an order; when this returns it is acknowledged, when it raises it comes again."""
    delivered.append(message.json())


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """From here the application has its broker, until it ends."""
    async with (
        connect(BROKER) as client,
        client.session() as app.state.session,
        client.pool(size_max=8) as app.state.pool,
        client.session() as session,
        session.consumer("orders") as orders,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(orders.listen, deliver)
        yield
        tasks.cancel_scope.cancel()


def the_session(request: Request) -> Session:
    """One session sends for any number of requests at once."""
    session: Session = request.app.state.session
    return session


def the_pool(request: Request) -> SessionPool:
    """A transaction has its session to itself."""
    pool: SessionPool = request.app.state.pool
    return pool


app = FastAPI(lifespan=lifespan)


@app.post("/orders", status_code=202)
async def order(body: dict[str, object], session: Annotated[Session, Depends(the_session)]) -> None:
    """Answers when the broker has the order."""
    await session.send("orders", Json(body))


@app.post("/batches", status_code=202)
async def batch(bodies: list[dict[str, object]], pool: Annotated[SessionPool, Depends(the_pool)]) -> None:
    """All of them, or none."""
    async with pool.session() as session, session.transaction():
        for body in bodies:
            await session.send("orders", Json(body))


@app.get("/delivered")
async def look() -> list[object]:
    """What was delivered since the start."""
    return delivered
