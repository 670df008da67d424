"""Print the fullest queues of a broker, and empty the one that is named."""

import sys

from corewire.errors import ManagementError
from corewire_transports.threads import connect

url, *names = sys.argv[1:]

with connect(url) as client, client.management() as management:
    print("version", management.get("broker", "Version"))
    page = management.queues("orders", sort="message_count", descending=True, page_size=3)
    for queue in page.items:
        print(f"{queue.name}: {queue.message_count} messages, {queue.consumer_count} consumers")
    for name in names:
        try:
            print("removed", management.call(f"queue.{name}", "removeAllMessages"))
        except ManagementError as error:
            print("not removed:", error.message)
