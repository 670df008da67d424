"""The rules of shape that are tests: what lies where, how long files and functions may be, what no file may say."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
GENERATED_FOLDERS = {"threads", "blocking"}
TOP = {
    *(
        ".ci",
        ".gitignore",
        "CHANGELOG.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "bench",
        "changes",
        "docs",
        "pyproject.toml",
        "scripts",
    ),
    *("src", "tests"),
}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:  # an unpacked archive
        return [
            path
            for path in ROOT.rglob("*")
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
        ]
    return [path for path in (ROOT / line for line in listed.stdout.splitlines()) if path.is_file()]


def by_hand(path: Path) -> bool:
    facade = path.parent.name in GENERATED_FOLDERS and "corewire_transports" in path.parts and path.name != "_driver.py"
    return not facade and path.parent.name != "_codec"


PYTHON = [path for path in tracked() if path.suffix == ".py" and by_hand(path)]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_top_level_holds_the_agreed_folders_only() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in tracked()} <= TOP


def test_source_folders_hold_one_package_each() -> None:
    assert {path.name for path in (ROOT / "src").iterdir() if path.name != "__pycache__"} == {
        "corewire",
        "transports",
        "server",
    }
    assert not (ROOT / "src/transports/__init__.py").exists()
    assert not (ROOT / "src/server/__init__.py").exists()


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_file_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= FILE_LINES_MAX, "find the second idea in it and give it a home"


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_functions_are_short(path: Path) -> None:
    tree = ast.parse(path.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {
        one.name: lines
        for one in functions
        if (lines := (one.end_lineno or one.lineno) - one.lineno + 1) > FUNCTION_LINES_MAX
    }
    assert not long


@pytest.mark.parametrize("path", [path for path in PYTHON if "src" in path.relative_to(ROOT).parts], ids=name)
def test_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_nothing_points_outside_the_repository() -> None:
    outside = ("../" + "shared", "/work" + "/", "/root" + "/", "uv" + ".lock")
    for path in tracked():
        if path.suffix in {".py", ".md", ".toml", ".txt", ".java", ".xml", ".tsv", ""} and "captures" not in path.parts:
            text = path.read_text(errors="replace")
            assert not [word for word in outside if word in text], name(path)
