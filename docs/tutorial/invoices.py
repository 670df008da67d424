"""Make an invoice of each order, once, whatever happens to brokers and connections."""

import sys

from corewire_transports.threads import TransactedSession, connect

url = sys.argv[1] if len(sys.argv) > 1 else "tcp://localhost:61616?exactlyOnce=true"
made = 0

with connect(url) as client, client.transacted_session() as session, session.consumer("orders") as orders:

    def make_invoice(session: TransactedSession) -> bool:
        order = orders.receive(timeout=1)
        if order is not None:
            session.send("invoices", f"invoice for {order.text}")
        return order is not None

    while session.transact(make_invoice):  # run again after a failure; its effects happen once
        made += 1

print(made, "invoices")
