"""``corewire cluster``: look at a pair of nodes, and change which one serves. It reaches nodes that serve nobody, too."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from corewire.errors import CallTimeout, ConfigError, ConnectionLost, CorewireError, NotConnected
from corewire_server.cli.durations import seconds
from corewire_server.cli.output import Form, write_rows
from corewire_server.cli.pair_options import NodeAddress, Pair
from corewire_server.cli.report import Exit, UsageError, attempt, exit_code
from corewire_server.config import LINK_OFFSET
from corewire_server.replication.link import Command
from corewire_server.runtime.control import Operator, ask, printable

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS: Final = (
    *("node", "role", "serves", "epoch", "in_step", "last_input", "lag_inputs", "lag_bytes", "lag_ms"),
    *("lease_age_ms", "fell_out", "waits_for"),
)
_ASK_S: Final = 5.0  # for one question: a machine that is off must not hold up what the other one says
_LOOK_S: Final = 0.1  # between two looks at a node that is about to serve
_SHOW: Final = "corewire cluster show"
_NO_LINK: Final = (
    "--url of a node of a pair that runs (a broker without a peer has no replication link), with ?link=PORT "
    f"if its link is not at the port for clients + {LINK_OFFSET}"
)
_CLEAR: Final = "\x1b[H\x1b[2J"


@dataclass(frozen=True, slots=True)
class View:
    """What was learned of one node: how it stands, or why that is not known."""

    address: NodeAddress
    status: dict[str, Any] = field(default_factory=dict[str, Any])
    error: CorewireError | None = None

    @property
    def serves(self) -> bool:
        """Whether clients are answered there."""
        return self.status.get("serving") is True

    def row(self) -> list[Any]:
        """What is written of it."""
        if self.error is None:
            told: list[Any] = [self.status.get("serving" if name == "serves" else name) for name in COLUMNS[1:]]
            return [str(self.address), *(printable(value) if isinstance(value, str) else value for value in told)]
        unknown = [None] * (len(COLUMNS) - 3)
        role = "unreachable" if isinstance(self.error, ConnectionLost | CallTimeout) else "refuses"
        return [str(self.address), role, *unknown, " ".join(str(self.error).split())]


def show(
    *,
    watch: Annotated[str | None, Parameter(help="Again and again, so often: 2s.")] = None,
    pair: Pair = Pair(),  # noqa: B008  immutable
) -> int:
    """Write how the nodes are. Ends with 0 if one of them serves, and one only."""

    def work(pair: Pair, operator: Operator) -> int:
        pause_s = None if watch is None else _read_pause(watch)
        form = Form.of(sys.stdout, as_json=pair.json)
        head = True
        while True:
            views = look(pair.nodes(), operator)
            if pause_s is not None and form is Form.TABLE:
                sys.stdout.write(_CLEAR)
            _write(form, views, head=head)
            sys.stdout.flush()
            code = _judge(views)
            if pause_s is None:
                return code
            head = False
            time.sleep(pause_s)

    return _run(pair, work)


def switch(*, pair: Pair = Pair()) -> int:  # noqa: B008  immutable
    """Hand the service over to the backup in step. Clients continue; ends with 0 when the other node serves."""

    def work(pair: Pair, operator: Operator) -> int:
        views = look(pair.nodes(), operator)
        server = _server(views)
        if server is None:
            raise _first_refusal(views) or _failure(views) or _nobody_hands_over(views)
        others = [view.address for view in views if view is not server]
        if not others:
            raise UsageError(f"{server.address} does not know where its peer is", hint="--url tcp://one,tcp://two")
        ask(server.address.host, server.address.link, Command("switch", {}), operator)
        _await(others, server.status.get("epoch", 0), pair, operator)
        return _tell(pair, look([view.address for view in views], operator))

    return _run(pair, work)


def failover(
    *,
    old_process_is_dead: Annotated[
        bool, Parameter(help="You made sure that the other node's process is dead and stays so.", negative="")
    ] = False,
    pair: Pair = Pair(),  # noqa: B008  immutable
) -> int:
    """
    Order a node to serve that does not dare to by itself, because it cannot know whether the other one still does.

    Without --old-process-is-dead it tells what such an order would stand on, and orders nothing.
    """

    def work(pair: Pair, operator: Operator) -> int:
        named = pair.nodes()
        views = look(named, operator)
        server = _server(views)
        if server is not None:
            raise CorewireError(
                f"{server.address} serves in epoch {server.status.get('epoch')}",
                hint="corewire cluster switch hands over from a node that serves",
            )
        target = _target(views[: len(named)])
        _warn(target)
        if not old_process_is_dead:
            raise UsageError("nothing was ordered", hint="--old-process-is-dead, once you have made sure of it")
        ask(target.address.host, target.address.link, Command("failover", {}), operator)
        _await([target.address], 0, pair, operator)
        return _tell(pair, look([target.address], operator, follow=False))

    return _run(pair, work)


def look(nodes: list[NodeAddress], operator: Operator, *, follow: bool = True) -> list[View]:
    """Ask all nodes at once. ``follow``: if only one is named, ask the peer that it names, too."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        views = list(pool.map(_look_at, nodes, repeat(operator)))
    peer = _peer_of(views[0]) if follow and len(views) == 1 else None
    return views if peer is None else [*views, _look_at(peer, operator)]


def _look_at(node: NodeAddress, operator: Operator) -> View:
    try:
        return View(node, ask(node.host, node.link, Command("show", {}), operator).get("status", {}))
    except ConfigError:
        raise
    except CorewireError as error:
        return View(node, error=error)


def _peer_of(view: View) -> NodeAddress | None:
    peer: dict[str, object] = view.status.get("peer") or {}
    host, _, link = str(peer.get("link_address", "")).rpartition(":")
    if not host or not link.isdecimal():
        return None
    client = str(peer.get("client_address", "")).rpartition(":")[2]
    port = int(client) if client.isdecimal() else int(link) - LINK_OFFSET
    return NodeAddress(host.strip("[]"), port, int(link))


def _run(pair: Pair, work: Callable[[Pair, Operator], int]) -> int:
    """Do the work of one command, with its options read and its errors told."""

    def whole() -> int:
        given = pair.filled()
        return work(given, given.operator(_ASK_S))

    return attempt(whole, as_json=pair.json, verbose=pair.verbose)


def _read_pause(text: str) -> float:
    try:
        pause_s = seconds(text, bare="s")
    except ValueError as error:
        raise UsageError(f"--watch: {error}") from None
    if not pause_s:
        raise UsageError("--watch: more than 0, as 2s")
    return pause_s


def _judge(views: list[View]) -> Exit:
    """How a look ends. Raises what a node refused if no node told anything; that none was reached stands in the rows."""
    match _failure(views):
        case None:
            pass
        case ConnectionLost() | CallTimeout() as unreached:
            return exit_code(unreached)
        case refusal:
            raise refusal
    serving = [view for view in views if view.serves]
    if len(serving) > 1:
        sys.stderr.write(f"warning: {' and '.join(str(view.address) for view in serving)} serve at once\n")
    return Exit.DONE if len(serving) == 1 else Exit.NO


def _failure(views: list[View]) -> CorewireError | None:
    """Why no node told anything: one refuses, or none was reached. None if one did."""
    if not all(view.error for view in views):
        return None
    error = _first_refusal(views) or views[0].error
    if isinstance(error, NotConnected):
        error.hint = _NO_LINK
    return error


def _first_refusal(views: list[View]) -> CorewireError | None:
    errors = (view.error for view in views)
    return next((error for error in errors if error and not isinstance(error, ConnectionLost | CallTimeout)), None)


def _server(views: list[View]) -> View | None:
    """The node that serves. Raises CorewireError if there are several."""
    serving = [view for view in views if view.serves]
    if len(serving) > 1:
        raise CorewireError(f"{' and '.join(str(view.address) for view in serving)} serve at once", hint=_SHOW)
    return serving[0] if serving else None


def _nobody_hands_over(views: list[View]) -> CorewireError:
    """What to say where no node that was asked serves. A backup knows who does: that one was not reached."""
    for view in views:
        primary = _peer_of(view)
        if primary is not None and view.status.get("role") == "backup" and view.status["peer"].get("role") == "primary":
            told = f"{view.address} does not serve, it is backup, and its primary, {primary}, was not reached"
            hint = f'corewire cluster switch --url "{primary}?link={primary.link}", from where that node can be reached'
            return CorewireError(told, hint=hint)
    return CorewireError("no node serves that could hand over", hint=_SHOW)


def _target(named: list[View]) -> View:
    """The one node that is to serve. Raises UsageError if it is not clear which, and what went wrong if none answers."""
    answering = [view for view in named if view.error is None]
    if len(answering) > 1:
        raise UsageError("both nodes answer, and neither serves: name the one that shall", hint="--url tcp://one")
    if (failure := _failure(named)) is not None:
        raise failure
    return answering[0]


def _warn(target: View) -> None:
    """Say what an order to serve stands on."""
    status = target.status
    says = printable(str(status.get("waits_for") or "it does not say why it waits"))
    sys.stderr.write(
        f"{target.address} is {printable(str(status.get('role')))} of epoch {status.get('epoch')} and does not serve: {says}\n"
        f"  the last sign that the primary knew it: {_age(status.get('lease_age_ms'))}\n"
        f"  the last input it has: number {status.get('last_input')}, {_age(status.get('input_age_ms'))}\n"
        "  what the other node confirmed after that is lost by this order; and if its process lives, or is started while the\n"
        "  two cannot reach each other, both serve: what clients send is then split between them\n"
    )


def _age(milliseconds: object) -> str:
    if not isinstance(milliseconds, int):
        return "none since it was started"
    return f"{milliseconds / 1000:.1f} s ago"


def _await(nodes: list[NodeAddress], epoch: int, pair: Pair, operator: Operator) -> None:
    """Wait until one of the nodes serves in a later epoch than ``epoch``. Raises CallTimeout that says how it stands."""
    began = time.monotonic()
    while True:
        views = look(nodes, operator, follow=False)
        for view in views:
            if view.serves and view.status.get("epoch", 0) > epoch:
                if not pair.quiet:
                    took_s = time.monotonic() - began
                    sys.stderr.write(f"{view.address} serves in epoch {view.status['epoch']}, after {took_s:.2f} s\n")
                return
        if time.monotonic() - began > pair.timeout_s:
            seen = views[0].row()
            raise CallTimeout(f"{seen[0]} does not serve yet: {seen[1]}, {seen[-1] or 'no reason told'}")
        time.sleep(_LOOK_S)


def _write(form: Form, views: list[View], *, head: bool = True) -> None:
    """A row for each node; on a terminal, which is not wide enough for that, a column for each."""
    rows = [view.row() for view in views]
    if form is Form.TABLE:
        first, *others = zip(COLUMNS, *rows, strict=True)
        write_rows(sys.stdout, form, first, others)
    else:
        write_rows(sys.stdout, form, COLUMNS, rows, head=head)


def _tell(pair: Pair, views: list[View]) -> Exit:
    """How it stands after an order."""
    _write(Form.of(sys.stdout, as_json=pair.json), views)
    return _judge(views)
