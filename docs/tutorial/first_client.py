"""Send an order, take it, and make an invoice of it in one transaction."""

import sys

from corewire_transports.threads import connect

url = sys.argv[1] if len(sys.argv) > 1 else "tcp://localhost:61616?resilient=true"

with connect(url) as client:
    with client.session() as session:
        session.send("orders", "2 apples", properties={"region": "eu"})

    with (
        client.transacted_session() as session,
        session.consumer("orders") as orders,
        session.transaction(),  # commits at the end of the block, rolls back if it raises
    ):
        order = orders.receive()
        session.send("invoices", f"invoice for {order.text}")

    with client.session() as session, session.consumer("invoices") as invoices:
        invoice = invoices.receive(timeout=5)
        assert invoice is not None
        print(invoice.text)
