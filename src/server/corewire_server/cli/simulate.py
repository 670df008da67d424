"""``corewire simulate``: whole brokers and clients in an invented world, history by history, under the eyes of checkers."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, fields
from itertools import count
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from corewire_server.cli.options import Talk
from corewire_server.cli.output import Form, write_rows
from corewire_server.cli.report import Exit, UsageError, attempt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from corewire_server.simulator.history import History
    from corewire_server.simulator.scenario import Options

SEEDS: Final = 100
_EVERY_S: Final = 10.0

_Count = Annotated[int | None, Parameter(validator=Number(gte=1))]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Batch:
    """Which histories."""

    seed: Annotated[int | None, Parameter(help="Only this one; with --verbose its transcript.")] = None
    seeds: Annotated[
        _Count, Parameter(help=f"How many. Default: {SEEDS}, without end where something else ends it.")
    ] = None
    from_: Annotated[int | None, Parameter(name="--from", help="The first seed. Default: 0.")] = None
    minutes: Annotated[float | None, Parameter(help="So long.", validator=Number(gt=0))] = None
    until_failure: Annotated[bool, Parameter(help="Until a promise is broken.", negative="")] = False

    def numbers(self) -> Iterable[int]:
        """The seeds, in order. Raises UsageError."""
        if self.seed is not None:
            for other, option in ((self.seeds, "--seeds"), (self.from_, "--from")):
                if other is not None:
                    raise UsageError(f"--seed and {option} exclude each other")
            return (self.seed,)
        first = self.from_ or 0
        endless = self.seeds is None and (self.until_failure or self.minutes is not None)
        return count(first) if endless else range(first, first + (self.seeds or SEEDS))


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Kind:
    """What the histories are made of."""

    nodes: Annotated[int, Parameter(help="1: a single broker; 2: a pair.", validator=Number(gte=1, lte=2))] = 2
    faults: Annotated[str | None, Parameter(help="Kinds that may happen, with commas; none: nothing goes wrong.")] = (
        None
    )
    workload: Annotated[str | None, Parameter(help="What clients do. Default: drawn from the seed.")] = None
    steps: Annotated[_Count, Parameter(help="At most so many faults, one after the other.")] = None
    messages: Annotated[_Count, Parameter(help="A producer sends at most so many.")] = None
    applications: Annotated[_Count, Parameter(help="At most so many producers, and as many consumers.")] = None
    exactly_once: Annotated[
        bool,
        Parameter(
            help="All clients want exactlyOnce; no call may fail, and nothing come twice. Without transactions.",
            negative="",
        ),
    ] = False
    every_option: Annotated[
        bool, Parameter(help="Clients have options, too, that hardly anybody changes.", negative="")
    ] = False

    def options(self) -> Options:
        """For the simulator. Raises UsageError for a name that it does not know."""
        from corewire_server.simulator.faults import KINDS
        from corewire_server.simulator.scenario import ONCE, WORKLOADS, Options

        faults = (
            None if self.faults is None else tuple(one for one in self.faults.split(",") if one not in ("", "none"))
        )
        for kind in faults or ():
            if kind not in KINDS:
                raise UsageError(f"--faults: there is no {kind!r}", hint=f"one of {', '.join(KINDS)}")
        if self.workload is not None and self.workload not in WORKLOADS:
            raise UsageError(f"--workload: there is no {self.workload!r}", hint=f"one of {', '.join(WORKLOADS)}")
        if self.exactly_once and self.workload is not None and self.workload not in ONCE:
            raise UsageError(
                f"--exactly-once and --workload {self.workload} exclude each other", hint=f"one of {', '.join(ONCE)}"
            )
        default = Options()
        return Options(
            nodes=self.nodes,
            faults=faults,
            workload=self.workload,
            failures=self.steps or default.failures,
            messages=self.messages or default.messages,
            applications=self.applications or default.applications,
            exactly_once=self.exactly_once,
            every_option=self.every_option,
        )


def simulate(
    *,
    batch: Batch = Batch(),
    kind: Kind = Kind(),
    shrink: Annotated[
        bool, Parameter(help="Look for a smaller history that breaks the same promise.", negative="")
    ] = False,
    talk: Talk = Talk(),  # noqa: B008
) -> int:
    """Play histories of a broker or a pair and its clients, from seeds, and check what was promised."""
    return attempt(
        lambda: run(batch, kind.options(), shrink=shrink, talk=talk), as_json=talk.json, verbose=talk.verbose
    )


def run(batch: Batch, options: Options, *, shrink: bool, talk: Talk) -> int:
    """Play, report. Returns 1 if a promise was broken."""
    from corewire_server.simulator.shrink import shrink as smaller

    tally = Tally()
    for history in _played(batch, options, tally, quiet=talk.quiet):
        tally.add(history)
        if history.violations and batch.until_failure:
            break
    write_rows(sys.stdout, Form.of(sys.stdout, as_json=talk.json), ("what", "name", "count"), tally.rows())
    shown = tally.broken or (tally.last if batch.seed is not None and talk.verbose else None)
    if shown is not None:
        _show(smaller(shown) if shrink and shown.violations else shown, as_json=talk.json, verbose=talk.verbose)
    return Exit.NO if tally.broken else Exit.DONE


@dataclass(slots=True)
class Tally:
    """What became of the histories so far."""

    began: float = field(default_factory=time.monotonic)
    histories: int = 0
    first: History | None = None
    last: History | None = None
    broken: History | None = None  # the first
    rules: Counter[str] = field(default_factory=Counter[str])  # histories that broke it
    faults: Counter[str] = field(default_factory=Counter[str])
    probes: Counter[str] = field(default_factory=Counter[str])

    def add(self, history: History) -> None:
        """One more."""
        self.histories += 1
        self.first = self.first or history
        self.last = history
        self.faults.update(kind for kind in history.faults if kind != "healed")
        self.probes.update(history.probes)
        if history.violations:
            self.broken = self.broken or history
            self.rules.update({one.rule for one in history.violations})

    @property
    def rate(self) -> float:
        """Histories per second."""
        return self.histories / max(time.monotonic() - self.began, 1e-6)

    def rows(self) -> Iterator[tuple[str, str, int]]:
        """What is printed."""
        if self.first is not None and self.last is not None:
            yield "seeds", f"{self.first.seed} to {self.last.seed}", self.histories
        yield "histories", "per second", round(self.rate)
        for what, counter in (("broken", self.rules), ("fault", self.faults), ("probe", self.probes)):
            for name, number in sorted(counter.items()):
                yield what, name, number


def _played(batch: Batch, options: Options, tally: Tally, *, quiet: bool) -> Iterator[History]:
    from corewire_server.simulator.history import play

    until = None if batch.minutes is None else tally.began + 60 * batch.minutes
    told = tally.began
    for seed in batch.numbers():
        now = time.monotonic()
        if until is not None and now >= until:
            return
        if not quiet and now - told >= _EVERY_S:
            told = now
            sys.stderr.write(f"seed {seed}: {tally.histories} histories, {tally.rate:.0f} per second\n")
        yield play(seed, options)


def _show(history: History, *, as_json: bool, verbose: bool) -> None:
    """The transcript of a history and the command that plays it again."""
    from corewire_server.simulator.history import play
    from corewire_server.simulator.transcript import Detail

    transcript = play(history.seed, history.options, detail=Detail.STEPS if verbose else Detail.STORY).transcript
    assert transcript is not None
    command = replay(history)
    if as_json:
        said = {"seed": history.seed, "violations": [str(one) for one in history.violations], "replay": command}
        sys.stdout.write(json.dumps({**said, "transcript": transcript.lines}) + "\n")
        return
    sys.stdout.write(transcript.text)
    for violation in history.violations:
        sys.stderr.write(f"broken: {violation}\n")
    sys.stderr.write(f"replay: {command}\n")


_SWITCHES: Final = {"exactly_once": "--exactly-once", "every_option": "--every-option"}
_FLAGS: Final = {"failures": "steps", "nodes": "nodes", "messages": "messages", "applications": "applications"}


def replay(history: History) -> str:
    """The command that plays a history again."""
    from corewire_server.simulator.scenario import Options

    words = ["corewire", "simulate", "--seed", str(history.seed)]
    for each in fields(Options):
        value = getattr(history.options, each.name)
        if each.name in _FLAGS and (value != each.default or each.name == "nodes"):
            words += (f"--{_FLAGS[each.name]}", str(value))
    words += (_SWITCHES[name] for name in _SWITCHES if getattr(history.options, name))
    if history.options.faults is not None:
        words += ("--faults", ",".join(history.options.faults) or "none")
    if history.options.workload is not None:
        words += ("--workload", history.options.workload)
    return " ".join(words)
