"""Send numbered orders, each once, whatever happens to brokers and connections."""

import sys

from corewire_transports.threads import connect

url = sys.argv[1] if len(sys.argv) > 1 else "tcp://localhost:61616?exactlyOnce=true"
count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000

with connect(url) as client, client.session() as session:
    for number in range(count):
        session.send("orders", f"order {number}")  # returns when the broker has it; a failure is not for us to see
    print(count, "orders,", client.stats.reconnects, "failures survived")
