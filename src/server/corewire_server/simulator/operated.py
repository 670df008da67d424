"""
What a pair does not get over by itself, or only with the other's data: a machine that is dead and refuses nothing, and a folder
that was lost. An operator sees which of the two nodes still has everything, and orders it to serve.

The other had it, too, in the moment in which it died: so nothing confirmed may be lost. Its folder may be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corewire_server.simulator.operator import Operator
from corewire_server.simulator.pair import LINK_PORT, PairProcess
from corewire_server.simulator.world import MS, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire_server.simulator.faults import Faults
    from corewire_server.simulator.machine import Machine
    from corewire_server.simulator.world import Plot

ORDERS_MAX: Final = 40
ORDER_US: Final = 500 * MS  # from one order to the next
ANSWER_POLLS: Final = 200  # of a millisecond, until an order is answered by a node that is well


def _of_a_whole_pair(plot: Callable[[Faults, Machine, Machine], Plot]) -> Callable[[Faults], Plot]:
    """What happens to a primary and its backup while either could do without the other."""

    def begin(faults: Faults) -> Plot:
        primary, backup = (_of_role(faults, role) for role in ("primary", "backup"))
        if primary is not None and backup is not None and faults.steady:
            yield from plot(faults, primary, backup)

    return begin


def _of_role(faults: Faults, role: str) -> Machine | None:
    for machine in faults.machines:
        process = machine.process
        if isinstance(process, PairProcess) and process.node.status(process.now()).role == role:
            return machine
    return None


def _order(faults: Faults, machine: Machine, command: str) -> Operator:
    faults.say("order", f"{machine.name}: {command}")
    return Operator(faults.network, faults.rng, (machine.name, LINK_PORT), command)


def _serve(faults: Faults, machine: Machine) -> Plot:
    """It is ordered to serve until it does. While it still believes in the other it refuses."""
    for _ in range(ORDERS_MAX):
        if machine.serving or machine.process is None:
            return
        operator = _order(faults, machine, "failover")
        yield ORDER_US
        if operator.report is not None:
            faults.probe("a node serves by order" if operator.report["ok"] else "an order was refused")


def _empty(faults: Faults, machine: Machine) -> None:
    faults.say("lost-folder", machine.name)
    machine.disk.lose()


def _failover(faults: Faults, primary: Machine, backup: Machine) -> Plot:
    """The primary's machine is dead for a long time: the backup can never know, and is ordered to serve."""
    faults.say("failover", f"{primary.name} is dead")
    primary.lose_power()
    yield faults.moment(10, 22)
    yield from _serve(faults, backup)
    if faults.rng.random() < 0.3:
        _empty(faults, primary)
    yield faults.moment(10, 22)
    faults.say("healed", primary.name)
    primary.start()


def _lost_folder(faults: Faults, primary: Machine, backup: Machine) -> Plot:
    """One of them comes back with an empty folder. Where it was the primary, and came back too late or too soon for the other to
    take over by itself, somebody has to order it."""
    lost, other = (primary, backup) if faults.rng.random() < 0.5 else (backup, primary)
    if faults.rng.random() < 0.5:
        lost.kill(faults.moment(4, 12))
    else:
        lost.lose_power()
    _empty(faults, lost)
    yield faults.moment(8, 22)
    faults.say("healed", lost.name)
    lost.start()
    yield 5 * SECOND if not other.serving else 0
    yield from _serve(faults, other)


def _refused_order(faults: Faults, primary: Machine, backup: Machine) -> Plot:
    """All is well, and somebody orders what must not be: each node has to refuse."""
    for machine, command in ((backup, "failover"), (primary, "failover"), (backup, "switch")):
        operator = _order(faults, machine, command)
        for _ in range(ANSWER_POLLS):
            if operator.report is not None:
                break
            yield MS


KINDS: Final[dict[str, Callable[[Faults], Plot]]] = {
    "failover": _of_a_whole_pair(_failover),
    "lost-folder": _of_a_whole_pair(_lost_folder),
    "order": _of_a_whole_pair(_refused_order),
}
"""By name; only a pair can suffer them."""
