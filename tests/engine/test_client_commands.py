"""Commands of a session: one that the wire cannot hold is its caller's mistake and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.client_world import ClientWorld

from corewire.errors import LocalProtocolError
from corewire.wire import packets

WRONG: Any = "a"


def test_a_later_command_of_a_script_that_cannot_be_written_ends_that_call_only() -> None:
    world = ClientWorld()
    session, other = world.session(), world.session()
    opening = world.engine.create_consumer(world.now, session, "q", create=True, priority=WRONG)
    world.pump()  # the queue is looked up and made; then comes what cannot be written
    assert opening.done
    with pytest.raises(LocalProtocolError, match="SESS_CREATECONSUMER cannot be written"):
        opening.result()
    for each in (session, other):
        assert world.receive_all(world.consumer(each, "q")) == []
    assert len(world.dials) == 1


def test_the_same_where_it_waited_for_a_link() -> None:
    world = ClientWorld()
    session = world.session()
    world.refusing.add("one")
    world.cut()
    world.pump()
    opening = world.engine.create_consumer(world.now, session, "q", priority=WRONG)
    assert not opening.done
    world.refusing.clear()
    world.advance(10.0)
    with pytest.raises(LocalProtocolError, match="cannot be written"):
        opening.result()
    assert world.receive_all(world.consumer(session, "q")) == []


def test_a_first_command_that_cannot_be_written_leaves_the_answers_in_step() -> None:
    world = ClientWorld()
    session = world.session()
    refused = world.engine.create_consumer(world.now, session, "q", priority=WRONG)
    assert refused.done
    with pytest.raises(LocalProtocolError, match="cannot be written"):
        refused.result()
    world.sent.clear()
    assert not world.run(world.engine.query_queue(world.now, session, "q")).exists
    assert world.sent == [packets.SessionQueueQuery.NAME]
