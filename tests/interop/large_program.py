"""Sends a file and reads it again: URL QUEUE PATH. Says what came, and by how many KiB it grew. A message that is interrupted comes again."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from corewire.errors import LargeMessageInterrupted
from corewire_transports.threads import connect


def peak_kib() -> int:
    """The most memory that this program ever had; what its parent had before, which `getrusage` counts, is left out."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def main(url: str, queue: str, path: str) -> None:
    """Print the result as JSON."""
    with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        before = peak_kib()
        sent = session.send_stream(queue, Path(path))
        interrupted = 0
        while True:
            message = consumer.receive()
            digest = hashlib.sha256()
            try:
                for piece in message.chunks():
                    digest.update(piece)
            except LargeMessageInterrupted:
                interrupted += 1
                continue
            break
        left = consumer.receive(timeout=0)
        said = {
            "sent": sent,
            "size": message.body_bytes,
            "sha256": digest.hexdigest(),
            "interrupted": interrupted,
            "left": left is not None,
            "reconnects": client.stats.reconnects,
            "peak_kib": peak_kib(),
            "grew_kib": peak_kib() - before,
        }
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
