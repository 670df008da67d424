"""``corewire simulate``: what it prints, what it refuses, how what fails can be played again."""

from __future__ import annotations

import json

import pytest

from corewire_server.cli import main
from corewire_server.node.gate import Gate

FEW = ["--nodes", "1", "--seeds", "5"]


@pytest.fixture
def gate_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that promises before it keeps: found within a few seeds."""
    monkeypatch.setattr(Gate, "shut", lambda self, step: None)


BROKEN = ["--nodes", "1", "--faults", "kill,power", "--until-failure"]


def test_a_good_batch_tells_seeds_rate_and_faults(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", *FEW, "--from", "3"]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["what", "name", "count"]
    assert rows[1] == ["seeds", "3 to 7", "5"]
    assert rows[2][:2] == ["histories", "per second"]
    assert {row[0] for row in rows[3:]} <= {"fault", "probe"}


def test_one_seed_is_told_whole_if_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--nodes", "1", "--seed", "2", "--verbose"]) == 0
    said = capsys.readouterr()
    assert "a            serves in epoch 1\n" in said.out
    assert said.err == "replay: corewire simulate --seed 2 --nodes 1\n"


def test_how_clients_are_configured_belongs_to_what_is_played_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--nodes", "1", "--seed", "2", "--every-option", "--verbose"]) == 0
    assert capsys.readouterr().err == "replay: corewire simulate --seed 2 --nodes 1 --every-option\n"


@pytest.mark.replaces
@pytest.mark.usefixtures("gate_open")
def test_a_broken_promise_is_told_with_its_transcript_and_how_to_see_it_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["simulate", *BROKEN]) == 1
    said = capsys.readouterr()
    assert "\nbroken\t" in said.out
    assert "a            starts, for the 1st time\n" in said.out
    broken, *_, replay = said.err.splitlines()
    assert broken.startswith("broken: ")
    command = replay.removeprefix("replay: corewire ").split()
    seed = int(command[command.index("--seed") + 1])
    assert f"seeds\t0 to {seed}\t{seed + 1}\n" in said.out  # it was the last
    assert main(command) == 1
    assert broken in capsys.readouterr().err.splitlines()


@pytest.mark.replaces
@pytest.mark.usefixtures("gate_open")
def test_who_does_not_ask_to_stop_there_gets_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--nodes", "1", "--faults", "kill,power", "--seeds", "20"]) == 1
    assert "seeds\t0 to 19\t20\n" in capsys.readouterr().out


@pytest.mark.replaces
@pytest.mark.usefixtures("gate_open")
def test_programs_get_it_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", *BROKEN, "--json", "--quiet"]) == 1
    said = capsys.readouterr()
    *rows, shown = [json.loads(line) for line in said.out.splitlines()]
    assert {"what": "seeds", "name": rows[0]["name"], "count": rows[0]["count"]} == rows[0]
    assert shown["violations"]
    assert shown["transcript"]
    assert shown["replay"].startswith(f"corewire simulate --seed {shown['seed']} ")
    assert not said.err


@pytest.mark.slow
@pytest.mark.replaces
@pytest.mark.usefixtures("gate_open")
def test_what_fails_is_made_smaller(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", *BROKEN, "--shrink", "--from", "20"]) == 1  # what one fault is enough for
    replay = capsys.readouterr().err.splitlines()[-1]
    assert "--steps 1" in replay
    assert main(replay.removeprefix("replay: corewire ").split()) == 1


def test_it_stops_when_the_time_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--nodes", "1", "--minutes", "0.001"]) == 0
    assert "seeds\t0 to " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--faults", "kill,earthquake"], "there is no 'earthquake'"),
        (["--workload", "sleep"], "there is no 'sleep'"),
        (["--seeds", "0"], "Must be >= 1"),
        (["--nodes", "3"], "Must be <= 2"),
        (["--seed", "2", "--seeds", "5"], "--seed and --seeds exclude each other"),
        (["--from", "0", "--seed", "2"], "--seed and --from exclude each other"),
    ],
)
def test_what_it_does_not_know_is_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", *words]) == 2
    assert said in capsys.readouterr().err
