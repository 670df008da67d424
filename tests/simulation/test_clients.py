"""Programs in the invented world: what they wait for, and what becomes of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from corewire.client._engine import ClientEngine
from corewire.client.message import Message
from corewire.errors import CallTimeout, NotConnected
from corewire.values import Queue
from corewire_server.simulator.observer import Observer
from corewire_server.simulator.scenario import Options
from corewire_server.simulator.simulation import Simulation
from corewire_server.simulator.world import MS, SECOND

if TYPE_CHECKING:
    from corewire.client._ids import SessionId
    from corewire_server.simulator.clients import Client, Task


class Calls(Observer):
    """Notes the calls of applications."""

    def __init__(self) -> None:
        self.deadlines: dict[int, list[int | None]] = {}
        self.began: dict[int, int] = {}
        self.over: dict[int, Exception | None] = {}

    def call_began(self, now: int, client: str, call: int, name: str, deadline: int | None) -> None:
        self.began.setdefault(call, now)
        self.deadlines.setdefault(call, []).append(deadline)

    def call_ended(self, now: int, client: str, call: int, error: Exception | None) -> None:
        self.over[call] = error


def lonely() -> tuple[Simulation, Client, Calls]:
    """A client, and a machine that does not run yet."""
    calls = Calls()
    simulation = Simulation(1, Options(), calls)
    return simulation, simulation.clients[0], calls


def pass_time(simulation: Simulation, us: int) -> None:
    simulation.world.after(us, None, lambda _: None)
    simulation.world.run(lambda: False, simulation.world.now + us)


def test_a_program_connects_as_soon_as_somebody_is_there() -> None:
    simulation, client, calls = lonely()
    client.begin(client.connect())
    pass_time(simulation, 3 * SECOND)
    assert client.open_calls == ["connect"]
    simulation.machines[0].start()
    pass_time(simulation, 3 * SECOND)
    assert client.up
    assert client.tasks == 0
    assert list(calls.over.values()) == [None]


def test_tasks_wait_for_time_and_for_answers_one_after_the_other() -> None:
    simulation, client, _ = lonely()
    heard: list[object] = []

    def task() -> Task:
        yield from client.connect()
        heard.append(simulation.world.now)
        yield 50 * MS
        heard.append(simulation.world.now)
        session = yield from client.call("create_session", client.engine.create_session)
        heard.append(client.engine.is_open(session))

    simulation.machines[0].start()
    client.begin(task())
    pass_time(simulation, 3 * SECOND)
    assert heard[1] == heard[0] + 50 * MS  # type: ignore[operator]
    assert heard[2] is True


def test_who_loses_patience_walks_away_and_the_operation_is_abandoned() -> None:
    simulation, client, _ = lonely()
    found: list[bool] = []

    def task() -> Task:
        yield from client.connect()
        session = yield from client.call("create_session", client.engine.create_session)
        consumer = yield from client.call(
            "create_consumer", client.engine.create_consumer, session, "orders", create=True
        )
        first = yield from client.wait(client.engine.receive(client.now_s(), consumer), 20 * MS)
        second = yield from client.wait(client.engine.receive(client.now_s(), consumer), 20 * MS)
        found.extend((first, second))  # a second one would be refused while the first one waits

    simulation.machines[0].start()
    client.begin(task())
    pass_time(simulation, 3 * SECOND)
    assert found == [False, False]
    assert client.tasks == 0


def test_a_call_raises_in_its_task_what_the_engine_says() -> None:
    simulation, client, calls = lonely()
    raised: list[type[Exception]] = []

    def task() -> Task:
        yield from client.connect()
        simulation.machines[0].lose_power()
        try:
            yield from client.call("create_session", client.engine.create_session)
        except (CallTimeout, NotConnected) as error:
            raised.append(type(error))

    simulation.machines[0].start()
    client.begin(task())
    pass_time(simulation, 100 * SECOND)
    assert raised == [CallTimeout]
    assert isinstance(calls.over[2], CallTimeout)


def test_a_program_that_stood_still_has_more_time_for_its_calls() -> None:
    simulation, client, calls = lonely()

    def task() -> Task:
        yield from client.connect()
        simulation.machines[0].lose_power()
        client.stop()
        yield from client.call("create_session", client.engine.create_session)

    simulation.machines[0].start()
    client.begin(task())
    pass_time(simulation, 5 * SECOND)
    client.go_on()
    first, second = calls.deadlines[2]
    assert first is not None
    assert second == first + 5 * SECOND - calls.began[2]


def test_a_send_that_waits_for_credits_has_a_deadline_while_there_is_no_link() -> None:
    """Waiting for credits has no limit (``tests/engine/test_client_flapping.py``); waiting for a broker has."""
    simulation, client, calls = lonely()
    client.engine = ClientEngine(replace(client.engine.config, producer_window_bytes=1000), rng=client.rng)
    began: list[int] = []

    def task() -> Task:
        yield from client.connect()
        session = yield from client.call("create_session", client.engine.create_session)
        yield from client.call("send", client.engine.send, session, Queue("orders"), Message(""))
        process = simulation.machines[0].process
        assert process is not None
        process.stop()
        client.begin(send(session))
        yield 500 * MS
        client.begin(send(session))

    def send(session: SessionId) -> Task:
        began.append(simulation.world.now)
        with suppress(CallTimeout):
            yield from client.call("send", client.engine.send, session, Queue("orders"), Message("." * 5000))

    simulation.machines[0].start()
    client.begin(task())
    pass_time(simulation, 100 * SECOND)
    assert client.tasks == 0
    (first, unlimited, lost), second = [calls.deadlines[call] for call in calls.deadlines if calls.began[call] in began]
    assert first is not None
    assert lost is not None
    assert (unlimited, second) == (None, [None, lost])
    assert lost - first > 5 * SECOND  # when the client found out


def test_to_connect_may_take_as_long_as_nobody_is_there() -> None:
    simulation, client, calls = lonely()
    client.begin(client.connect())
    pass_time(simulation, 100 * SECOND)
    assert calls.deadlines[1] == [None]
    assert client.open_calls == ["connect"]


def test_nothing_is_heard_of_a_program_that_was_killed() -> None:
    simulation, client, calls = lonely()
    simulation.machines[0].start()
    client.begin(client.connect())
    client.kill()
    pass_time(simulation, 5 * SECOND)
    assert client.ended
    assert client.tasks == 0
    assert calls.over == {}
