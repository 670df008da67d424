"""Messages that come later: one after so long, one at a point in time."""

import sys
from datetime import UTC, datetime, timedelta

from corewire_transports.threads import connect

url = sys.argv[1] if len(sys.argv) > 1 else "tcp://localhost:61616"
with connect(url) as client, client.session() as session, session.consumer("reminders") as reminders:
    session.send("reminders", "tomorrow", delivery_delay=timedelta(days=1))  # or seconds
    session.send("reminders", "soon", deliver_at=datetime.now(UTC) + timedelta(milliseconds=200))
    reminder = reminders.receive()
    print(reminder.text)
    assert reminder.deliver_at is not None
    assert reminder.deliver_at <= datetime.now(UTC)
    assert reminders.receive(timeout=0) is None  # the other one is not due
