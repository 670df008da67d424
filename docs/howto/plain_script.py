"""A plain script: send what the arguments say, take it back, and say where that was."""

import sys

from corewire_transports.blocking import connect

if len(sys.argv) < 2:
    sys.exit("usage: plain_script.py URL [TEXT ...]")
url, *texts = sys.argv[1:]

with connect(url) as client, client.session() as session:
    for text in texts:
        session.send("letters", text)
    with session.consumer("letters") as letters:
        for _ in texts:
            letter = letters.receive(timeout=5)
            assert letter is not None
            print(letter.text)
