"""
Random cancellations of sending and receiving, and what a browser of the queue shows then. Each takes URL, name, count, seed.

What `send` was cancelled in is stored once or not at all; a `submit` that gave no receipt stored nothing; a receipt that says
confirmed is stored once; a cancelled `receive` loses nothing and changes no order.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

from corewire_transports.anyio import SendState, connect, move_on_after

if TYPE_CHECKING:
    from corewire_transports.anyio import Producer, Receipt, Session

IN_A_ROW = 50  # cancellations, then the browser looks
WINDOW = "producerWindowSize=3000"  # so that `submit` waits for room, too


class Sending:
    """What one sender tried, and what he was told."""

    def __init__(self, rng: random.Random) -> None:
        self.sent: set[str] = set()  #: `send` returned
        self.doubtful: set[str] = set()  #: `send` was cancelled
        self.refused: set[str] = set()  #: `submit` was cancelled
        self.receipts: dict[str, Receipt] = {}
        self.confirmed: set[str] = set()  #: already when somebody was cancelled
        self.cancellations = 0
        self._rng = rng
        self._number = 0

    async def act(self, session: Session, producer: Producer, queue: str) -> None:
        """One message, sent as chance will have it, until it will have an end of it."""
        self._number += 1
        text = f"{self._number:0{self._rng.choice((5, 400))}}"
        how, receipt, sent = self._rng.choice(("send", "producer", "submit", "wait")), None, False
        with move_on_after(_moment(self._rng)) as scope:
            if how == "send":
                await session.send(queue, text)
                sent = True
            elif how == "producer":
                await producer.send(text)
                sent = True
            else:
                receipt = await producer.submit(text, durable=self._rng.random() < 0.8)
                if how == "wait":
                    await receipt.wait()
        self.cancellations += scope.cancelled_caught
        if receipt is not None:
            self.receipts[text] = receipt
            if receipt.state is SendState.CONFIRMED:
                self.confirmed.add(text)
        elif how in ("send", "producer"):
            (self.sent if sent else self.doubtful).add(text)
        else:
            self.refused.add(text)

    async def end(self, session: Session, queue: str) -> None:
        """One more, to the end: what was on its way is there when this one is."""
        text = f"{self._number + 1}"
        await session.send(queue, text)
        self.sent.add(text)

    def judge(self, shown: list[str]) -> None:
        """Compare what was told with what is in the queue. All receipts are settled."""
        states = Counter(receipt.state for receipt in self.receipts.values())
        assert states.keys() <= {SendState.CONFIRMED}, states
        told = self.sent | self.receipts.keys()
        assert len(set(shown)) == len(shown), "stored twice"
        assert told <= set(shown), f"lost: {sorted(told - set(shown))}"
        assert self.confirmed <= set(shown)
        assert set(shown) <= told | self.doubtful, f"nobody was told of {sorted(set(shown) - told)}"
        assert not self.refused & set(shown)
        kept = [text for text in shown if text in self.receipts]
        assert kept == sorted(kept, key=int), "out of order"


async def what_is_cancelled_is_stored_once_at_most_and_never_lost(url: str, name: str, count: int, seed: int) -> None:
    rng = random.Random(seed)
    cancelled = turn = 0
    separator = "&" if "?" in url else "?"
    async with connect(f"{url}{separator}{WINDOW}") as client, client.session() as looking, client.session() as session:
        while cancelled < count:
            turn += 1
            queue = f"{name}.{turn}"
            await session.create_queue(queue)
            sending = Sending(rng)
            async with session.producer(queue) as producer:
                while sending.cancellations < IN_A_ROW:
                    await sending.act(session, producer, queue)
                await sending.end(session, queue)
                await producer.flush()
            async with looking.browser(queue) as browser:
                shown = [message.text async for message in browser]
            sending.judge(shown)
            cancelled += sending.cancellations
            cancelled += await _receive(looking, queue, shown, rng)
            async with looking.consumer(queue) as consumer:
                assert await consumer.receive(timeout=0) is None
            await session.delete_queue(queue)


async def _receive(session: Session, queue: str, shown: list[str], rng: random.Random) -> int:
    """Everything in the order shown, with cancellations. Returns how many there were."""
    cancellations = 0
    windows = iter(rng.sample((0, 1, 2_000, 1_048_576), 4))
    came: list[str] = []
    while len(came) < len(shown):
        async with session.consumer(queue, window_bytes=next(windows, 1_048_576)) as consumer:
            until = min(len(shown), len(came) + rng.randrange(10, 60))
            while len(came) < until:
                message = None
                with move_on_after(_moment(rng)) as scope:
                    message = await consumer.receive()
                cancellations += scope.cancelled_caught
                if message is not None:
                    assert message.delivery_count == 1
                    came.append(message.text)
    assert came == shown
    return cancellations


def _moment(rng: random.Random) -> float:
    """From ten microseconds to ten milliseconds, the short ones as often as the long ones."""
    return float(10 ** rng.uniform(-5, -2))
