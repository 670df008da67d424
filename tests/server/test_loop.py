"""The loop of a node tells how many sockets its turn consists of."""

from __future__ import annotations

import asyncio
import socket

from corewire_server.runtime.loop import TurnLoop


def test_turn_counts_the_sockets_that_are_ready_in_it() -> None:
    pairs = [socket.socketpair() for _ in range(3)]
    seen: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, TurnLoop)

        def read(sock: socket.socket) -> None:
            sock.recv(1)
            seen.append(loop.turn.ready)

        for here, _ in pairs:
            loop.add_reader(here, read, here)
        for there in ([pairs[0][1]], [pair[1] for pair in pairs]):
            for sock in there:
                sock.send(b"x")
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=TurnLoop) as runner:
        runner.run(main())
    assert seen == [1, 3, 3, 3]
    for pair in pairs:
        for sock in pair:
            sock.close()
