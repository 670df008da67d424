"""What a wheel holds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_wheel_installs_three_packages_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {one.split("/")[0] for one in names if ".dist-info/" not in one} == {
        "corewire",
        "corewire_transports",
        "corewire_server",
    }
    assert {"corewire/py.typed", "corewire_transports/py.typed", "corewire_server/py.typed"} <= set(names)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_compiled_wheel_decides_what_the_other_does(tmp_path: Path) -> None:
    """What docs/howto/compiled.md tells to type, without the compiler's optimisations, which take longer."""
    pip, asked = [sys.executable, "-m", "pip"], {"HATCH_BUILD_HOOKS_ENABLE": "1", "MYPYC_OPT_LEVEL": "0"}
    wheel, folder = str(tmp_path / "wheel"), str(tmp_path / "installed")
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", wheel, "."], cwd=ROOT, env=os.environ | asked, check=True)
    (made,) = (tmp_path / "wheel").glob("corewire-*.whl")
    assert not made.name.endswith("-none-any.whl")
    subprocess.run([*pip, "install", "-q", "--no-deps", "--target", folder, str(made)], check=True)
    compared = [sys.executable, "-m", "tests.simulation.same", folder, "10"]
    said = subprocess.run(compared, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    assert said.stdout.endswith("40 histories, 0 of them different\n"), said.stdout
    assert said.returncode == 0, said.stdout
