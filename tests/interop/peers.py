"""The real thing to test against: Apache ActiveMQ Artemis and its Java clients, from Maven by their coordinates.

Everything lands under ``.cache/peers`` of the checkout, once: a lock keeps two test runs apart, and a folder appears whole
or not at all, because it is filled under another name and renamed. ``python -m tests.interop.peers`` fetches all of it.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ARTEMIS = "2.44.0"
OLDER_CLIENT = "2.19.1"
OLDEST_CLIENT = "2.6.4"  # only in long runs
TOOLS = ("java", "javac", "mvn")
CACHE = Path(__file__).parents[2] / ".cache" / "peers"
SOURCES = Path(__file__).with_name("java")

_DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
_CLIENT_PROJECT = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>corewire</groupId>
  <artifactId>older-client</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.activemq</groupId>
      <artifactId>artemis-jms-client</artifactId>
      <version>{version}</version>
    </dependency>
  </dependencies>
</project>
"""


def missing_tools() -> list[str]:
    """The programs that fetching and running the peers needs and that are not on the path."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def artemis_home() -> Path:
    """Folder of the unpacked distribution: broker, command line, every jar. Fetched at the first call (about 70 MB)."""
    return _made(f"apache-artemis-{ARTEMIS}", _fetch_distribution)


def client_class_path(version: str) -> str:
    """Class path of the core and JMS client of ``version``."""
    if version == ARTEMIS:
        return str(artemis_home() / "lib" / "*")
    return str(_made(f"client-{version}", lambda folder: _fetch_client(folder, version)) / "*")


def lanes_class_path(version: str) -> str:
    """Class path of our Java programs, compiled against the client of ``version``, and of that client."""
    sources = sorted(SOURCES.glob("*.java"))
    content = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    libraries = client_class_path(version)

    def compile_into(folder: Path) -> None:
        _run(
            [
                "javac",
                "-nowarn",
                "-Xlint:-options",
                "--release",
                "11",
                "-cp",
                libraries,
                "-d",
                str(folder),
                *map(str, sources),
            ]
        )

    return f"{_made(f'lanes-{version}-{content}', compile_into)}:{libraries}"


def _fetch_distribution(folder: Path) -> None:
    artifact = f"org.apache.activemq:apache-artemis:{ARTEMIS}:tar.gz:bin"
    _maven(folder, "unpack", f"-Dartifact={artifact}")
    top = folder / f"apache-artemis-{ARTEMIS}"
    for child in list(top.iterdir()):
        child.rename(folder / child.name)
    top.rmdir()


def _fetch_client(folder: Path, version: str) -> None:
    # As a dependency of a project: `dependency:get` also wants build-time artifacts that no repository has.
    project = _CLIENT_PROJECT.format(version=version)
    _maven(folder, "copy-dependencies", "-DincludeScope=runtime", project=project)


def _maven(folder: Path, goal: str, option: str, project: str | None = None) -> None:
    """Run a goal that puts its results into ``folder``."""
    with tempfile.TemporaryDirectory() as place:  # the goals leave marks where they run, and believe them later
        if project is not None:
            Path(place, "pom.xml").write_text(project)
        _run(["mvn", "-q", "-B", f"{_DEPENDENCY_PLUGIN}:{goal}", option, f"-DoutputDirectory={folder}"], cwd=place)


def work_folder() -> tempfile.TemporaryDirectory[str]:
    """An empty folder on a disk for the length of a block: where temporary files go may be memory."""
    CACHE.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=CACHE, prefix="work-", ignore_cleanup_errors=True)


def _run(command: list[str], cwd: str | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed ({done.returncode}): {done.stdout[-4000:]}")


def _made(name: str, fill: Callable[[Path], None]) -> Path:
    """``CACHE/name``, filled by ``fill`` if it is not there yet."""
    wanted = CACHE / name
    if wanted.exists():
        return wanted
    with _one_at_a_time():
        if not wanted.exists():
            with work_folder() as work:
                filled = Path(work, name)
                filled.mkdir()
                fill(filled)
                filled.rename(wanted)
    return wanted


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Fetch the distribution and the older client, and compile our programs for both."""
    if missing := missing_tools():
        raise SystemExit(f"not on the path: {', '.join(missing)}")
    print(artemis_home())
    for version in (ARTEMIS, OLDER_CLIENT):
        print(client_class_path(version))
        if any(SOURCES.glob("*.java")):
            print(lanes_class_path(version))


if __name__ == "__main__":
    main()
