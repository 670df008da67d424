"""
Two things that go wrong together in a pair, each of which alone would be harmless to what is dangerous about the other.

By chance they would meet once in thousands of histories. Nothing confirmed may be lost in them, and no two nodes may serve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corewire_server.node.settings import GateMode
from corewire_server.simulator.pair import LINK_PORT, PairProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire_server.simulator.faults import Faults
    from corewire_server.simulator.machine import Machine
    from corewire_server.simulator.world import Plot

ALONE_POLLS: Final = 400  # events, two at a time, in which a primary should have gone on alone


def _of_a_pair(plot: Callable[[Faults, Machine, Machine], Plot]) -> Callable[[Faults], Plot]:
    """What happens to the primary and the other one, if both are up."""

    def begin(faults: Faults) -> Plot:
        serving = [machine for machine in faults.machines if machine.serving]
        others = [machine for machine in faults.machines if machine not in serving and machine.process is not None]
        if serving and others:
            yield from plot(faults, serving[0], others[0])

    return begin


def _back(faults: Faults, machine: Machine) -> Plot:
    """After a while somebody starts it again."""
    yield faults.moment(8, 22)
    faults.say("healed", machine.name)
    machine.start()


def _until_alone(machine: Machine) -> Plot:
    """Wait until a primary has gone on without its backup."""
    for _ in range(ALONE_POLLS):
        process = machine.process
        if not isinstance(process, PairProcess) or process.node.alone:
            return
        yield -2


def _until_critical(machine: Machine) -> Plot:
    """Wait until a primary's answers wait for a backup that does not know it yet."""
    for _ in range(ALONE_POLLS):
        process = machine.process
        if not isinstance(process, PairProcess) or process.in_the_critical_moment:
            return
        yield -1


def _until_kept(machine: Machine) -> Plot:
    """
    Wait until a primary that has lost its backup has on disk what only their two memories had, if that was enough to answer: to kill
    it before would be the second failure.
    """
    for _ in range(ALONE_POLLS):
        process = machine.process
        if not isinstance(process, PairProcess) or process.gate is not GateMode.BACKUP or process.kept:
            return
        yield -1


def _forsaken(faults: Faults, primary: Machine, backup: Machine) -> Plot:
    """The backup stands still until the primary has gone on alone and was killed; then it reads what lies in its buffers."""
    process = backup.process
    assert process is not None
    faults.say("forsaken", f"{backup.name} stands still")
    if faults.rng.random() < 0.5:
        for end in [one for one in faults.network.living() if one.port == LINK_PORT]:
            faults.network.reset(end, faults.moment(4, 12))
        yield faults.moment(8, 20)
    process.stop()
    yield from _until_alone(primary)
    yield -faults.moment(0, 6)
    faults.say("forsaken", f"{primary.name} is killed")
    primary.kill(faults.moment(4, 12))
    yield faults.moment(6, 16)
    faults.say("healed", backup.name)
    if not process.ended:
        process.go_on()
    yield from _back(faults, primary)


def _unheard(faults: Faults, primary: Machine, backup: Machine) -> Plot:
    """The backup hears the primary and is not heard, until the primary has gone on alone and is killed."""
    faults.say("unheard", f"{backup.name} by {primary.name}")
    faults.network.silence(backup.name, primary.name)
    yield from _until_alone(primary)
    yield -faults.moment(0, 6)
    faults.say("unheard", f"{primary.name} is killed")
    primary.kill(faults.moment(4, 12))
    faults.network.heal(backup.name, primary.name)
    faults.say("healed", f"{backup.name} to {primary.name}")
    yield from _back(faults, primary)


def _joining(faults: Faults, primary: Machine, backup: Machine) -> Plot:
    """The backup is killed and back, and the primary is killed while it joins; or one of them in the critical moment."""
    faults.say("joining", f"{backup.name} is killed")
    backup.kill(faults.moment(4, 12))
    yield from _until_kept(primary)
    yield faults.moment(8, 16)
    backup.start()
    if faults.rng.random() < 0.5:
        faults.network.slow(primary.name, backup.name, faults.moment(10, 16))
    victim = primary
    if faults.rng.random() < 0.3:
        yield from _until_critical(primary)
        victim = faults.rng.choice((primary, backup))
    else:
        yield -faults.moment(0, 7)
    faults.say("joining", f"{victim.name} is killed")
    if faults.rng.random() < 0.5:
        victim.kill(faults.moment(4, 12))
    else:
        victim.lose_power()
    faults.network.slow(primary.name, backup.name, 0)
    yield from _back(faults, victim)


def _torn(faults: Faults, primary: Machine, backup: Machine) -> Plot:
    """Inputs are late on their way to the backup, the link is reset with all of them on it, and the primary is killed."""
    if faults.rng.random() < 0.5:
        backup.kill(faults.moment(4, 12))
        faults.say("torn", f"{backup.name} has to join anew")
        yield from _until_kept(primary)
        yield faults.moment(8, 14)
        backup.start()
        yield -faults.moment(4, 7)
    faults.network.slow(primary.name, backup.name, faults.moment(10, 17))
    yield -faults.moment(2, 7)
    faults.say("torn", f"{primary.name} is killed with its link")
    for end in [one for one in faults.network.living() if one.port == LINK_PORT]:
        faults.network.reset(end, faults.moment(4, 9))
    primary.kill(faults.moment(4, 9))
    faults.network.slow(primary.name, backup.name, 0)
    yield from _back(faults, primary)


def _split(faults: Faults, primary: Machine, backup: Machine) -> Plot:
    """The primary is killed, and when it is back the two cannot reach each other for a while."""
    faults.say("split", f"{primary.name} is killed")
    primary.kill(faults.moment(4, 12))
    yield faults.moment(8, 20)
    for source, target in ((primary, backup), (backup, primary)):
        faults.network.silence(source.name, target.name)
    faults.say("split", f"{primary.name} is back, and cannot reach {backup.name}")
    primary.start()
    yield faults.moment(16, 23)
    for source, target in ((primary, backup), (backup, primary)):
        faults.network.heal(source.name, target.name)
    faults.say("healed", f"{primary.name} and {backup.name}")


def _both(faults: Faults) -> Plot:
    """Both are killed, and start again in either order."""
    machines = list(faults.machines)
    if any(isinstance(one.process, PairProcess) and one.process.gate is GateMode.BACKUP for one in machines):
        return  # what two machines had in memory is gone with both: two failures, and documented
    faults.rng.shuffle(machines)
    for machine in machines:
        faults.say("both", f"{machine.name} is killed")
        machine.kill(faults.moment(4, 12))
        yield faults.moment(4, 20)
    faults.rng.shuffle(machines)
    for machine in machines:
        faults.say("healed", machine.name)
        machine.start()
        yield faults.moment(4, 22)


KINDS: Final[dict[str, Callable[[Faults], Plot]]] = {
    "forsaken": _of_a_pair(_forsaken),
    "unheard": _of_a_pair(_unheard),
    "joining": _of_a_pair(_joining),
    "torn": _of_a_pair(_torn),
    "split": _of_a_pair(_split),
    "both": _both,
}
"""Those that only a pair can suffer, by name."""
