"""The pages are true: their examples run, and what source and pages point to is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from corewire_server import BrokerConfig, serve

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("**/[a-z]*.md"))
EXAMPLES = [
    pytest.param(example, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, example in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
]
SOURCES = [
    path
    for folder in ("src", "scripts", "tests", "bench")
    for path in (ROOT / folder).rglob("*.py")
    if path != Path(__file__)
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_of_a_page_runs(example: str) -> None:
    exec(example, {})


@pytest.mark.parametrize(
    ("programs", "key"),
    [
        ({"first_client.py": "invoice for 2 apples"}, "resilient=true"),
        ({"orders.py": "1000 orders, 0 failures survived", "invoices.py": "1000 invoices"}, "exactlyOnce=true"),
    ],
)
def test_programs_of_the_tutorial_run(programs: dict[str, str], key: str) -> None:
    with serve(BrokerConfig.for_tests()) as node:
        for program, said in programs.items():
            command = [sys.executable, f"docs/tutorial/{program}", f"{node.url}?{key}"]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
            assert (done.returncode, done.stdout) == (0, f"{said}\n"), done.stderr


def test_frame_of_the_page_on_reading_frames_is_explained() -> None:
    page = (ROOT / "docs/howto/explain.md").read_text()
    commands = re.findall(r"^echo (\w+) \| corewire explain$", page, re.MULTILINE)
    assert commands
    for frame in commands:
        done = subprocess.run(
            [sys.executable, "-m", "corewire_server", "explain"],
            input=frame,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "PING" in done.stdout


def test_every_page_that_source_cites_exists() -> None:
    cited = {(path, page) for path in SOURCES for page in re.findall(r"docs/[\w/-]+\.(?:md|py)", path.read_text())}
    assert cited
    assert not {(str(path.relative_to(ROOT)), page) for path, page in cited if not (ROOT / page).exists()}


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+\.(?:md|py))(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
