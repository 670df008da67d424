"""Print the fullest queues of a broker, and empty the one that is named."""

import sys

from corewire import BrokerError, ErrorCode
from corewire.errors import ManagementError
from corewire_transports.threads import connect

if len(sys.argv) < 2:
    sys.exit("usage: management_report.py URL [QUEUE ...]")
url, *names = sys.argv[1:]

with connect(url) as client, client.management() as management:
    try:
        print("version", management.get("broker", "Version"))
    except BrokerError as error:
        if error.code is ErrorCode.NOT_IMPLEMENTED_EXCEPTION:  # a broker of corewire
            sys.exit("this broker has no management")
        raise
    page = management.queues("orders", sort="message_count", descending=True, page_size=3)
    for queue in page.items:
        print(f"{queue.name}: {queue.message_count} messages, {queue.consumer_count} consumers")
    for name in names:
        try:
            print("removed", management.call(f"queue.{name}", "removeAllMessages"))
        except ManagementError as error:
            print("not removed:", error.message)
