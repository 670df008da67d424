"""Find a broker in a group, and say which one it was."""

import sys

from corewire import ClientConfig, Discovery
from corewire_transports.threads import connect

if len(sys.argv) != 4:
    sys.exit("usage: discovering.py GROUP-ADDRESS GROUP-PORT INTERFACE-ADDRESS")
address, port, interface = sys.argv[1:]
group = Discovery(group_address=address, group_port=int(port), local_bind_address=interface)

with connect(ClientConfig(discovery=group)) as client:
    print(client.endpoint)
    print(client.topology.members)
