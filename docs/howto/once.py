"""Send and receive, each message once, over whatever happens to the connection."""

import sys

from corewire_transports.threads import connect

url = sys.argv[1] if len(sys.argv) > 1 else "tcp://localhost:61616?exactlyOnce=true"
with connect(url) as client, client.session() as session:
    for number in range(3):
        session.send("apples", f"apple {number}")
    with session.consumer("apples") as apples:
        for apple in apples.drain(timeout=1):
            print(apple.text)
    print("copies that nobody saw:", client.stats.duplicates_suppressed)
