"""A queue that keeps the last price of each share."""

import sys

from corewire import QueueConfiguration, RoutingType
from corewire_transports.threads import connect

url = sys.argv[1] if len(sys.argv) > 1 else "tcp://localhost:61616"
with connect(url) as client, client.session() as session:
    kind = RoutingType.ANYCAST
    session.create_queue(QueueConfiguration(name="prices.last", routing_type=kind, last_value=True), exist_ok=True)
    for share, price in (("ACME", "41"), ("INITECH", "7"), ("ACME", "42")):
        session.send("prices.last", price, last_value=share)
    with session.consumer("prices.last") as prices:
        for message in prices.drain():
            print(message.last_value, message.text)
