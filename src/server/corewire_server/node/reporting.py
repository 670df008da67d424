"""How a node with a peer stands, for people and programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire_server.ha._states import Role
from corewire_server.ha.roles import Waits
from corewire_server.node.status import PeerStatus, Status
from corewire_server.records import Standing

if TYPE_CHECKING:
    from corewire_server.node.following import Following
    from corewire_server.node.serving import Serving
    from corewire_server.records import Mark
    from corewire_server.replication.link import Claim


def report(
    now: int,
    *,
    role: Role,
    epoch: int,
    node_id: str,
    mark: Mark | None,
    part: Serving | Following | None,
    last_on_disk: int,
    fell_out: int,
    peer: Claim | None,
) -> Status:
    """``part``: what it does at the moment; ``peer``: what the other node said last."""
    from corewire_server.node.serving import Serving

    last = executed = acknowledged = last_on_disk
    in_step, lease_age, lag_bytes, lag_ms = False, None, 0, 0
    input_at = None
    if isinstance(part, Serving):
        feed = part.feed
        last, executed, input_at = feed.last, part.executed, part.input_at
        acknowledged = feed.acknowledged if feed.keeping else last
        in_step = part.waits is Waits.TOLD and part.link is not None
        lease_age = now - part.heard if part.waits else None
        lag_bytes, lag_ms = feed.kept_bytes, part.lag_ms(now)
    elif part is not None:
        intake = part.intake
        last = acknowledged = part.last_input
        executed, lag_bytes = (0, 0) if intake is None else (intake.executed, intake.pending_bytes)
        in_step, lease_age, input_at = part.leased(now), part.lease_age(now), part.input_at
    return Status(
        role=role.value,
        epoch=epoch,
        node_id=node_id,
        serving=role is Role.PRIMARY,
        standing=None if mark is None else mark.standing.name.lower(),
        place=0 if mark is None else mark.place,
        in_step=in_step,
        lease_age_ms=lease_age,
        last_input=last,
        input_age_ms=None if input_at is None else now - input_at,
        acknowledged=acknowledged,
        executed=executed,
        lag_inputs=last - min(acknowledged, executed),
        lag_bytes=lag_bytes,
        lag_ms=lag_ms,
        waits_for=_waits_for(role, mark, part, peer),
        fell_out=fell_out,
        peer=_peer(peer),
    )


def _peer(claim: Claim | None) -> PeerStatus:
    if claim is None:
        return PeerStatus()
    return PeerStatus(
        role=claim.role.name.lower(),
        epoch=claim.epoch,
        client_address=claim.client_address,
        link_address=claim.link_address,
    )


def _waits_for(role: Role, mark: Mark | None, part: Serving | Following | None, peer: Claim | None) -> str:
    """Why a node does not serve."""
    other = "the other node, which has not been heard yet"
    if peer is not None:
        other = f"{peer.link_address or 'the other node'} (last heard as {peer.role.name.lower()}, epoch {peer.epoch})"
    match role:
        case Role.PRIMARY | Role.STOPPED:
            return ""
        case Role.HANDING_OVER:
            return f"{other} to serve in a higher epoch"
        case Role.BACKUP:
            return "" if part is not None and part.link is not None else f"{other}: the link is down"
        case Role.JOINING:
            return f"{other} to let it join: its own data is not whole"
        case Role.WAITING:
            return f"{other}: {_why(mark)}"


def _why(mark: Mark | None) -> str:
    if mark is None:
        return "an empty folder serves only when the other's is empty, too"
    match mark.standing:
        case Standing.ALONE:
            return f"whether there is an epoch above {mark.epoch}"
        case Standing.IN_STEP:
            return f"it was in step in epoch {mark.epoch}, and the other may have gone on"
        case Standing.JOINING:
            return f"its data of epoch {mark.epoch} is not whole"
