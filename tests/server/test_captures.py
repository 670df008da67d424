"""What our broker answers to recorded clients is what the real broker answered."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.captures import FOLDER, Replay

FAMILIES = ("ack", "cli", "confirm", "connect", "error", "flow", "jms", "old", "reattach", "recreate", "send", "stop")
SCENARIOS = sorted(path.stem for path in FOLDER.glob("*.txt") if path.stem.split("-")[0] in FAMILIES)
DIFFERENT = {
    line.split(":")[0]: line.split(": ")[1]
    for line in Path(__file__).with_name("captures-differences.txt").read_text().splitlines()
    if not line.startswith("#")
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_recorded_clients_get_the_recorded_answers(scenario: str) -> None:
    replay = Replay(FOLDER / f"{scenario}.txt")
    replay.run()
    compared, differences = replay.compare()
    assert compared > 0
    if scenario in DIFFERENT:
        assert differences, f"{scenario} agrees now: take it off the list"
    else:
        assert differences == []


def test_every_listed_difference_has_a_capture_and_a_reason() -> None:
    assert set(DIFFERENT) <= set(SCENARIOS)
    assert all(DIFFERENT.values())
