"""Exactly-once, whole: thirty kills of each kind of pair under applications of all worlds, judged by a client in Java.

Three times CAMPAIGN_FAULTS, to be exact, which is 10 if it is not set.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.engine.test_client_suppression import Application
from tests.interop import crowd_kills
from tests.interop.exactly_once_kills import Kind, run

from corewire import AckMode

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 3 * int(os.environ.get("CAMPAIGN_FAULTS", "10"))
HISTORIES = 250


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.value)
def test_each_number_is_there_once_and_in_order(java: None, tmp_path: Path, kind: Kind) -> None:
    judged = run(kind, tmp_path, KILLS)
    assert len(judged) == 8
    assert [each for each in judged if not each.right] == []


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.value)
def test_what_competing_workers_forward_is_there_once(java: None, tmp_path: Path, kind: Kind) -> None:
    judged = crowd_kills.run(kind, tmp_path, KILLS)
    assert (judged.missing, judged.doubled) == (0, 0)


@pytest.mark.parametrize("mode", [AckMode.AUTO, AckMode.CLIENT, AckMode.INDIVIDUAL, AckMode.DUPS_OK])
def test_histories_hand_out_each_message_once(mode: AckMode) -> None:
    for seed in range(HISTORIES):
        application = Application(seed, mode)
        application.play(250)
        application.come_to_rest()
