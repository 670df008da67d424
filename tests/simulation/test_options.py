"""What options that hardly anybody changes mean in the invented world, each with what may be held against a broker or a client."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

from corewire.client.config import ClientConfig, Endpoint
from corewire.client.message import Message
from corewire.errors import CorewireError
from corewire.values import Queue
from corewire_server.core import intake
from corewire_server.simulator import scenario, workloads
from corewire_server.simulator.clients import Client
from corewire_server.simulator.history import RAISED, play
from corewire_server.simulator.node import CLIENT_PORT
from corewire_server.simulator.observer import Observer
from corewire_server.simulator.scenario import Options, draw
from corewire_server.simulator.settings import draw_config
from corewire_server.simulator.simulation import Simulation
from corewire_server.simulator.workloads import Errand
from corewire_server.simulator.world import MS, SECOND

if TYPE_CHECKING:
    import pytest

    from corewire_server.simulator.clients import Task

KNOWS_A = ClientConfig(endpoints=(Endpoint(host="a", port=CLIENT_PORT),), resilient=True)


class Told(Observer):
    """What the client of a test is told, and since when."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.sent_at: list[int] = []

    def event(self, now: int, client: str, text: str) -> None:
        if client == "mine":
            self.events.append(text)

    def sent(self, now: int, client: str, producer: str, number: int, queue: str, **kind: Any) -> None:
        self.sent_at.append(now)


def begun(config: ClientConfig, *, nodes: int = 1) -> tuple[Simulation, Client, Told]:
    """Nodes that serve or follow, and one client that is connected and does nothing yet."""
    told = Told()
    simulation = Simulation(1, Options(nodes=nodes, faults=()), told)
    for machine in simulation.machines:
        machine.start()
        pass_time(simulation, SECOND)
    pass_time(simulation, 5 * SECOND)
    assert all(machine.whole for machine in simulation.machines)
    client = Client(simulation.world, simulation.network, "mine", config)
    client.begin(client.connect())
    pass_time(simulation, SECOND)
    assert client.up
    return simulation, client, told


def pass_time(simulation: Simulation, us: int) -> None:
    simulation.world.after(us, None, lambda _: None)
    simulation.world.run(lambda: False, simulation.world.now + us)


def finds_out_in_the_calm(simulation: Simulation, client: Client, told: Told) -> None:
    simulation.faults.clients = [client]
    simulation.faults.mend()
    pass_time(simulation, 10 * SECOND)
    assert told.events[2] == "FailureDetected"
    assert client.up


def one_a_second(client: Client, outcomes: list[str]) -> Task:
    """Send a message a second."""
    session = yield from client.call("create_session", client.engine.create_session)
    while True:
        outcome = "sent"
        try:
            sending = client.engine.send(client.now_s(), session, Queue("orders"), Message("x"))
            yield from client.settled("send", sending)
        except CorewireError as problem:
            outcome = type(problem).__name__
        outcomes.append(outcome)
        yield SECOND


def outage(config: ClientConfig) -> tuple[list[str], list[str], list[str]]:
    """
    The primary of a pair is killed and is back after 20 seconds; the backup serves meanwhile. Returns what became of sends before,
    during and after that.
    """
    simulation, client, told = begun(config, nodes=2)
    outcomes: list[str] = []
    client.begin(one_a_second(client, outcomes))
    pass_time(simulation, 3 * SECOND + 500 * MS)
    before = outcomes[:]
    outcomes.clear()
    simulation.machines[0].kill()
    pass_time(simulation, 20 * SECOND)
    assert simulation.machines[1].serving
    during = outcomes[:]
    outcomes.clear()
    simulation.machines[0].start()
    pass_time(simulation, 20 * SECOND)
    assert told.events[0:2] == ["TopologyChanged", "Connected"]
    return before, during, outcomes


def test_who_knows_only_the_primary_and_wants_no_topology_waits_until_it_is_back() -> None:
    """A send in the outage waits for ``callFailoverTimeout``, and the client for as long as it takes."""
    before, during, after = outage(replace(KNOWS_A, ha=False, call_failover_timeout_s=4.0, explicit=frozenset({"ha"})))
    assert set(before) == {"sent"}
    assert during == ["CallTimeout"] * 4
    assert after[1:] == ["sent"] * len(after[1:])
    assert len(after) > 10


def test_who_gives_up_meanwhile_is_told_that_he_is_not_connected() -> None:
    """The send of the outage waits until the attempts are used up, for a second and a half; then each is refused at once, for good."""
    before, during, after = outage(replace(KNOWS_A, ha=False, reconnect_attempts=5, explicit=frozenset({"ha"})))
    assert set(before) == {"sent"}
    assert {*during, *after} == {"NotConnected"}
    assert len(during) == 19


def test_who_wants_the_topology_goes_on_at_the_other_node() -> None:
    before, during, after = outage(KNOWS_A)
    assert {*before, *during, *after} == {"sent"}
    assert len(during) > 15


def test_the_kernel_of_who_does_not_look_tells_him_in_the_end() -> None:
    """A machine that lost its power tells nobody, and who neither pings nor sends would listen for ever."""
    checks_nothing = replace(KNOWS_A, client_failure_check_period_s=None, explicit=frozenset({"reconnect_attempts"}))
    simulation, client, told = begun(checks_nothing)
    assert not client.checks
    machine = simulation.machines[0]
    machine.lose_power()
    machine.start()
    pass_time(simulation, 100 * SECOND)
    assert "FailureDetected" not in told.events
    finds_out_in_the_calm(simulation, client, told)


def test_the_kernel_of_the_node_that_leads_him_does_so_as_well() -> None:
    """His own sees no farther than that node's door (seed 11600 of exactly-once with every option)."""
    knows_b = replace(KNOWS_A, endpoints=(Endpoint(host="b", port=CLIENT_PORT),), client_failure_check_period_s=None)
    simulation, client, told = begun(knows_b, nodes=2)
    primary = simulation.machines[0]
    assert primary.serving
    primary.lose_power()
    primary.start()
    pass_time(simulation, 100 * SECOND)
    assert simulation.machines[1].serving
    assert "FailureDetected" not in told.events
    finds_out_in_the_calm(simulation, client, told)


def test_whose_other_side_is_there_is_not_told_that_it_is_not() -> None:
    simulation, client, told = begun(replace(KNOWS_A, client_failure_check_period_s=None))
    simulation.network.keep_alive(client)
    pass_time(simulation, 10 * SECOND)
    assert told.events == ["TopologyChanged", "Connected"]


def test_senders_keep_to_their_rate() -> None:
    """What a second gives may come at once, then one comes after the other."""
    simulation, client, told = begun(replace(KNOWS_A, producer_rate_max=2))
    client.begin(workloads.send_blocking(client, Errand(name="p", queue="orders", count=7)))
    pass_time(simulation, 10 * SECOND)
    gaps = [later - earlier for earlier, later in zip(told.sent_at, told.sent_at[1:], strict=False)]
    assert len(told.sent_at) == 7
    assert all(gap < 100 * MS for gap in gaps[:1])
    assert all(gap > 450 * MS for gap in gaps[2:])


def test_of_the_threads_of_a_client_that_gave_up_one_connects() -> None:
    """Each began an engine of its own on the same links: one of them came to no end (seed 325 of the first with every option)."""
    simulation, client, told = begun(replace(KNOWS_A, reconnect_attempts=0, explicit=frozenset({"reconnect_attempts"})))
    simulation.machines[0].kill(1)
    pass_time(simulation, SECOND)
    assert told.events[-1] == "FailoverFailed"
    for _ in range(3):
        client.begin(client.connect_anew())
    simulation.machines[0].start()
    pass_time(simulation, 5 * SECOND)
    assert client.tasks == 0
    assert told.events.count("Connected") == 2
    assert len(client.ends) == 1


def test_where_somebody_has_the_broker_forget_nobody_is_owed_anything() -> None:
    drawn = [draw(Random(seed), Options(every_option=True)) for seed in range(200)]
    forgetting = [each for each in drawn if any(config.pre_acknowledge for config in each.configs)]
    assert 5 < len(forgetting) < 50
    assert not any(job.errand.owed for each in forgetting for jobs in each.clients for job in jobs)


def test_what_the_broker_forgot_never_comes_again_whatever_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """And brokers know their clients by name, in all of these histories."""
    monkeypatch.setattr(scenario, "SELDOM", 1.0)
    options = Options(faults=("reset", "kill"), every_option=True)
    drawn = [draw(Random(seed), options) for seed in range(8)]
    assert all(each.users and all(config.user for config in each.configs) for each in drawn)
    assert sum(any(config.pre_acknowledge for config in each.configs) for each in drawn) > 4
    assert not any(play(seed, options).violations for seed in range(8))


def test_messages_of_groups_are_refused_and_one_that_is_taken_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw_grouped(*args: Any, **options: Any) -> ClientConfig:
        return replace(drawing(*args, **options), block_on_durable_send=True, auto_group=True)

    drawing = draw_config
    monkeypatch.setattr(scenario, "draw_config", draw_grouped)
    calm = Options(workload="lacking", faults=())
    histories = [play(seed, calm) for seed in range(6)]
    assert not any(history.violations for history in histories)
    assert any("a message of a group was refused" in history.probes for history in histories)
    monkeypatch.delitem(intake._UNBUILT, "_AMQ_GROUP_ID")
    assert any(play(seed, calm).broken == RAISED for seed in range(6))
