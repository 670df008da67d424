"""
Recorded conversations of real peers, each side played by our engine: counts, confirmations, re-attachments and replays.

``captures_without_counts.txt`` names the recordings that have nothing to compare, ``captures_that_differ.txt`` those where
our engine says something else on purpose. Both lists are exact.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.engine.playback import Playback
from tests.engine.recordings import CAPTURES, FOLDER, Written, read

from corewire._connection import Role
from corewire.wire.framing import MAGIC, packet_type
from corewire.wire.packets import PacketsConfirmed, ReattachSession, ReattachSessionResponse

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent


def listed(name: str) -> dict[str, str]:
    """The entries of a list: name and reason."""
    lines = (line for line in (HERE / name).read_text().splitlines() if not line.startswith("#"))
    return {entry: reason for entry, _, reason in (line.partition(": ") for line in lines)}


WITHOUT_COUNTS = listed("captures_without_counts.txt")
DIFFERENT = listed("captures_that_differ.txt")


def play(path: Path, role: Role) -> Playback:
    """
    Play one side. Whether the real server's clock confirmed into a link that was cut already is not recorded, so both
    are tried; what follows tells which it was.
    """
    playbacks = [Playback(role, confirms_into_the_void=void) for void in (False, True)]
    for playback in playbacks:
        playback.play(read(path))
    return min(playbacks, key=lambda playback: len(playback.differences))


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_counts_are_those_of_the_real_peers(path: Path, record_property: Callable[[str, object], None]) -> None:
    sides = [play(path, role) for role in Role]
    compared = sum((side.compared for side in sides), Counter[str]())
    print(f"{path.stem}: compared {dict(sorted(compared.items()))}")
    record_property("compared", dict(compared))
    compared.pop("echo", None)
    assert (not compared) == (path.stem in WITHOUT_COUNTS), f"compared: {compared}"
    differences = [difference for side in sides for difference in side.differences]
    if path.stem in DIFFERENT:
        assert differences, "no longer differs: take it off the list"
    else:
        assert differences == []


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_client_of_a_foreign_broker_writes_again_what_java_does(path: Path) -> None:
    """By answers rather than by numbers, with the same result, but for what Java's client loses."""
    playback = Playback(Role.CLIENT, foreign=True)
    playback.play(read(path))
    assert bool(playback.differences) == (path.stem in {"recreate-count", "recreate-count-lost"}), playback.differences


def test_refused_command_makes_no_executed_one_run_twice() -> None:
    """In this recording Java's client writes a stored send again, as the broker's number lags behind its own."""
    recording = read(FOLDER / "reattach-exception.txt")
    by_number, by_answer = Playback(Role.CLIENT), Playback(Role.CLIENT, foreign=True)
    by_number.play(recording)
    by_answer.play(recording)
    assert by_number.compared["replay"] == 2
    assert by_answer.compared["replay"] == 0


def test_lists_name_captures_only() -> None:
    assert {*WITHOUT_COUNTS, *DIFFERENT} <= {path.stem for path in CAPTURES}
    assert all([*WITHOUT_COUNTS.values(), *DIFFERENT.values()])


def test_every_recorded_number_is_compared() -> None:
    """A playback that quietly skips numbers is a failure, too."""
    total: Counter[str] = sum((play(path, role).compared for path in CAPTURES for role in Role), Counter[str]())
    print(f"all captures: compared {dict(sorted(total.items()))}")
    recorded: Counter[int] = Counter()
    for path in CAPTURES:
        frames = [item.frame for item in read(path) if isinstance(item, Written) and item.frame != MAGIC]
        recorded += Counter(packet_type(frame) for frame in frames if not _refuses_reattachment(frame))
    assert total["confirmation"] == recorded[PacketsConfirmed.TYPE]
    assert total["re-attachment"] == recorded[ReattachSession.TYPE] + recorded[ReattachSessionResponse.TYPE]
    assert total["replay"] > 30


def _refuses_reattachment(frame: bytes) -> bool:
    return packet_type(frame) == ReattachSessionResponse.TYPE and frame[17] == 0
