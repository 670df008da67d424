"""The planned change of the serving node, by the command that operators type, again and again under load: nobody notices."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING

import pytest
from tests.interop.pair import Pair
from tests.interop.pair_digests import compare
from tests.interop.pair_kills import DIGESTS, PROGRAM, joined, milliseconds, outages_since
from tests.interop.pair_load import Load
from tests.interop.pair_watch import Watch

if TYPE_CHECKING:
    from pathlib import Path

    from tests.interop.pair import Member

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("java")]
SWITCHES = 20


def cluster(pair: Pair, *words: str) -> str:
    """``corewire cluster WORDS``; what it printed."""
    nodes = ",".join(f"tcp://127.0.0.1:{member.port}?link={member.link_port}" for member in pair.members)
    done = subprocess.run(
        [sys.executable, "-m", "corewire_server", "cluster", *words, "--url", nodes],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def handed_over_at(member: Member) -> float:
    """When a node began to hand over, on the wall clock."""
    said = re.findall(r"^(\S+ \S+),(\d+) INFO .* hands over to the backup$", member.log, re.MULTILINE)
    moment, thousandths = said[-1]
    return datetime.strptime(moment, "%Y-%m-%d %H:%M:%S").astimezone().timestamp() + int(thousandths) / 1000


def test_a_switch_goes_unnoticed(tmp_path: Path) -> None:
    outages: list[float] = []
    took: list[float] = []
    slowest = 0.0
    with Pair(tmp_path, *DIGESTS, program=PROGRAM) as pair, Watch(pair), Load(pair.address) as load:
        load.await_progress()
        for _ in range(SWITCHES):
            pair.wait_in_step()
            before = pair.primary
            load.hold()
            load.mark()
            began = time.time()
            cluster(pair, "switch")
            took.append(time.time() - began)
            load.go()
            pair.wait_serving(pair.other(before))
            load.await_progress()
            outages += outages_since(load, handed_over_at(before)).values()
            slowest = max(slowest, joined(pair, load))
        shown = cluster(pair, "show")
        verdict = load.finish()
        fell_out = pair.unasked()
    digests = compare(tmp_path)
    print(f"\n{SWITCHES} switches, {median(took):.2f} s each, out of step unasked: {fell_out}\n{verdict}\n{digests}")
    print(f"ms from the hand-over to the first message: median, 90 %, worst {milliseconds(outages)}")
    print(f"longest blocking send from a switch until the other node has joined: {1000 * slowest:.0f} ms\n{shown}")
    assert not verdict.faults
    assert fell_out == 0
    assert not digests.differing
