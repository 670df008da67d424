"""Digests that two nodes printed at the same point are compared, and one that differs is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.pair_digests import Digests, compare

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ("DIGEST 2 100 aa bb\nDIGEST 2 200 cc dd", Digests(2, 2, [])),
        ("DIGEST 2 100 aa b0\nDIGEST 2 200 cc dd", Digests(2, 2, ["2 100"])),
        ("DIGEST 2 100 a0 bb\nDIGEST 2 200 c0 dd", Digests(2, 2, ["2 100", "2 200"])),
        ("DIGEST 2 100 aa bb\nDIGEST 3 200 ee ff", Digests(3, 1, [])),  # what the killed node alone had executed
        ("", Digests(2, 0, [])),
    ],
)
def test_points_of_two_nodes_are_compared(other: str, found: Digests, tmp_path: Path) -> None:
    (tmp_path / "primary.1.log").write_text("serves\nDIGEST 2 100 aa bb\nDIGEST 2 200 cc dd\n")
    (tmp_path / "backup.1.log").write_text(f"starts\n{other}\nDIGEST 2 3")  # the last line was cut by a kill
    assert compare(tmp_path) == found
