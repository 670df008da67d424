"""What concerns the session itself: starting, stopping, metadata, credits of producers, the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.errors import ErrorCode
from corewire.wire import packets, registry
from corewire_server.core import naming
from corewire_server.core.refusal import Refused

if TYPE_CHECKING:
    from corewire_server.core.session import Session
    from corewire_server.core.state import State


def start(state: State, session: Session, packet: packets.SessionStart) -> None:
    """SESS_START: its consumers are served."""
    session.started = True
    session.update_flow()
    for consumer in session.consumers.values():
        state.prompt(consumer.queue)


def stop(state: State, session: Session, packet: packets.SessionStop) -> None:
    """SESS_STOP: nothing is delivered any more, browsers excepted."""
    session.started = False
    session.update_flow()


def add_metadata(
    state: State, session: Session, packet: packets.SessionAddMetadata | packets.SessionAddMetadata2
) -> None:
    """SESS_ADD_METADATA, SESS_ADD_METADATA2: a name and a value, for management."""
    if packet.key not in session.metadata and len(session.metadata) >= state.limits.metadata_per_session_max:
        raise Refused(
            ErrorCode.ILLEGAL_STATE, f"a session has at most {state.limits.metadata_per_session_max} metadata"
        )
    others = sum(len(key) + len(value) for key, value in session.metadata.items() if key != packet.key)
    if others + len(packet.key) + len(packet.data) > state.limits.metadata_chars_max:
        raise Refused(
            ErrorCode.ILLEGAL_STATE, f"a session's metadata have at most {state.limits.metadata_chars_max} characters"
        )
    session.metadata[packet.key] = packet.data


def add_unique_metadata(state: State, session: Session, packet: packets.SessionUniqueAddMetadata) -> None:
    """SESS_UNIQUE_ADD_METADATA: refused while another session has the same."""
    for other in state.sessions.values():
        if other is not session and other.metadata.get(packet.key) == packet.data:
            text = f"AMQ229035: Metadata {packet.key}={packet.data} had been set already"
            raise Refused(ErrorCode.DUPLICATE_METADATA, text)
    add_metadata(state, session, packets.SessionAddMetadata(packet.key, packet.data))
    if packet.key == "jms-client-id":
        session.link.client_id = packet.data


def request_credits(state: State, session: Session, packet: packets.SessionProducerRequestCredits) -> None:
    """SESS_PRODUCER_REQUEST_CREDITS: exactly what was asked for; withheld while there is no memory."""
    if not state.full:
        grant(state, session, packet.credits, packet.address)
        return
    naming.check_length(state, packet.address)
    if len(session.credit_requests) >= state.limits.waiting_requests_per_session_max:
        raise Refused(ErrorCode.ILLEGAL_STATE, "too many requests for credits wait")
    session.credit_requests.append((packet.credits, packet.address))
    state.starved[session.name] = session


def grant(state: State, session: Session, amount: int, address: str) -> None:
    """SESS_PRODUCER_CREDITS."""
    channel = session.channel
    session.credits = max(session.credits, 0) + max(amount, 0)
    channel.send_frame(
        registry.encode(packets.SessionProducerCredits(amount, address), channel.channel, session.version)
    )
    state.wrote(session.link)


def grant_withheld(state: State) -> None:
    """There is memory again: answer the requests that wait."""
    starved, state.starved = state.starved, {}
    for session in starved.values():
        requests, session.credit_requests = session.credit_requests, []
        for amount, address in requests:
            grant(state, session, amount, address)


def note_producer(state: State, session: Session, packet: packets.CreateProducer | packets.RemoveProducer) -> None:
    """CREATE_PRODUCER, REMOVE_PRODUCER: statistics, which nobody can ask for yet."""
