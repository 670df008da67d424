"""
Compile the hot half of the wheel with mypyc: ``HATCH_BUILD_HOOKS_ENABLE=1 pip wheel --no-deps .`` (docs/howto/compiled.md).

Without that word in the environment a wheel is pure Python and runs everywhere. Compiled are the engine's wire and channels, and
the server's deciding parts; what talks to asyncio, and what applications subclass, stays as it is. The Python files stay in the
wheel, for tracebacks and readers; the binaries stand beside them and are imported instead.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOTS: Final = {"corewire": "src", "corewire_server": "src/server"}
COMPILED: Final = (
    *("corewire/_*.py", "corewire/wire/*.py"),
    *(f"corewire_server/{room}/**/*.py" for room in ("core", "ha", "journal", "node", "replication")),
    "corewire_server/records.py",
)
# Selectors are a tree of unions and a subclass of int, the declarations of packets a dialect of annotations; what an application
# hands in is refused by names, where compiled code would name a type first. Others are subclassed, or seldom run, or have
# dataclasses with fields of types that are imported for the type checker only: mypyc would look them up.
INTERPRETED: Final = re.compile(
    "__init__|_lazy|_operation|_replies|_selector_.*|conversions|explain|inspect|message|pieces|properties|registry|spec|types|versions"
    "|config|effects|kit|recovery|roles|settings|status"
)
GROUP: Final = "corewire._compiled"  # one library holds all of it: modules that import each other in a ring need that
WORK: Final = "build/compiled"
FLAGS: Final = ("--strict", "--namespace-packages", "--explicit-package-bases", "--follow-imports=silent")


def sources(root: Path) -> dict[str, Path]:
    """What is compiled: where it is in the wheel, and where its file is."""
    found = {}
    for pattern in COMPILED:
        base = root / ROOTS[pattern.partition("/")[0]]
        for path in sorted(base.glob(pattern)):
            if not INTERPRETED.fullmatch(path.stem):
                found[path.relative_to(base).as_posix()] = path
    return found


def translated(source: str) -> str:
    """The same for mypyc: it gives every class slots, and has no place for those that a dataclass would make."""
    return re.sub(r"^@dataclass\((.*?)(, )?slots=True", r"@dataclass(\1", source, flags=re.MULTILINE)


def compile_into(root: Path, work: Path) -> dict[str, str]:
    """Binaries: where each is, and where it belongs in the wheel."""
    modules = sources(root)
    shutil.rmtree(work, ignore_errors=True)
    for package, base in ROOTS.items():
        for path in (root / base / package).rglob("*.py"):
            inside = path.relative_to(root / base)
            text = path.read_text()
            target = work / "src" / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(translated(text) if inside.as_posix() in modules else text)
    (work / "modules").write_text("\n".join(modules))
    subprocess.run([sys.executable, str(Path(__file__).resolve()), str(work)], check=True, cwd=work / "src")
    built = work / "lib"
    return {
        str(path): path.relative_to(built).as_posix()
        for path in built.rglob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}")
    }


def build(work: Path) -> None:
    """Run in a process of its own, among the translated sources: setuptools and mypyc go by the current folder."""
    from mypyc.build import mypycify
    from setuptools import setup

    modules = (work / "modules").read_text().split()
    level = os.environ.get("MYPYC_OPT_LEVEL", "3")
    made: list[Any] = mypycify(
        [*FLAGS, *modules], opt_level=level, separate=[(modules, GROUP)], target_dir="../c", multi_file=True
    )
    for extension in made:
        extension.include_dirs.append(str(work / "c" / "corewire"))  # the library's own header lies in its package
    arguments = ["build_ext", "--build-lib", str(work / "lib"), "--build-temp", str(work / "tmp"), "--parallel", "2"]
    setup(name="corewire", ext_modules=made, script_args=arguments)


class CompileHook(BuildHookInterface):  # type: ignore[type-arg]
    """See the module."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the binaries to the wheel. An editable install stays as it is."""
        if version == "editable":
            return
        root = Path(self.root)
        build_data["force_include"].update(compile_into(root, root / WORK))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


if __name__ == "__main__":
    build(Path(sys.argv[1]).resolve())
