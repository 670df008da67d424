"""Print who comes to a queue and who leaves it."""

import sys

import anyio

from corewire_transports.anyio import connect


async def watch(url: str, queue: str, changes: int) -> None:
    """Print so many changes."""
    async with connect(url) as client, client.notifications("CONSUMER_CREATED", "CONSUMER_CLOSED") as notifications:
        print("watching", flush=True)
        async for notification in notifications:
            if notification.properties["_AMQ_RoutingName"] == queue:
                print(notification.type, notification.properties["_AMQ_ConsumerCount"])
                changes -= 1
            if not changes:
                break


if len(sys.argv) != 4 or not sys.argv[3].isdecimal():
    sys.exit("usage: notifications_watch.py URL QUEUE CHANGES")
anyio.run(watch, sys.argv[1], sys.argv[2], int(sys.argv[3]))
