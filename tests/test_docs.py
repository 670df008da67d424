"""The pages are true: their examples run, and what source and pages point to is there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from tests.engine.wire_vectors import vectors
from tests.server.packets import Talk, ethernet, pcap

from corewire import ClientConfig, ErrorCode, Headers
from corewire.client._options import options_of
from corewire.events import ClientEvent
from corewire.wire import registry
from corewire.wire.packets import CreateSession, Ping
from corewire_server import BrokerConfig, serve
from corewire_server.cli import main
from corewire_server.simulator.faults import KINDS
from corewire_server.simulator.scenario import WORKLOADS
from corewire_transports.anyio.consumer import ConsumerOptions

ROOT = Path(__file__).parent.parent
SIMULATOR = ROOT / "src/server/corewire_server/simulator"
PAGES = sorted((ROOT / "docs").glob("**/[a-z]*.md"))
EXAMPLES = [
    pytest.param(example, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, example in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
]
#: Pages that tell to type something, and where that is done.
TYPED = {
    "README.md": "tests/interop/test_shell_examples.py",
    "docs/tutorial/first-broker.md": "tests/interop/test_shell_examples.py",
    "docs/tutorial/exactly-once.md": "tests/interop/test_howto_pair.py",
    "docs/howto/compiled.md": "tests/test_packaging.py",
    "docs/howto/connecting.md": "tests/transports/test_howto.py",
    "docs/howto/explain.md": "tests/test_docs.py",
    "docs/howto/run-a-pair.md": "tests/interop/test_howto_pair.py",
    "docs/howto/simulate.md": "tests/test_docs.py",
    "docs/howto/users.md": "tests/interop/test_shell_examples.py",
    "docs/design/simulator.md": "tests/test_docs.py",
}
#: Programs that need to be told something; the others know a broker of this machine.
WANTING = [
    path
    for path in sorted((ROOT / "docs").rglob("*.py"))
    if "sys.argv" in (text := path.read_text()) and "tcp://localhost" not in text
]
#: Of ``corewire simulate``: how many, and how many are enough here.
SIZES = {"--seeds 2000": "--seeds 3", "--seeds 1000": "--seeds 3", "--minutes 10": "--seeds 3"}
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


@pytest.mark.parametrize("program", WANTING, ids=lambda path: path.stem)
def test_programs_that_want_arguments_say_which(program: Path) -> None:
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"usage: {program.name} [A-Z].*\n", done.stderr)


def test_report_of_a_broker_without_management_says_so() -> None:
    with serve(BrokerConfig.for_tests()) as node:
        command = [sys.executable, "docs/howto/management_report.py", node.url]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "this broker has no management\n")


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


def typed(page: str) -> list[str]:
    """The commands of its shell examples, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    return [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]


def test_capture_of_the_page_on_reading_frames_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capture, explain = (line for line in typed("docs/howto/explain.md") if not line.startswith("echo "))
    assert capture == "tcpdump -i lo -w orders.pcap tcp port 61616"  # wants root: the capture is made by hand
    talk = Talk()
    send = next(vector.frame for vector in vectors() if vector.name == "SESS_SEND_V3")
    frames = [registry.encode(Ping(60_000), 0, 136), registry.encode(CreateSession("s", 10, 136), 1, 136), send]
    says = [*talk.opened(), *(talk.says(True, frame) for frame in frames)]
    (tmp_path / "orders.pcap").write_bytes(pcap([ethernet(one.packet()) for one in says]))
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(explain)[1:]) == 0
    shown = capsys.readouterr().out
    assert "SESS_SEND (71), channel 10" in shown
    assert "PING" not in shown


@pytest.mark.parametrize("page", ["docs/howto/simulate.md", "docs/design/simulator.md"])
def test_commands_of_the_pages_on_simulating_find_nothing(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    commands = typed(page)
    assert commands
    for command in commands:
        for whole, few in SIZES.items():
            command = command.replace(whole, few)
        assert main(shlex.split(command)[1:]) == 0
        assert "broken" not in capsys.readouterr().out


def test_page_on_the_simulator_names_all_its_files_and_rules() -> None:
    page = (ROOT / "docs/design/simulator.md").read_text()
    files = {path.name for path in SIMULATOR.glob("*.py")} - {"__init__.py"}
    assert not {file for file in files if f"`{file}`" not in page}
    rules = set(
        re.findall(r'^    rule = "(.+)"$', "".join(p.read_text() for p in SIMULATOR.rglob("*.py")), re.MULTILINE)
    )
    assert rules == set(
        re.findall(r"^\| ([\w -]+) \|", page.partition("| rule |")[2].partition("\n\n")[0], re.MULTILINE)
    )


def test_options_of_the_page_on_failures_are_those_of_the_code() -> None:
    page = (ROOT / "docs/howto/failover.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (\S+) \| (\S+) \|", page, re.MULTILINE)
    resilient = ClientConfig(resilient=True)
    options = options_of(ClientConfig)
    assert len(rows) == 12
    for key, *told in rows:
        name, option = options[key]
        values = [getattr(config, name) for config in (ClientConfig(), resilient, resilient.for_blocking())]
        assert told == [written(value, 1000 if option.unit == "seconds" else 1) for value in values], key


def test_every_program_of_the_pages_is_run_by_a_test() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    programs = {path.name for path in (ROOT / "docs").rglob("*.py")} - {"conf.py"}
    assert not {name for name in programs if not re.search(rf"\b{name.removesuffix('.py')}\b", tests)}


def test_urls_that_stand_alone_are_urls() -> None:
    blocks = [
        block
        for page in PAGES
        for block in re.findall(r"^```text\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    ]
    urls = [line for block in blocks for line in block.splitlines() if re.fullmatch(r"\(?(?:tcp|udp)://\S+", line)]
    assert len(urls) >= 3
    for url in urls:
        ClientConfig.from_url(url)


def first_column(page: str, head: str) -> set[str]:
    """The names in the first column of a table."""
    table = (ROOT / page).read_text().partition(head)[2].partition("\n\n")[0]
    cells = re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE)
    return {name for cell in cells for name in cell.strip("`").split("`, `")}


def test_failover_guide_names_every_event() -> None:
    told = first_column("docs/howto/failover.md", "| event | tells |")
    assert told == {event.__name__ for event in get_args(ClientEvent)}


def test_keywords_of_a_send_and_of_a_consumer_are_all_told() -> None:
    assert first_column("docs/howto/messages.md", "| keyword |") == set(Headers.__annotations__)
    assert first_column("docs/howto/receiving.md", "| keyword |") == set(ConsumerOptions.__annotations__)


def test_page_on_simulating_names_every_workload_and_fault() -> None:
    assert first_column("docs/howto/simulate.md", "| `--workload` |") == set(WORKLOADS)
    assert first_column("docs/howto/simulate.md", "| `--faults` |") == set(KINDS)


def test_page_on_exceptions_names_every_code() -> None:
    page = (ROOT / "docs/protocol/exceptions.md").read_text()
    assert not {code.name for code in ErrorCode if code.name not in page}


def written(value: float | bool | None, factor: int) -> str:
    """As on a URL."""
    return str(value).lower() if isinstance(value, bool) else f"{-1 if value is None else value * factor:.0f}"


def test_every_example_says_what_it_is_and_what_is_typed_is_tested() -> None:
    fences = {
        str(page.relative_to(ROOT)): re.findall(r"^```([\w{}-]*)(?: .*)?$", page.read_text(), re.MULTILINE)[::2]
        for page in (ROOT / "README.md", *PAGES)
    }
    assert not {page for page, kinds in fences.items() if "" in kinds}
    assert {page for page, kinds in fences.items() if "sh" in kinds} == set(TYPED)
    assert not {page for page, test in TYPED.items() if Path(page).name not in (ROOT / test).read_text()}


def test_every_page_that_source_cites_exists() -> None:
    cited = {(path, page) for path in SOURCES for page in re.findall(r"docs/[\w/-]+\.(?:md|py)", path.read_text())}
    assert cited
    assert not {(str(path.relative_to(ROOT)), page) for path, page in cited if not (ROOT / page).exists()}


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+\.(?:md|py))(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
