"""What this broker does not have: refused by name and counted, never accepted and ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from corewire.errors import XaCode
from corewire.wire import packets
from corewire_server.core.refusal import not_built

if TYPE_CHECKING:
    from corewire_server.core.session import Session
    from corewire_server.core.state import State

_XA: Final = "XA transactions"
_LARGE: Final = "large messages"


def _note(state: State, session: Session, feature: str) -> None:
    refusal = not_built(feature)
    state.count_missing(refusal)
    state.log_refusal(session, refusal)


def large_header(state: State, session: Session, packet: packets.SessionSendLarge) -> None:
    """SESS_SEND_LARGE: nobody waits for an answer; the refusal comes with the last chunk."""
    _note(state, session, _LARGE)


def large_chunk(state: State, session: Session, packet: packets.SessionSendContinuation) -> None:
    """SESS_SEND_CONTINUATION: the last one is refused even if no answer was asked for."""
    if packet.requires_response or not packet.continues:
        raise not_built(_LARGE)


def xa_branch(state: State, session: Session, packet: object) -> packets.SessionXaResponse:
    """Any call on a branch: XAER_RMERR, as a transaction manager understands it."""
    _note(state, session, _XA)
    return packets.SessionXaResponse(error=True, response_code=XaCode.XAER_RMERR, message=str(not_built(_XA)))


def xa(state: State, session: Session, packet: object) -> NoReturn:
    """Any other call about XA."""
    raise not_built(_XA)
