"""What a node with a peer says of itself: a claim to its peer, a view to the rules, a report to people."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from corewire_server.ha._states import Role
from corewire_server.ha.roles import SPOKEN, View, Waits
from corewire_server.node.serving import Serving
from corewire_server.node.status import PeerStatus, Status
from corewire_server.records import Standing
from corewire_server.replication.link import Claim
from corewire_server.replication.link import Role as Spoken

if TYPE_CHECKING:
    from corewire_server.node.following import Following
    from corewire_server.node.kit import Kit


def claim_of(
    kit: Kit, role: Role, epoch: int, node_id: str, part: Serving | Following | None, *, last_on_disk: int
) -> Claim:
    """What it says to its peer. ``part``: what it does at the moment; ``last_on_disk``: the input with which it started."""
    mark = kit.keeper.mark_on_disk
    last, place = last_on_disk, 0 if mark is None else mark.place
    if part is not None:
        last, place = part.last_input, part.place
    return Claim(
        role=SPOKEN[role],
        folder=kit.keeper.folder,
        incarnation=kit.incarnation,
        node_id=node_id,
        epoch=epoch,
        standing=None if mark is None else mark.standing,
        place=place,
        last_input=last,
        machine=kit.settings.machine,
        client_address=kit.settings.client_address,
        link_address=kit.settings.link_address,
    )


def view_of(now: int, kit: Kit, role: Role, claim: Claim, part: Serving | Following | None, *, warned: bool) -> View:
    """What it knows when it decides. ``warned``: while it waits, that the other node may have newer data."""
    view = View(role=role, claim=claim, first=kit.settings.configured_primary)
    if part is None:
        return replace(view, warned=warned)
    peer = part.peer
    view = replace(view, linked=part.link is not None)
    if peer is not None:
        view = replace(view, peer=peer.incarnation, peer_folder=peer.folder)
    if isinstance(part, Serving):
        return replace(view, waits=part.waits, answered_by=part.answered_by, fresh=part.may_go_on(now))
    return replace(view, leased=part.leased(now), ended=part.ended)


def report(
    now: int,
    address: str,
    role: Role,
    claim: Claim,
    part: Serving | Following | None,
    peer: Claim | None,
    *,
    fell_out: int,
    led: int,
) -> Status:
    """What it says to people. ``address``: where the other node is dialled; ``peer``: what it said last."""
    last = executed = acknowledged = claim.last_input
    in_step, lease_age, lag_bytes, lag_ms = False, None, 0, 0
    input_at = None
    if isinstance(part, Serving):
        feed = part.feed
        executed, input_at = part.executed, part.input_at
        acknowledged = feed.acknowledged if feed.keeping else last
        in_step = part.waits is Waits.TOLD and part.link is not None
        lease_age = now - part.heard if part.waits else None
        lag_bytes, lag_ms = feed.kept_bytes, part.lag_ms(now)
        if peer is not None and part.peer is not None:
            now_is = Spoken.BACKUP if part.waits is Waits.TOLD else Spoken.JOINING
            peer = replace(peer, role=now_is, epoch=claim.epoch)
    elif part is not None:
        executed = part.executed
        in_step, lease_age, input_at = part.leased(now), part.lease_age(now), part.input_at
        lag_bytes = 0 if part.intake is None else part.intake.pending_bytes
    return Status(
        role=role.value,
        epoch=claim.epoch,
        node_id=claim.node_id,
        serving=role is Role.PRIMARY,
        standing=None if claim.standing is None else claim.standing.name.lower(),
        place=claim.place,
        in_step=in_step,
        lease_age_ms=lease_age,
        last_input=last,
        input_age_ms=None if input_at is None else now - input_at,
        acknowledged=acknowledged,
        executed=executed,
        lag_inputs=last - min(acknowledged, executed),
        lag_bytes=lag_bytes,
        lag_ms=lag_ms,
        waits_for=_waits_for(address, role, claim, part, peer),
        fell_out=fell_out,
        links_led=led,
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


def _waits_for(address: str, role: Role, claim: Claim, part: Serving | Following | None, peer: Claim | None) -> str:
    """Why a node does not serve. ``address``: where the other node is dialled."""
    other = f"{address}, which has not been heard yet"
    if peer is not None:
        other = f"{peer.link_address or address} (last heard as {peer.role.name.lower()}, epoch {peer.epoch})"
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
            return f"{other}: {_why(claim, 0 if peer is None else peer.epoch)}"


def _why(claim: Claim, heard: int) -> str:
    match claim.standing:
        case None:
            return "an empty folder serves only when the other's is empty, too"
        case Standing.ALONE:
            above = "it has an epoch" if heard > claim.epoch else "whether there is an epoch"
            return f"{above} above {claim.epoch}"
        case Standing.IN_STEP:
            return f"it was in step in epoch {claim.epoch}, and the other may have gone on"
        case Standing.JOINING:
            return f"its data of epoch {claim.epoch} is not whole"
