"""Packets of channels 0 and 1: topology, opening and re-attaching sessions; and how links and sessions end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from corewire._channel import Channel, ConfirmationMismatch
from corewire.errors import ErrorCode
from corewire.wire import packets, registry
from corewire.wire.versions import OLDEST_SPOKEN, VERSION
from corewire_server.core import announcing, closing, naming, security
from corewire_server.core.early import Early
from corewire_server.core.refusal import Refused, not_built
from corewire_server.core.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from corewire_server.core.link import Link
    from corewire_server.core.state import State

CONNECTION: Final = 0
SESSIONS: Final = 1
_FIRST_USER_CHANNEL: Final = 10


def on_connection_frames(state: State, link: Link, channel: int, kind: int, frames: Iterable[bytes]) -> None:
    """Frames of one type on channel 0 or 1. What nobody knows there is dropped, and what comes after the link's end."""
    handler = _HANDLERS.get((channel, kind))
    if handler is not None:
        for frame in frames:
            if link.alive:
                handler(state, link, registry.decode(frame, link.version))


def _write(state: State, link: Link, channel: int, packet: Any) -> None:
    link.connection.send(state.now / 1000, channel, packet)
    state.wrote(link)


def _subscribe(state: State, link: Link, packet: packets.SubscribeTopology | packets.SubscribeTopologyV2) -> None:
    announcing.subscribe(state, link)


def _check_for_failover(state: State, link: Link, packet: packets.CheckForFailover) -> None:
    _write(state, link, SESSIONS, packets.CheckForFailoverReply(ok_to_failover=True))


def _create_session(state: State, link: Link, packet: packets.CreateSession | packets.CreateSessionV2) -> None:
    try:
        _open_session(state, link, packet)
    except Refused as refusal:
        state.count_missing(refusal)
        _write(state, link, SESSIONS, packets.ExceptionResponse(refusal.code, refusal.text))
    else:
        _write(state, link, SESSIONS, packets.CreateSessionResponse(VERSION))


def _open_session(state: State, link: Link, packet: packets.CreateSession | packets.CreateSessionV2) -> None:
    if not OLDEST_SPOKEN <= packet.version <= VERSION or link.version < OLDEST_SPOKEN:
        text = "AMQ229033: Server and client versions incompatible"
        raise Refused(ErrorCode.INCOMPATIBLE_CLIENT_SERVER_VERSIONS, text)
    security.check(state.config.users, packet.username, packet.password, link.remote)
    for name in (packet.name, packet.username, packet.default_address, getattr(packet, "client_id", None)):
        naming.check_length(state, name or "")
    if packet.xa:
        raise not_built("XA sessions")
    channel_id = packet.session_channel_id
    known = state.sessions.get(packet.name)
    if known is not None and known.user != packet.username:
        raise Refused(ErrorCode.SESSION_CREATION_REJECTED, f"session {packet.name} belongs to another user")
    if len(state.sessions) >= state.limits.sessions_max and known is None:
        raise Refused(
            ErrorCode.SESSION_CREATION_REJECTED, f"this broker has {state.limits.sessions_max} sessions, its limit"
        )
    taken = link.sessions.get(channel_id)
    if channel_id < _FIRST_USER_CHANNEL or (taken is not None and taken is not known):
        raise Refused(ErrorCode.SESSION_CREATION_REJECTED, f"channel {channel_id} is not free")
    if known is not None:  # the client never saw the first answer and asks again under the same name
        closing.close_session(state, known, failed=True)
    window = packet.window_size
    channel = Channel(channel_id, window_bytes=None if window < 0 else window)
    session = Session(
        packet.name,
        channel,
        link,
        user=packet.username,
        auto_sends=packet.auto_commit_sends,
        auto_acks=packet.auto_commit_acks,
        pre_acknowledges=packet.pre_acknowledge,
        pause_bytes=state.limits.pause_bytes(channel.window_bytes),
    )
    session.default_address = packet.default_address
    link.connection.attach(channel)
    link.connection.logged_in()
    link.user = packet.username
    if isinstance(packet, packets.CreateSessionV2):
        link.client_id = packet.client_id
    link.sessions[channel_id] = session
    state.sessions[packet.name] = session


def _reattach(state: State, link: Link, packet: packets.ReattachSession) -> None:
    session = state.sessions.get(packet.name)
    answer = packets.ReattachSessionResponse(-1, reattached=False)
    if session is None:
        state.log("debug", f"{link.remote}: session {packet.name} is not known, or not any more: it cannot continue")
    elif link.user is not None and link.user != session.user:
        state.log("warning", f"{link.remote} (user {link.user}): session {session.name} belongs to another user")
    elif session.channel.window_bytes is None:
        old = session.link
        closing.close_session(state, session, failed=False)
        if not old.sessions:
            closing.drop_temporary_queues(state, old)
    elif _move(state, session, link, packet.last_confirmed_command_id):
        answer = packets.ReattachSessionResponse(session.channel.last_received, reattached=True)
    _write(state, link, SESSIONS, answer)


def _move(state: State, session: Session, link: Link, peer_received: int) -> bool:
    """Continue a session on another link. Nothing of it is pending: the core finishes each input at once."""
    old, channel = session.link, session.channel
    other = link.sessions.get(channel.channel)
    if other is not None and other is not session:
        state.log("warning", f"{link.remote}: session {session.name} cannot continue, its channel is in use")
        closing.close_session(state, session, failed=True)
        return False
    if channel.link is not None:
        channel.link.detach(channel)
    del old.sessions[channel.channel]
    session.link = link
    session.adopt_version()
    link.sessions[channel.channel] = session
    link.connection.attach(channel)
    link.connection.logged_in()
    try:
        channel.resume(peer_received)
        channel.told()  # a Java client that reads two numbers at once, on two threads, forgets commands for both
    except ConfirmationMismatch as problem:
        state.log("warning", f"{link.remote}: session {session.name} cannot continue: {problem}")
        closing.close_session(state, session, failed=True)
        if not (old.alive or old.sessions):
            closing.forget_link(state, old)
        return False
    session.early = Early()
    session.doubles, session.last_ack = True, b""  # a second copy follows the first on the same link
    if old is not link:
        closing.inherit(state, old, link)
    session.crowded = channel.buffered_bytes > session.pause_bytes
    session.update_flow()
    for consumer in session.consumers.values():
        state.prompt(consumer.queue)
    return True


_HANDLERS: Final[dict[tuple[int, int], Callable[[State, Link, Any], None]]] = {
    (CONNECTION, packets.SubscribeTopology.TYPE): _subscribe,
    (CONNECTION, packets.SubscribeTopologyV2.TYPE): _subscribe,
    (SESSIONS, packets.CheckForFailover.TYPE): _check_for_failover,
    (SESSIONS, packets.CreateSession.TYPE): _create_session,
    (SESSIONS, packets.CreateSessionV2.TYPE): _create_session,
    (SESSIONS, packets.ReattachSession.TYPE): _reattach,
}
