"""Ports are given once, to whichever test process asks."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.interop.ports import Reservations, free_port

if TYPE_CHECKING:
    from pathlib import Path

ASKING = """
import sys
from pathlib import Path
from tests.interop.ports import Reservations
print(Reservations(Path(sys.argv[1])).take(int(sys.argv[2])))
"""


def other_process_takes(place: Path, port: int) -> bool:
    command = [sys.executable, "-c", ASKING, str(place), str(port)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout == "True\n"


def test_no_port_is_given_twice() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == len(ports)


def test_what_one_process_has_no_other_one_gets(tmp_path: Path) -> None:
    place = tmp_path / "ports"
    ours = Reservations(place)
    assert ours.take(20_000)
    assert not ours.take(20_000)
    assert not other_process_takes(place, 20_000)
    assert other_process_takes(place, 20_001)
    assert ours.take(20_001), "its process has ended"
