"""
What a node decides about its peer: the rules (b) to (e) of the pair as functions of what it knows, without any state.

Two nodes cannot tell a dead peer from a silent one, so silence alone makes nobody serve. What makes a difference is a dial:
refused, it proves that the process at the other end is gone; answered, it brings the claim of whoever lives there. Each node
settles what it claims itself before it answers, so no two decisions rest on different pictures of the same moment.

``answer``: another node has dialled us and says hello. ``use``: our own dial has an outcome. Both return what to do first, and
what to say. What "settled" asks for (what a node says is on its disk before it says it) is the caller's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple, assert_never

from corewire_server.ha._states import Role
from corewire_server.records import Standing
from corewire_server.replication.link import Role as Spoken
from corewire_server.replication.link import Word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from corewire_server.replication.link import Claim

SPOKEN: Final[Mapping[Role, Spoken]] = {
    Role.WAITING: Spoken.WAITING,
    Role.JOINING: Spoken.JOINING,
    Role.BACKUP: Spoken.BACKUP,
    Role.PRIMARY: Spoken.PRIMARY,
    Role.HANDING_OVER: Spoken.PRIMARY,
    Role.STOPPED: Spoken.JOINING,  # it has no place and will never serve, as far as the other is concerned
}
"""How a role is called on the link."""


class Waits(IntEnum):
    """How far a primary's gate is with its backup."""

    ALONE = 0  # waits for the disk only
    CRITICAL = 1  # waits for a joiner that does not know it yet
    PLACED = 2  # "in step" is recorded: only proof or four seconds end the wait
    TOLD = 3  # and the backup has acknowledged that it was told


class Do(Enum):
    """What a node does about its own role or link before it says anything."""

    NOTHING = "nothing"
    SERVE = "serve"
    JOIN = "join"  # give the data up; a primary that does is fenced
    GO_ALONE = "go alone"  # the backup's place ends
    GIVE_UP_JOIN = "give up the join"
    RESUME = "resume"  # the link is the connection that asks, and goes on where the old one broke
    TAKE_IN = "take in"  # the link is the connection that asks, and begins with a snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a node knows at the moment it decides."""

    role: Role
    claim: Claim  # what it says of itself
    first: bool  # it is the configured primary
    leased: bool = False  # backup: the newest stamp that came back is young enough
    linked: bool = False  # its end of the link is open
    ended: bool = False  # backup: the last link was ended by the other side, not by its own time-out
    peer: bytes = b""  # incarnation that link and place belong to
    peer_folder: bytes = b""
    waits: Waits = Waits.ALONE
    answered_by: bytes = b""  # primary: incarnation that answered its last dial
    fresh: bool = False  # handing over: so little time has passed that the heir cannot have shown anything
    warned: bool = False  # waiting: the other node may have newer data, having spoken of a higher epoch


class Decision(NamedTuple):
    """What to do, then what to say."""

    do: Do
    word: Word


class Rank(NamedTuple):
    """Of two nodes that were restarted the higher one goes on."""

    usable: bool
    epoch: int
    alone: bool
    last_input: int
    first: bool


def rank(claim: Claim, *, first: bool) -> Rank:
    """What a restarted node's data is worth; ``first``: it is the configured primary."""
    return Rank(usable(claim.standing), claim.epoch, claim.standing is Standing.ALONE, claim.last_input, first)


def usable(standing: Standing | None) -> bool:
    """Whether data with this record may ever be served."""
    return standing in (Standing.ALONE, Standing.IN_STEP)


def ends_link(me: View, hello: Claim) -> bool:
    """Whether a hello proves that our link leads to a process that is gone: what it still holds must not be read."""
    return (
        me.role in (Role.JOINING, Role.BACKUP)
        and me.linked
        and hello.folder == me.peer_folder
        and hello.incarnation != me.peer
    )


def is_third(me: View, claim: Claim) -> bool:
    """
    Whether a node is neither we nor the one that our link and place belong to: it can only wait until one of us is gone.

    Who joins keeps its link: two would take it from each other, and neither ever be in step. Only one that lives where we dial
    takes it from one that does not, and could never be in step.
    """
    following = me.role in (Role.JOINING, Role.BACKUP)
    joined = me.role is Role.PRIMARY and me.linked and claim.incarnation != me.answered_by
    held = me.waits is not Waits.ALONE or joined or (following and bool(me.peer))
    return held and claim.incarnation != me.peer and claim.folder != me.peer_folder


def answer(me: View, hello: Claim) -> Decision:
    """Somebody has dialled us and proven that he is a node of this pair. ``ends_link`` is to be asked first."""
    match me.role:
        case Role.PRIMARY:
            return _answer_as_primary(me, hello)
        case Role.HANDING_OVER:
            return _answer_while_handing_over(me, hello)
        case Role.BACKUP:
            return _answer_as_backup(me, hello)
        case Role.JOINING:
            asks = hello.role is Spoken.WAITING and usable(hello.standing)
            return Decision(Do.NOTHING, Word.GO if asks else Word.WAIT)
        case Role.WAITING:
            return _answer_while_waiting(me, hello)
        case Role.STOPPED:
            return Decision(Do.NOTHING, Word.WAIT)
        case _:
            assert_never(me.role)


def _answer_as_primary(me: View, hello: Claim) -> Decision:
    if supersedes(hello, me.claim):
        return Decision(Do.JOIN, Word.WAIT)
    same = hello.incarnation == me.peer
    if hello.role is Spoken.BACKUP and same and _same_place(me.claim, hello) and me.waits >= Waits.PLACED:
        return Decision(Do.RESUME, Word.LINK)
    if hello.role is Spoken.JOINING:
        if me.waits is Waits.ALONE and not is_third(me, hello):
            return Decision(Do.TAKE_IN, Word.LINK)
        if same:  # it left our link before it was told: it has no place
            return Decision(_end_wait(me), Word.WAIT)
    if me.waits and not same and hello.folder == me.peer_folder and hello.role is not Spoken.BACKUP:
        return Decision(_end_wait(me), Word.WAIT)  # the process that we wait for is gone
    return Decision(Do.NOTHING, Word.FENCE if hello.role is Spoken.PRIMARY else Word.JOIN)


def _end_wait(me: View) -> Do:
    return Do.GO_ALONE if me.waits >= Waits.PLACED else Do.GIVE_UP_JOIN


def _answer_while_handing_over(me: View, hello: Claim) -> Decision:
    if supersedes(hello, me.claim):
        return Decision(Do.JOIN, Word.WAIT)
    same = hello.incarnation == me.peer
    if same and hello.role is Spoken.BACKUP and _same_place(me.claim, hello):
        return Decision(Do.RESUME, Word.LINK)  # and is told once more to take over
    if (same and hello.role is Spoken.JOINING) or (not same and hello.folder == me.peer_folder):
        return Decision(Do.GO_ALONE, Word.WAIT)
    return Decision(Do.NOTHING, Word.WAIT)


def _answer_as_backup(me: View, hello: Claim) -> Decision:
    if hello.incarnation == me.peer:
        return Decision(Do.NOTHING, Word.HERE)
    if hello.folder != me.peer_folder:
        return Decision(Do.NOTHING, Word.WAIT)  # says nothing of the process whose place this is
    if usable(hello.standing) and hello.epoch > me.claim.epoch:
        return Decision(Do.JOIN, Word.GO)
    if hello.standing is Standing.ALONE and hello.epoch == me.claim.epoch:
        return Decision(Do.JOIN, Word.GO)
    if hello.role is Spoken.WAITING and (me.leased or _never_went_alone(me.claim, hello)):
        return Decision(Do.SERVE, Word.JOIN)
    return Decision(Do.NOTHING, Word.WAIT)


def _answer_while_waiting(me: View, hello: Claim) -> Decision:
    mine, theirs = rank(me.claim, first=me.first), rank(hello, first=not me.first)
    serve = Decision(Do.SERVE, Word.JOIN)
    wait = Decision(Do.NOTHING, Word.WAIT)
    match hello.role:
        case Spoken.PRIMARY:
            return Decision(Do.JOIN, Word.HERE) if hello.epoch >= me.claim.epoch else wait
        case Spoken.JOINING:
            return serve if mine.usable else wait
        case Spoken.BACKUP:
            alone = me.claim.standing is Standing.ALONE and me.claim.epoch >= hello.epoch
            return serve if alone else Decision(Do.NOTHING, Word.OTHER)
        case Spoken.WAITING:
            standings = {me.claim.standing, hello.standing}
            if standings == {None}:
                return serve if me.first else Decision(Do.NOTHING, Word.GO)
            if standings == {None, Standing.IN_STEP} or (hello.standing is None and me.warned):
                return wait  # what the empty one lost may be newer
            if mine > theirs:
                return serve if mine.usable else wait
            return Decision(Do.NOTHING, Word.GO if theirs.usable else Word.WAIT)
        case _:
            return wait


def use_refusal(me: View) -> Do:
    """Our dial was refused: nobody listens where the peer would."""
    match me.role:
        case Role.BACKUP if not me.linked and me.ended and me.leased:
            return Do.SERVE
        case Role.PRIMARY if not me.linked and me.waits >= Waits.PLACED:
            return Do.GO_ALONE
        case Role.HANDING_OVER if not me.linked and me.fresh:  # later it may have served before it died
            return Do.GO_ALONE
        case Role.WAITING if me.claim.standing is Standing.ALONE and not me.warned:
            return Do.SERVE
        case _:
            return Do.NOTHING


def use(me: View, word: Word, peer: Claim) -> Do:
    """Our dial, begun after the link ended if it has, was answered by a node of this pair."""
    other = peer.incarnation != me.peer
    match me.role:
        case Role.BACKUP:
            return _use_as_backup(me, word, peer)
        case Role.JOINING:
            return Do.TAKE_IN if word is Word.LINK else Do.NOTHING
        case Role.WAITING:
            if word is Word.GO and me.claim.standing is not Standing.JOINING:
                return Do.NOTHING if peer.standing is None and me.warned else Do.SERVE
            return Do.JOIN if word is Word.JOIN else Do.NOTHING
        case Role.PRIMARY | Role.HANDING_OVER:
            if supersedes(peer, me.claim):
                return Do.JOIN
            if me.linked or me.waits < Waits.PLACED:
                return Do.NOTHING
            return Do.GO_ALONE if other or peer.role is Spoken.JOINING else Do.NOTHING
        case Role.STOPPED:
            return Do.NOTHING
        case _:
            assert_never(me.role)


def _use_as_backup(me: View, word: Word, peer: Claim) -> Do:
    if word is Word.LINK:
        return Do.RESUME
    if word is Word.JOIN:
        return Do.JOIN
    of_primary = peer.folder == me.peer_folder and peer.incarnation != me.peer and peer.epoch <= me.claim.epoch
    if word is Word.OTHER and of_primary and not me.linked:
        may = (me.ended and me.leased) or _never_went_alone(me.claim, peer)
        return Do.SERVE if may else Do.NOTHING
    return Do.NOTHING


def supersedes(other: Claim, mine: Claim) -> bool:
    """Whether the other node's data is of a later service than that of this one, which serves."""
    if other.role is Spoken.JOINING or not usable(other.standing):
        return False
    if other.role is Spoken.PRIMARY and other.epoch == mine.epoch:  # both are configured as primary
        return other.incarnation > mine.incarnation
    return other.epoch > mine.epoch


def _same_place(mine: Claim, other: Claim) -> bool:
    return mine.epoch == other.epoch and mine.place == other.place


def _never_went_alone(mine: Claim, other: Claim) -> bool:
    """Whether the restarted primary's record still says that this backup has its place."""
    return other.standing is Standing.IN_STEP and _same_place(mine, other)
