"""What an operator may order, and how a node answers: the content of its reports (docs/protocol/replication-link.md)."""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from typing import TYPE_CHECKING, Any

from corewire_server.replication.link import Report

if TYPE_CHECKING:
    from corewire_server.node.status import PeerStatus, Status
    from corewire_server.replication.link import Command


class Wish(Enum):
    """What is to be done after the answer."""

    NOTHING = "nothing"
    SWITCH = "switch"  # hand the service over to the backup in step
    FAILOVER = "failover"  # serve, though it is not certain that the other does not


def consider(command: Command, status: Status) -> tuple[Wish, Report]:
    """What a node does about an operator's command, and its answer. The answer to an order says that it has begun."""
    match command.name:
        case "show":
            return Wish.NOTHING, _report(status)
        case "switch":
            refused, wish, said = why_not_switch(status), Wish.SWITCH, "the hand-over has begun"
        case "failover":
            refused, wish, said = why_not_fail_over(status), Wish.FAILOVER, "it takes over"
        case _:
            return Wish.NOTHING, _report(status, ok=False, said=f"there is no command {command.name!r}")
    if refused:
        return Wish.NOTHING, _report(status, ok=False, said=refused)
    return wish, _report(status, said=said)


def why_not_switch(status: Status) -> str:
    """Why a node cannot hand over; "" if it can."""
    if status.peer is None:
        return "it has no peer to hand over to"
    if not status.serving:
        return f"it does not serve, it is {status.role}: {_who_can(status.peer)}"
    if not status.in_step:
        return "its backup is not in step"
    return ""


def _who_can(peer: PeerStatus) -> str:
    """Who is to be ordered to hand over, as far as a node knows that."""
    port = peer.link_address.rpartition(":")[2]
    if peer.role != "primary" or not peer.client_address or not port:
        return "only the node that serves can hand over"
    return f'order its primary to hand over: corewire cluster switch --url "tcp://{peer.client_address}?link={port}"'


def why_not_fail_over(status: Status) -> str:
    """Why a node must not serve even by order; "" if it may."""
    if status.serving:
        return "it serves already"
    if status.peer is None:
        return "it has no peer whose place it could take"
    if status.role == "handing over":
        return "it hands over to its backup: wait, or order that one to serve"
    if status.role == "stopped":
        return "it is being stopped"
    if status.role == "joining" or status.standing == "joining":
        return "its data is not whole: it was joining when it lost the primary"
    if status.standing is None:
        return "its folder is empty: corewire run --new says that an empty node may serve"
    if status.role == "backup" and status.in_step:
        return f"the primary answered {status.lease_age_ms} ms ago: it lives, and corewire cluster switch is the way"
    return ""


def _report(status: Status, *, ok: bool = True, said: str = "") -> Report:
    content: dict[str, Any] = {"ok": ok, "said": said, "status": asdict(status)}
    return Report(content)
