"""Opening, re-attaching and losing sessions."""

from __future__ import annotations

import pytest
from tests.server.helpers import Client, Session, World, one, send_packet

from corewire.wire import packets
from corewire_server.core import Broker, CoreConfig, Limits


def _refused(client: Client, packet: packets.CreateSessionV2) -> int:
    client.send(1, packet)
    answer = one(client.read(1))
    assert isinstance(answer, packets.ExceptionResponse), answer
    return answer.code


def test_versions_that_are_not_spoken_are_refused_and_the_link_goes_on() -> None:
    client = World().connect()
    assert _refused(client, packets.CreateSessionV2("s", 10, 128)) == 108
    assert _refused(client, packets.CreateSessionV2("s", 10, 137)) == 108
    client.session()


@pytest.mark.parametrize(("user", "password"), [("eve", "secret"), ("ann", "wrong"), ("ann", None), (None, None)])
def test_wrong_users_and_passwords_are_refused_with_105(user: str | None, password: str | None) -> None:
    client = World(CoreConfig(node_seed=b"", users={"ann": "secret"})).connect()
    assert _refused(client, packets.CreateSessionV2("s", 10, 136, user, password)) == 105
    client.session(username="ann", password="secret")


def test_xa_sessions_are_refused_with_213_by_name() -> None:
    client = World().connect()
    client.send(1, packets.CreateSessionV2("s", 10, 136, xa=True))
    answer = one(client.read(1))
    assert (answer.code, answer.message) == (213, "corewire does not have this yet: XA sessions")


def test_check_for_failover_is_answered_at_once() -> None:
    client = World().connect()
    client.send(1, packets.CheckForFailover("some node"))
    assert client.read(1) == [packets.CheckForFailoverReply(ok_to_failover=True)]


def test_a_known_name_replaces_the_session() -> None:
    world = World()
    first = world.connect().session("same", window_size=1000)
    first.queue("q")
    first.publish("q", "m")
    first.consume("q")
    assert first.texts() == ["m"]
    second = world.connect().session("same", window_size=1000)
    second.consume("q")
    assert second.texts() == ["m"]
    first.tell(packets.SessionQueueQuery("q"))
    assert first.read() == []


def test_reattachment_writes_again_what_the_client_lacks_and_then_the_answer() -> None:
    world = World()
    client = world.connect()
    session = client.session(window_size=1 << 20)
    session.queue("q")
    session.consume("q")
    session.read()
    client.lose()
    session.tell(packets.SessionQueueQuery("q"))  # into the dead link
    world.connect().session().publish("q", "while away")
    other = world.connect()
    other.read(0)
    other.read(1)
    answer = other.reattach(session, 0)  # it has seen the answer to CREATE_QUEUE only
    assert answer == packets.ReattachSessionResponse(3, reattached=True)
    replayed, delivery = session.read()
    assert isinstance(replayed, packets.SessionQueueQueryResponseV3)
    assert isinstance(delivery, packets.SessionReceiveMessage)


def test_what_was_answered_while_nobody_was_there_comes_with_the_reattachment() -> None:
    world = World()
    client = world.connect()
    session = client.session(window_size=1 << 20)
    session.queue("q")
    session.consume("q", credit=1)
    session.read()
    session.tell(packets.SessionForceConsumerDelivery(0, 7))
    client.lose()
    other = world.connect()
    assert other.reattach(session, 1).reattached
    assert len(session.deliveries()) == 1  # the marker


def test_a_client_that_confirms_what_was_never_sent_is_refused_and_its_session_closed() -> None:
    world = World()
    client = world.connect()
    session = client.session(window_size=1000)
    client.lose()
    answer = world.connect().reattach(session, 99)
    assert answer == packets.ReattachSessionResponse(-1, reattached=False)
    assert not world.connect().reattach(session, -1).reattached


@pytest.mark.parametrize("window", [-1, 0])
def test_sessions_without_a_window_end_with_their_link(window: int) -> None:
    world = World()
    client = world.connect()
    session = client.session(window_size=window)
    client.lose()
    assert not world.connect().reattach(session, -1).reattached


def test_a_session_waits_for_its_client_as_long_as_the_ttl() -> None:
    world = World()
    client = world.connect()
    session = client.session(window_size=1000)
    client.lose()
    world.sleep(59_000)
    assert world.connect().reattach(session, -1).reattached
    session.client.lose()
    world.sleep(63_000)
    assert not world.connect().reattach(session, -1).reattached


def test_without_a_ttl_a_lost_session_waits_for_the_configured_time() -> None:
    world = World(CoreConfig(node_seed=b"", limits=Limits(detached_without_ttl_ms=5_000)))
    client = world.connect()
    client.send(0, packets.Ping(-1))
    session = client.session(window_size=1000)
    client.lose()
    world.sleep(8_000)
    assert not world.connect().reattach(session, -1).reattached


def test_a_client_that_stood_still_for_longer_than_its_ttl_finds_its_session() -> None:
    world = World()
    silent = world.connect()
    silent.send(0, packets.Ping(2_000))
    session = silent.session(window_size=1000)
    world.sleep(6_000)
    assert world.closed == [silent.link]
    assert world.connect().reattach(session, -1).reattached


def test_a_client_that_does_not_come_back_is_given_up_another_ttl_later() -> None:
    world = World()
    silent = world.connect()
    silent.send(0, packets.Ping(30_000))
    session = silent.session(window_size=1000)
    world.sleep(65_000)
    assert world.closed == [silent.link]
    assert not world.connect().reattach(session, -1).reattached


def test_a_silent_link_is_closed_and_its_messages_go_to_others() -> None:
    world = World()
    silent, client = world.connect(), world.connect()
    session = silent.session()
    session.queue("q")
    session.publish("q", "m")
    session.consume("q")
    assert session.texts() == ["m"]
    world.sleep(30_000)
    client.send(0, packets.Ping(60_000))
    world.sleep(35_000)
    assert world.closed == [silent.link]
    other = client.session()
    other.consume("q")
    assert [(one.text, one.count) for one in other.deliveries()] == [("m", 2)]


def test_standing_still_is_not_failing() -> None:
    world = World()
    client = world.connect()
    client.session(window_size=1000)
    world.now += 3_600_000  # the machine slept; what the client wrote lies in the socket
    client.send(0, packets.Ping(60_000))
    world.sleep(3_000)
    assert world.closed == []


def test_temporary_queues_move_with_the_first_session_and_the_old_link_is_closed_behind_the_last() -> None:
    world = World()
    client = world.connect()
    first, second = client.session(window_size=1000), client.session(window_size=1000)
    first.queue("temp", temporary=True, durable=False)
    other = world.connect()
    assert other.reattach(second, -1).reattached
    assert world.closed == []
    client.send(1, packets.ReattachSession(first.name, 0))  # back and forth on a living link is nothing special
    assert one(client.read(1)).reattached
    assert other.reattach(first, 0).reattached
    assert world.closed == [client.link]
    assert first.ask(packets.SessionQueueQuery("temp")).exists
    other.lose()
    world.sleep(70_000)
    assert not world.connect().session().ask(packets.SessionQueueQuery("temp")).exists


def test_what_the_old_link_brings_behind_a_reattachment_is_not_executed() -> None:
    """What was in front of it is in the answer; the rest comes again, and would be executed twice (Q30)."""
    world = World()
    client = world.connect()
    moved, stays = client.session(window_size=1 << 20), client.session(window_size=1 << 20)
    moved.queue("q")
    stays.consume("q")
    moved.tell(*(send_packet("q", text, requires_response=True) for text in ("1", "2")))
    assert world.connect().reattach(moved, -1) == packets.ReattachSessionResponse(2, reattached=True)
    late = send_packet("q", "3", requires_response=True)
    client.send(moved.channel, late)  # had waited in the socket
    assert stays.texts() == ["1", "2"]
    moved.tell(late)
    assert stays.texts() == ["3"]
    assert world.connect().reattach(moved, -1) == packets.ReattachSessionResponse(3, reattached=True)


def test_confirmations_come_by_size_and_by_the_clock() -> None:
    world = World()
    client = world.connect()
    session = client.session(window_size=60)
    session.tell(packets.SessionStart(), packets.SessionStart(), packets.SessionStart(), packets.SessionStart())
    assert session.read() == []  # four times thirteen bytes
    session.tell(packets.SessionStart())
    assert session.read() == [packets.PacketsConfirmed(4)]
    session.tell(packets.SessionStart())
    world.sleep(2_100)
    assert session.read() == [packets.PacketsConfirmed(5)]


def test_what_the_answer_to_a_reattachment_says_is_not_confirmed_again() -> None:
    """A Java client takes both numbers at once, on two threads, and forgets as many commands twice, never to replay them."""
    world = World()
    session = world.connect().session(window_size=1 << 20)
    session.tell(packets.SessionStart(), packets.SessionStart())
    session.client.lose()
    assert world.connect().reattach(session, -1).last_confirmed_command_id == 1
    world.sleep(2_100)
    assert session.read() == []
    session.tell(packets.SessionStart())
    world.sleep(2_100)
    assert session.read() == [packets.PacketsConfirmed(2)]


def test_a_refused_command_counts_and_its_exception_comes_before_the_confirmation() -> None:
    world = World()
    session = world.connect().session(window_size=0)
    session.tell(packets.DeleteQueue("none"))
    refusal, confirmation = session.read()
    assert isinstance(refusal, packets.ExceptionResponse)
    assert confirmation == packets.PacketsConfirmed(0)


def test_a_success_is_confirmed_before_its_answer() -> None:
    session = World().connect().session(window_size=0)
    session.tell(packets.SessionQueueQuery("q"))
    confirmation, answer = session.read()
    assert confirmation == packets.PacketsConfirmed(0)
    assert not answer.exists


def test_doubled_writes_are_dropped_and_not_counted() -> None:
    world = World()
    session = world.connect().session(window_size=0)
    session.queue("q")
    session.read()
    sends = [send_packet("q", str(n), requires_response=True, correlation_id=n) for n in (1, 2, 3)]
    session.tell(sends[0], sends[2])  # 2 left a gap: it may be on its way
    session.tell(sends[1], sends[2], sends[0])
    items = session.read()
    assert [one.correlation_id for one in items if isinstance(one, packets.NullResponse)] == [1, 3, 2]
    assert [one.command_id for one in items if isinstance(one, packets.PacketsConfirmed)] == [1, 2, 3]
    session.consume("q")
    assert session.texts() == ["1", "3", "2"]


def acknowledged(world: World, *, reattached: bool) -> tuple[Session, packets.SessionAcknowledge]:
    """A session whose last command was an acknowledgement in its transaction."""
    session = world.connect().session(window_size=1, auto_commit_acks=False)  # all that counts is confirmed at once
    session.queue("q")
    session.publish("q", "m")
    session.consume("q")
    first = one(session.deliveries())
    if reattached:
        session.client.lose()
        assert world.connect().reattach(session, 3).reattached  # it has seen three answers and a delivery
    acknowledge = packets.SessionAcknowledge(0, first.message.id, requires_response=False)
    session.tell(acknowledge)
    return session, acknowledge


def number(session: Session) -> int:
    """Of the last command that counts, as the broker confirms it."""
    return [item.command_id for item in session.read() if isinstance(item, packets.PacketsConfirmed)][-1]


def test_a_repeated_acknowledgement_is_a_copy_only_if_the_message_is_not_held() -> None:
    session, acknowledge = acknowledged(World(), reattached=True)
    counted = number(session)
    session.tell(acknowledge)
    assert session.read() == []  # neither refused nor counted
    session.tell(packets.SessionRollback())
    again = one(session.deliveries())
    assert again.message.id == acknowledge.message_id
    session.tell(acknowledge)
    assert packets.PacketsConfirmed(counted + 2) in session.read()


BLOCKING = [
    packets.SessionCommit(),
    send_packet("q", "x", requires_response=True, correlation_id=-5),
    packets.SessionIndividualAcknowledge(7, 1, requires_response=True),
]


@pytest.mark.parametrize("between", BLOCKING, ids=["commit", "send", "acknowledgement"])
@pytest.mark.parametrize("copied", [False, True])
def test_an_acknowledgement_that_an_application_repeats_counts(between: object, copied: bool) -> None:
    """
    A client writes a command twice around a re-attachment only, and before it waits for another. ``copied``: the broker was
    replaced by its snapshot in the middle.
    """
    world = World()
    session, acknowledge = acknowledged(world, reattached=True)
    session.tell(between)
    counted = number(session)
    if copied:
        world.broker = Broker.restore(world.config, world.broker.snapshot())
    session.tell(acknowledge)
    assert number(session) == counted + 1


def test_an_acknowledgement_that_an_application_repeats_counts_where_nothing_was_reattached() -> None:
    world = World()
    session, acknowledge = acknowledged(world, reattached=False)
    counted = number(session)
    session.tell(acknowledge, acknowledge)
    assert number(session) == counted + 2
    session.done(packets.SessionCommit())  # it fails nothing
    assert world.logs == []


def test_names_are_limited_in_length() -> None:
    limits = Limits(name_chars_max=10, metadata_chars_max=20, metadata_per_session_max=2)
    world = World(CoreConfig(node_seed=b"", limits=limits))
    client = world.connect()
    assert _refused(client, packets.CreateSessionV2("x" * 11, 10, 136)) == 104
    session = client.session("s")
    session.done(packets.SessionAddMetadata2("key", "x" * 17))
    assert session.refused(packets.SessionAddMetadata2("key", "x" * 18)) == 104
    session.done(packets.SessionAddMetadata2("key", "x" * 10))
    session.done(packets.SessionAddMetadata2("2", ""))
    assert session.refused(packets.SessionAddMetadata2("3", "")) == 104
    assert session.publish("x" * 11, "to a name that is too long").code == 104
    assert session.refused(packets.CreateQueueV2("a", "x" * 11)) == 104
    assert session.refused(packets.CreateAddress("x" * 11, [0])) == 104


def test_links_and_sessions_are_limited_in_number() -> None:
    world = World(CoreConfig(node_seed=b"", limits=Limits(links_max=2, sessions_max=1)))
    client = world.connect()
    client.session("s")
    assert _refused(world.connect(), packets.CreateSessionV2("t", 10, 136)) == 112
    third = world.connect()
    assert world.closed == [third.link]


def test_a_channel_is_taken_once() -> None:
    client = World().connect()
    client.session()
    assert _refused(client, packets.CreateSessionV2("other", 10, 136)) == 112
    assert _refused(client, packets.CreateSessionV2("other", 1, 136)) == 112


def test_before_login_frames_are_small() -> None:
    world = World()
    client = world.connect()
    client.write((70_000).to_bytes(4, "big"))
    assert world.closed == [client.link]
    client = world.connect()
    client.session()
    client.write((70_000).to_bytes(4, "big"))
    assert len(world.closed) == 1


def test_unique_metadata_are_refused_while_another_session_has_them() -> None:
    world = World()
    first, second = world.connect().session(), world.connect().session()
    unique = packets.SessionUniqueAddMetadata("jms-client-id", "me")
    first.done(unique)
    first.done(unique)
    assert second.refused(unique) == 114
    first.done(packets.SessionClose())
    second.done(unique)


def test_old_clients_are_confirmed_with_every_input() -> None:
    world = World()
    session = world.connect(version=129).session(window_size=1 << 20)
    session.tell(packets.SessionStart())
    assert session.read() == [packets.PacketsConfirmed(0)]
    session.queue("q")
    session.read()
    session.tell(*(send_packet("q", "m") for _ in range(3)))
    assert session.read() == [packets.PacketsConfirmed(4)]
    younger = world.connect(version=130).session(window_size=1 << 20)
    younger.tell(*(send_packet("q", "m") for _ in range(3)))
    assert younger.read() == []
