"""A transcript tells people what happened, and is the same wherever the seed is played."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256

import pytest

from corewire.errors import Unblocked
from corewire.wire import hot
from corewire_server.simulator.history import play
from corewire_server.simulator.scenario import Options
from corewire_server.simulator.transcript import Detail, Transcript

PRINT = """
from corewire_server.simulator.history import play
from corewire_server.simulator.scenario import Options
from corewire_server.simulator.transcript import Detail
for seed in range(6):
    print(play(seed, Options(nodes=2), detail=Detail.STEPS).transcript.fingerprint)
"""


def test_a_line_says_when_who_and_what() -> None:
    transcript = Transcript()
    transcript.sent(4_310, "client0", "p0", 3, "orders", durable=True, priority=4)
    transcript.sent(4_320, "client0", "p0", 4, "orders", durable=False, priority=7)
    transcript.confirmed(5_000, "client0", "p0", 3)
    transcript.unknown(1_500_000, "client0", "p0", 4, Unblocked("lost"))
    transcript.delivered(1_600_000, "client1", "c0", "p0", 3, "orders", redelivered=True)
    transcript.fault(2_000_000, "kill", "a")
    transcript.finished(12_000_000, ["client0 waits in send"])
    assert transcript.lines == [
        "   0.004310  client0      sends p0#3 to orders",
        "   0.004320  client0      sends p0#4 to orders, not durable, priority 7",
        "   0.005000  client0      p0#3 is confirmed",
        "   1.500000  client0      p0#4 may be there or not: Unblocked",
        "   1.600000  client1      c0 gets p0#3 again from orders",
        "   2.000000  *            kill: a",
        "  12.000000  *            the end; unfinished: client0 waits in send",
    ]


def test_steps_name_the_packets_that_leave() -> None:
    story, steps = Transcript(), Transcript(Detail.STEPS)
    data = 2 * hot.null_response_frame(10, -1) + hot.packets_confirmed_frame(10, 4)
    for one in (story, steps):
        one.answered(1, "a", (2 << 32) + 5, data)
    assert not story.lines
    assert steps.lines == ["   0.000001  a            to link 2.5: 2 NULL_RESPONSE, PACKETS_CONFIRMED"]


def test_the_same_seed_gives_the_same_text() -> None:
    first, second = (play(5, Options(nodes=2), detail=Detail.STEPS).transcript for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.text == second.text
    assert first.text.endswith("the end\n")


# Checksums of whole transcripts, so that every machine and every version of Python compares itself with all others. They change
# with whatever changes what is played: brokers, clients, the world, how a line is written. Then, and only then, put in the new
# ones, which the test prints; but if one Python or one machine alone has others, that is the bug that this is here to find.
# Nobody compresses in these histories: how small zlib makes a text depends on its build.
CHECKSUMS = [
    (0, Options(), "5ae26bb4ff6b5c2c660ab3372597c9491be1352ba1f293e8eaa4739945f5cf1e"),
    (4, Options(nodes=2), "1b17daba8b274f07bdded509b9a78f66da73235366ff81b0e3e074ae856490f1"),
    (4, Options(nodes=2, every_option=True), "a1d0a2196a800704ffdf806dae52061d5c631c3edcb515d388be650ce2625464"),
    (10, Options(nodes=2, exactly_once=True), "673d3c39169782c61b815cb20a8d2f97e4b158ad9b36728791cc8b563c3e7878"),
]


@pytest.mark.parametrize(("seed", "options", "expected"), CHECKSUMS, ids=["single", "pair", "every option", "once"])
def test_a_seed_gives_the_same_text_on_any_machine(seed: int, options: Options, expected: str) -> None:
    transcript = play(seed, options, detail=Detail.STEPS).transcript
    assert transcript is not None
    found = sha256(transcript.text.encode()).hexdigest()
    assert found == expected, f"the transcript of seed {seed}, of {len(transcript.lines)} lines, has now {found}"


@pytest.mark.slow
def test_the_same_seed_gives_the_same_text_in_any_process() -> None:
    prints = set[str]()
    for hash_seed in ("0", "1", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        prints.add(
            subprocess.run(
                [sys.executable, "-c", PRINT], capture_output=True, check=True, env=environment
            ).stdout.decode()
        )
    assert len(prints) == 1
