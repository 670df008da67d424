"""Two workers share a queue, and one of them gets all steps of an order, in their order."""

import sys

from corewire_transports.threads import connect

url = sys.argv[1] if len(sys.argv) > 1 else "tcp://localhost:61616"
STEPS = ("ordered", "paid", "sent")
with connect(url) as client, client.session() as one, client.session() as two:
    first, second = one.consumer("steps"), two.consumer("steps")
    for step in STEPS:
        for order in ("order 17", "order 18"):
            one.send("steps", step, group_id=order)
    one.send("steps", "filed", group_id="order 17", group_sequence=-1)  # its last one: the group ends
    for name, worker in (("first", first), ("second", second)):
        for message in worker.drain():
            print(f"{message.group_id}: {message.text}, says the {name}")
