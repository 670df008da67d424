"""
Subscriptions: queues of a topic, named as JMS clients name them (docs/protocol/jms.md).

| name  | durable | shared | queue                                        | gone                            |
|-------|---------|--------|----------------------------------------------|---------------------------------|
| none  | no      | no     | a new UUID                                   | with its consumer               |
| given | yes     | no     | client id and name                           | with `unsubscribe`              |
| given | yes     | yes    | the name, behind the client id if there is one | with `unsubscribe`            |
| given | no      | yes    | the same, behind `nonDurable`                | with its last consumer          |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from corewire.client._calls import Command, Fate
from corewire.client._destinations import look_up
from corewire.client._queues import create, create_temporary, queue_packet, shared_queue_packet
from corewire.errors import ConfigError, IllegalState, QueueExists
from corewire.values import QueueConfiguration, RoutingType
from corewire.wire import packets

if TYPE_CHECKING:
    from corewire.client._calls import Script
    from corewire.client._context import Context
    from corewire.client._session import Session
    from corewire.values import Topic


def _escape(part: str) -> str:
    return part.replace("\\", "\\\\").replace(".", "\\.")


def subscription_name(client_id: str | None, name: str, *, durable: bool = True) -> str:
    """The queue of a named subscription."""
    parts = ([] if durable else ["nonDurable"]) + [_escape(part) for part in (client_id, name) if part is not None]
    return ".".join(parts)


def subscription_queue(
    context: Context, topic: Topic, name: str | None, *, durable: bool | None, shared: bool, selector: str | None
) -> QueueConfiguration:
    """The queue of a subscription. Raises ConfigError for what makes no sense, or needs a client id."""
    client_id = context.config.client_id
    if name is None:
        if durable or shared:
            raise ConfigError("a durable or shared subscription has a name", parameter="name")
        queue = context.uuid()
    else:
        durable = durable is None or durable
        if not durable and not shared:
            raise ConfigError("an unshared subscription that is not durable has no name", parameter="durable")
        if not shared and client_id is None:
            raise ConfigError(
                "an unshared durable subscription needs a client id: connect(client_id=...) or clientID= on the URL",
                parameter="client_id",
            )
        queue = subscription_name(client_id, name, durable=durable)
    return QueueConfiguration(
        name=queue,
        address=topic.name,
        routing_type=RoutingType.MULTICAST,
        filter_string=selector,
        durable=bool(durable) and name is not None,
        temporary=name is None,
    )


def without_own(context: Context, selector: str | None) -> str:
    """A selector that leaves out what this client sent."""
    own = f"__AMQ_CID<>'{context.client_name.replace(chr(39), chr(39) * 2)}'"
    return f"({selector}) AND {own}" if selector else own


def make_queue(session: Session, topic: Topic, queue: QueueConfiguration, *, shared: bool) -> Script[str]:
    """Make sure that the topic and the subscription's queue are there. Returns the queue's name.

    Raises IllegalState where an unshared one is in use. One with another selector or topic is made anew, as in JMS.
    """
    yield from look_up(session, topic)
    if shared:
        yield Command(shared_queue_packet(queue), packets.NullResponse, Fate.AGAIN)
        return queue.name
    if queue.temporary:
        return (yield from create_temporary(queue, session.context.uuid))
    question = Command(packets.SessionQueueQuery(queue.name), packets.SessionQueueQueryResponseV3, Fate.AGAIN)
    there = cast("packets.SessionQueueQueryResponseV3", (yield question))
    if there.exists:
        if there.consumer_count:
            raise IllegalState(
                "the subscription is in use",
                subject=f"queue {queue.name!r}",
                connection=session.context.connection,
            )
        if there.address == queue.address and (there.filter or None) == queue.filter_string:
            return queue.name
        yield Command(packets.DeleteQueue(queue.name), packets.NullResponse, Fate.AGAIN)
    yield from create(queue_packet(queue), QueueExists, exist_ok=False, repeatable=True)
    return queue.name
