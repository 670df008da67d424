"""An encrypted link by configuration: whom to trust, as whom to come."""

import sys

from corewire import ClientConfig, Endpoint, Tls
from corewire_transports.threads import connect

if len(sys.argv) != 5:
    sys.exit("usage: encrypted.py HOST PORT AUTHORITY.pem OWN.pem")
host, port, authority, own = sys.argv[1:]
tls = Tls(trust_store_path=authority, key_store_path=own)
config = ClientConfig(endpoints=(Endpoint(host=host, port=int(port), tls=tls),), resilient=True)

with connect(config) as client, client.session() as session:
    session.send("secrets", "psst")
    with session.consumer("secrets") as secrets:
        print(secrets.receive().text)
