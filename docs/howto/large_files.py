"""Put files into a queue, or take them out into a folder: files of any size, in little memory."""

import sys
from pathlib import Path

from corewire.errors import LargeMessageInterrupted
from corewire_transports.threads import Client, connect


def put(client: Client, queue: str, path: Path) -> None:
    """Send a file, with its name."""
    with client.session() as session:
        size = session.send_stream(queue, path, properties={"name": path.name}, compress=True)
        print(f"sent {path.name}: {size} bytes")


def take(client: Client, queue: str, folder: Path) -> None:
    """Write what is in the queue into files. One counts as consumed when the loop comes back for the next."""
    with client.session() as session, session.consumer(queue) as files:
        for message in files.drain(timeout=1):
            name = Path(str(message.properties["name"])).name
            try:
                size = message.save(folder / name)
            except LargeMessageInterrupted:  # the session was lost in between: the message comes again
                continue
            print(f"took {name}: {size} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[2] not in {"put", "take"}:
        sys.exit("usage: large_files.py URL put QUEUE FILE | URL take QUEUE FOLDER")
    url, verb, queue, place = sys.argv[1:]
    with connect(url) as client:
        {"put": put, "take": take}[verb](client, queue, Path(place))
