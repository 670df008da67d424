"""
Frames on a session's channel: what is done, how it is counted, what is answered.

They come in runs, as many of one type as stand behind each other in a read. The few packets that come per message are taken
apart here, as bytes and numbers; all others are decoded and go through a table. Counting follows doing: the confirmation that may fall due is written before the answer, but after an EXCEPTION,
or it would tell the client of success.
"""

from __future__ import annotations

from enum import Enum
from struct import Struct
from struct import error as StructError
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from corewire._channel import ConfirmationMismatch
from corewire.errors import RemoteProtocolError
from corewire.wire import hot, packets, registry
from corewire.wire.framing import HEADER_SIZE, packet_type
from corewire_server.core import closing, early
from corewire_server.core.commands import committing, consuming, queries, queues, sending, sessions, unbuilt
from corewire_server.core.refusal import Refused, not_built

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from corewire_server.core.link import Link
    from corewire_server.core.session import Session
    from corewire_server.core.state import State


_long: Final = Struct(">q").unpack_from


class Answered(Enum):
    """Whether a command is answered."""

    ALWAYS = "always"
    IF_ASKED = "if asked"  # its requires_response, or as the two kinds of metadata call it, requires_confirmation
    NEVER = "never"
    BY_REFUSAL = "by refusal"  # success is told by another packet, if at all


Handler: TypeAlias = "Callable[[State, Session, Any], object | None]"


class Command(NamedTuple):
    """What is done with a type of packet. The handler returns its answer; None is the plain one."""

    handler: Handler
    answered: Answered


def _on_sends(state: State, session: Session, frames: Iterable[bytes]) -> None:
    channel, trailer, correlates, counts = session.channel, session.trailer, session.correlates, session.counts
    gaps_max = state.limits.async_gaps_max
    number: int | None = None
    for frame in frames:
        end = len(frame) - trailer
        if end < HEADER_SIZE:
            raise RemoteProtocolError("the frame is too short", packet="SESS_SEND", offset=len(frame))
        if correlates:
            number = correlation = _long(frame, end + 1)[0]
            if correlation <= 0:
                session.doubles = False
            elif session.is_stray(correlation, gaps_max):
                continue
        try:
            sending.send(state, session, frame, end)
        except Refused as refusal:
            _refuse(state, session, refusal, wanted=frame[end] != 0, correlation=number)
            channel.processed(len(frame))
            continue
        if counts:
            channel.processed(len(frame))
        if frame[end]:
            channel.send_frame(hot.null_response_frame(channel.channel, number))


def _on_acknowledgements(state: State, session: Session, frames: Iterable[bytes]) -> None:
    channel, counts = session.channel, session.counts
    for frame in frames:
        try:
            consumer_id, message_id, wanted = hot.ACKNOWLEDGE_FIELDS(frame, HEADER_SIZE)
        except StructError:
            raise hot.too_short(frame) from None
        individual = frame[4] == hot.INDIVIDUAL_ACKNOWLEDGE
        if not consuming.acknowledge(state, session, consumer_id, message_id, individual):
            if frame == session.last_ack and not wanted:  # a second time, unless the message were held again
                if session.doubles:  # by the client, which counts it once
                    session.doubles = False
                else:  # by its application
                    channel.processed(len(frame))
                continue
            session.doubles = session.doubles and not wanted
            refusal = consuming.not_held(consumer_id, message_id)
            if not session.auto_acks:
                session.transaction.fail(refusal)
            _refuse(state, session, refusal, wanted=wanted, correlation=None)
            channel.processed(len(frame))
            continue
        session.last_ack = frame
        if counts:
            channel.processed(len(frame))
        if wanted:
            session.doubles = False
            _answer_plainly(session, None)


def _on_flow_tokens(state: State, session: Session, frames: Iterable[bytes]) -> None:
    for frame in frames:
        consumer_id, tokens = hot.parse_flow_token(frame)
        consuming.add_credits(state, session, consumer_id, tokens)
        session.channel.processed(len(frame))


def _on_confirmations(state: State, session: Session, frames: Iterable[bytes]) -> None:
    try:
        for frame in frames:
            session.channel.confirmed(hot.parse_packets_confirmed(frame))
    except ConfirmationMismatch as problem:
        state.log("warning", f"{session.link.remote}: session {session.name} is closed: {problem}")
        closing.close_session(state, session, failed=True)
        return
    if session.crowded and session.channel.buffered_bytes <= session.pause_bytes:
        session.crowded = False
        session.update_flow()
        for consumer in session.consumers.values():
            state.prompt(consumer.queue)


HOT: Final[dict[int, Callable[[State, Session, Iterable[bytes]], None]]] = {
    hot.SEND: _on_sends,
    hot.ACKNOWLEDGE: _on_acknowledgements,
    hot.INDIVIDUAL_ACKNOWLEDGE: _on_acknowledgements,
    hot.FLOW_TOKEN: _on_flow_tokens,
    hot.PACKETS_CONFIRMED: _on_confirmations,
}
"""What is done with the packets that come per message, by type. All others: ``on_commands``."""


def on_commands(state: State, session: Session, frames: Iterable[bytes]) -> None:
    """Take frames that are decoded. What comes after the session's end is dropped."""
    for frame in frames:
        if not session.closed:
            _on_command(state, session, frame)


def _on_command(state: State, session: Session, frame: bytes) -> None:
    kind = packet_type(frame)
    command = COMMANDS.get(kind)
    channel = session.channel
    counts = registry.is_countable(frame)
    packet: Any = registry.decode(frame, session.link.version)
    wanted = True
    answer: Any = None
    try:
        if command is None:
            raise not_built(registry.packet_name(kind))
        wanted = _wants_answer(command, packet)
        session.doubles = session.doubles and command.answered is Answered.NEVER
        answer = command.handler(state, session, packet)
    except Refused as refusal:
        unique = kind == packets.SessionUniqueAddMetadata.TYPE
        _refuse(state, session, refusal, wanted=wanted or unique, correlation=getattr(packet, "correlation_id", None))
        if counts:
            channel.processed(len(frame))
        return
    if counts:
        channel.processed(len(frame))
    if kind == packets.SessionClose.TYPE:
        channel.flush()
    if answer is not None:
        data = registry.encode(answer, channel.channel, session.link.version)
        state.answers_bytes += len(data)
        if state.answers_bytes > state.limits.answers_per_step_bytes_max:
            raise RemoteProtocolError("so much was asked at once that the answers would fill the memory")
        channel.send_frame(data)
    elif wanted and command.answered is not Answered.BY_REFUSAL:
        _answer_plainly(session, getattr(packet, "correlation_id", None))
    if kind == packets.SessionClose.TYPE:
        closing.close_session(state, session, failed=False)


def _wants_answer(command: Command, packet: Any) -> bool:
    if command.answered is not Answered.IF_ASKED:
        return command.answered in (Answered.ALWAYS, Answered.BY_REFUSAL)
    flag: bool = packet.requires_confirmation if hasattr(packet, "requires_confirmation") else packet.requires_response
    return flag


def _answer_plainly(session: Session, correlation: int | None) -> None:
    channel = session.channel
    if session.link.version < 130:
        channel.send_frame(hot.null_response_frame(channel.channel, None))
    else:
        channel.send_frame(hot.null_response_frame(channel.channel, -1 if correlation is None else correlation))


def _refuse(state: State, session: Session, refusal: Refused, *, wanted: bool, correlation: int | None) -> None:
    state.count_missing(refusal)
    if not wanted:
        state.log_refusal(session, refusal)
        return
    channel = session.channel
    answer = packets.ExceptionResponse(refusal.code, refusal.text, correlation)
    channel.send_frame(registry.encode(answer, channel.channel, session.link.version))


def _close(state: State, session: Session, packet: packets.SessionClose) -> None:
    """SESS_CLOSE: the session goes after its answer."""


_XA_BRANCH: Final = (
    *(packets.SessionXaStart, packets.SessionXaEnd, packets.SessionXaPrepare, packets.SessionXaCommit),
    *(packets.SessionXaRollback, packets.SessionXaJoin, packets.SessionXaSuspend, packets.SessionXaResume),
    packets.SessionXaForget,
)
_TABLE: Final[tuple[tuple[type[registry.Packet], Handler, Answered], ...]] = (
    (packets.SessionCreateConsumer, consuming.create_consumer, Answered.IF_ASKED),
    (packets.SessionConsumerClose, consuming.close_consumer, Answered.ALWAYS),
    (packets.SessionForceConsumerDelivery, consuming.force_delivery, Answered.NEVER),
    (packets.SessionExpired, consuming.expire, Answered.NEVER),
    (packets.SessionQueueQuery, queries.query_queue, Answered.ALWAYS),
    (packets.SessionBindingQuery, queries.query_bindings, Answered.ALWAYS),
    (packets.CreateAddress, queues.create_address, Answered.IF_ASKED),
    (packets.CreateQueue, queues.create_queue, Answered.IF_ASKED),
    (packets.CreateQueueV2, queues.create_queue_v2, Answered.IF_ASKED),
    (packets.CreateSharedQueue, queues.create_shared_queue, Answered.IF_ASKED),
    (packets.CreateSharedQueueV2, queues.create_shared_queue_v2, Answered.IF_ASKED),
    (packets.DeleteQueue, queues.delete_queue, Answered.ALWAYS),
    (packets.SessionStart, sessions.start, Answered.NEVER),
    (packets.SessionStop, sessions.stop, Answered.ALWAYS),
    (packets.SessionClose, _close, Answered.ALWAYS),
    (packets.SessionAddMetadata, sessions.add_metadata, Answered.ALWAYS),
    (packets.SessionAddMetadata2, sessions.add_metadata, Answered.IF_ASKED),
    (packets.SessionUniqueAddMetadata, sessions.add_unique_metadata, Answered.IF_ASKED),
    (packets.SessionProducerRequestCredits, sessions.request_credits, Answered.NEVER),
    (packets.CreateProducer, sessions.note_producer, Answered.NEVER),
    (packets.RemoveProducer, sessions.note_producer, Answered.NEVER),
    (packets.SessionSendLarge, unbuilt.large_header, Answered.NEVER),
    (packets.SessionSendContinuation, unbuilt.large_chunk, Answered.BY_REFUSAL),
    *((one, unbuilt.xa_branch, Answered.ALWAYS) for one in _XA_BRANCH),
    (packets.SessionXaFailed, unbuilt.xa, Answered.NEVER),
    (packets.SessionXaInDoubtXids, unbuilt.xa, Answered.ALWAYS),
    (packets.SessionXaSetTimeout, unbuilt.xa, Answered.ALWAYS),
    (packets.SessionXaGetTimeout, unbuilt.xa, Answered.ALWAYS),
    (packets.SessionCommit, committing.commit, Answered.ALWAYS),
    (packets.SessionRollback, committing.rollback, Answered.ALWAYS),
)
COMMANDS: Final = {packet.TYPE: Command(handler, answered) for packet, handler, answered in _TABLE}


def on_first_frames(state: State, session: Session, kind: int, frames: Iterable[bytes]) -> None:
    """Frames of a session that was re-attached: up to its first send, and what comes while that waits (``early.py``)."""
    if kind != hot.SEND and (session.early is None or not session.early.held):
        HOT.get(kind, on_commands)(state, session, frames)
        return
    run = list(frames)
    _take(state, session, early.in_order(session, kind, run, asks=_asks(kind, run)))


def _asks(kind: int, frames: list[bytes]) -> bool:
    """Whether their client waits for something before it goes on."""
    if kind in (hot.ACKNOWLEDGE, hot.INDIVIDUAL_ACKNOWLEDGE):
        return any(frame[-1] for frame in frames)
    if kind in HOT:
        return False
    command = COMMANDS.get(kind)
    marked = kind == packets.SessionForceConsumerDelivery.TYPE
    return command is None or marked or command.answered is not Answered.NEVER


def _take(state: State, session: Session, frames: list[bytes]) -> None:
    for frame in frames:
        HOT.get(packet_type(frame), on_commands)(state, session, (frame,))


def on_overdue(state: State, session: Session) -> None:
    """Nothing came behind a send that waited for a replay: it is taken for what it seems to be."""
    link = session.link
    try:
        _take(state, session, early.overdue(session))
    except MemoryError:
        raise
    except Exception as problem:  # noqa: BLE001 - as in a read of its own
        fail(state, link, hot.SEND, problem)
    else:
        state.wrote(link)


def name_of(kind: int) -> str:
    """What a packet of this type is, for people."""
    return registry.packet_name(kind)


def fail(state: State, link: Link, kind: int | None, problem: Exception) -> None:
    """Whatever was wrong with what came ends that link, and nothing else. ``kind``: of the packet, if it is known."""
    packet = offset = None
    said = str(problem)
    if isinstance(problem, RemoteProtocolError):
        packet, offset, said = problem.packet, problem.offset, problem.message
    if packet is None and kind is not None:
        packet = name_of(kind)
    at = "" if offset is None else f" at offset {offset}"
    who = "" if link.user is None else f" (user {link.user})"
    what = f"{type(problem).__name__}: {said}"
    state.log("error", f"{link.remote}{who}: link closed: {packet or 'a frame'}{at}: {what}")
    closing.fail_link(state, link)
