"""``corewire demo``: cut links and a killed primary, and what clients notice of it."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from corewire_server.cli.options import Talk
from corewire_server.cli.output import Form, write_rows
from corewire_server.cli.report import Exit, attempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire_server.demo.outcome import Outcome

_EVERY_S = 2.0  # off a terminal


def demo(
    *,
    single: Annotated[
        bool, Parameter(help="One broker without a backup, started again on its journal.", negative="")
    ] = False,
    seed: Annotated[int | None, Parameter(help="Where links are cut. Default: different each time.")] = None,
    talk: Talk = Talk(),  # noqa: B008  immutable
) -> int:
    """Show what is promised: clients in three worlds, their links cut at random bytes, the primary of a pair killed."""

    def work() -> int:
        from corewire_server.demo import scenario

        play = scenario.play_single if single else scenario.play_pair
        return run(play, as_json=talk.json, seed=seed, quiet=talk.quiet)

    return attempt(work, as_json=talk.json, verbose=talk.verbose)


def run(play: Callable[..., Outcome], *, as_json: bool = False, seed: int | None = None, quiet: bool = False) -> int:
    """Play a scenario, show its table. Returns 1 if a promise was broken."""
    seed = random.randrange(2**31) if seed is None else seed  # noqa: S311  it decides where links are cut
    teller = Teller(quiet=quiet)
    with tempfile.TemporaryDirectory(prefix="corewire-demo-") as folder:
        outcome = play(Path(folder), say=teller.say, seed=seed)
    teller.end(f"{outcome.cuts} cuts and a kill -9 in {teller.seconds:.1f} s (seed {seed})")
    write_rows(sys.stdout, Form.of(sys.stdout, as_json=as_json), outcome.columns, outcome.rows)
    for broken in outcome.broken:
        sys.stderr.write(f"broken: {broken}\n")
    return Exit.NO if outcome.broken else Exit.DONE


class Teller:
    """The progress line on stderr: overwritten on a terminal, else a new one now and then."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._began = time.monotonic()
        self._told = self._began - _EVERY_S

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began

    def say(self, line: str) -> None:
        """Tell where it is."""
        now = time.monotonic()
        if self._quiet or (not self._terminal and line[0].isdigit() and now - self._told < _EVERY_S):
            return
        self._told = now
        text = f"{self.seconds:4.1f} s  {line}"
        sys.stderr.write(f"\r{text:<60}" if self._terminal else f"{text}\n")
        sys.stderr.flush()

    def end(self, line: str) -> None:
        """Tell that it is over."""
        self.say(line.capitalize() if not line[0].isdigit() else f"done: {line}")
        if self._terminal and not self._quiet:
            sys.stderr.write("\n")
