"""
Eyes inside what is shipped. For the length of a history a few seldom called methods are wrapped, and tell of rare places.

So the product knows nothing of its being watched. What can be told from outside is in ``probes.py``.
"""

from __future__ import annotations

from contextlib import contextmanager
from inspect import getattr_static
from typing import TYPE_CHECKING, Any, Final

from corewire._channel import Channel
from corewire.wire import hot, registry
from corewire.wire.framing import packet_type
from corewire_server.core import dispatch
from corewire_server.core.session import Session
from corewire_server.ha import roles
from corewire_server.ha._states import Role
from corewire_server.ha.roles import Do, Waits
from corewire_server.journal.actions import SetAside
from corewire_server.node.keeping import Keeper
from corewire_server.node.serving import Serving
from corewire_server.replication.link import Role as Spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from corewire.client._epochs import Epochs
    from corewire_server.core.refusal import Refused
    from corewire_server.core.state import State
    from corewire_server.node.following import Following
    from corewire_server.replication.link import Claim, Word
    from corewire_server.simulator.clients import Client
    from corewire_server.simulator.world import World

    Wrap = Callable[["Eyes", Any], Any]


class Eyes:
    """Who is told, and whose clients these are."""

    def __init__(self, world: World, clients: Sequence[Client]) -> None:
        self.world = world
        self.probe = world.observer.probe
        self.refused: set[Channel] = set()  # of brokers, on which a command was refused
        self._clients = clients

    def owner(self, channel: Channel) -> tuple[str, Epochs] | None:
        """The client whose session has this channel; None: it is a broker's."""
        for client in self._clients:
            session = client.engine._context.by_channel.get(channel.channel)
            if session is not None and session.channel is channel:
                return client.name, session
        return None


@contextmanager
def open_eyes(eyes: Eyes) -> Generator[None]:
    """Wrap, and unwrap again."""
    before: list[tuple[Any, str, Any]] = []
    for owner, name, wrap in _TAPS:
        original = getattr_static(owner, name)
        before.append((owner, name, original))
        setattr(owner, name, wrap(eyes, original))
    try:
        yield
    finally:
        for owner, name, original in before:
            setattr(owner, name, original)


# -- sessions


def _resume(eyes: Eyes, original: Callable[[Channel, int], int]) -> Any:
    def resume(self: Channel, peer_received: int) -> int:
        frames = list(self._frames[: self.unconfirmed - self.waiting])
        again = original(self, peer_received)
        found = eyes.owner(self)
        if found is None:
            if self in eyes.refused:
                eyes.probe("a refused command was counted")
            if again:
                eyes.probe("a broker wrote again")
            return again
        client, session = found
        if again:
            eyes.probe("a client wrote again")
        unanswered = len(session.answers)
        wanting = sum(_wants_answer(frame, self.version) for frame in frames[len(frames) - again :])
        eyes.world.observer.resumed(eyes.world.now, client, session.name, again, max(0, wanting - unanswered))
        return again

    return resume


def _wants_answer(frame: bytes, version: int) -> bool:
    kind = packet_type(frame)
    packet: Any = registry.decode(frame, version)
    if kind in (hot.SEND, hot.ACKNOWLEDGE, hot.INDIVIDUAL_ACKNOWLEDGE):
        return bool(packet.requires_response)
    command = dispatch.COMMANDS.get(kind)
    return (
        command is not None
        and dispatch._wants_answer(command, packet)
        and command.answered is not dispatch.Answered.BY_REFUSAL
    )


def _is_stray(eyes: Eyes, original: Callable[[Session, int, int], bool]) -> Any:
    def is_stray(self: Session, correlation: int, gaps_max: int) -> bool:
        stray = original(self, correlation, gaps_max)
        if stray:
            eyes.probe("a doubled write was dropped")
        return stray

    return is_stray


def _refuse(eyes: Eyes, original: Callable[..., None]) -> Any:
    def refuse(state: State, session: Session, refusal: Refused, **options: Any) -> None:
        eyes.refused.add(session.channel)
        original(state, session, refusal, **options)

    return refuse


# -- the pair


def _answer(eyes: Eyes, original: Callable[[roles.View, Claim], roles.Decision]) -> Any:
    def answer(me: roles.View, hello: Claim) -> roles.Decision:
        decision = original(me, hello)
        if me.role is Role.WAITING and hello.role is Spoken.WAITING:
            if me.claim.standing is not None and hello.standing is not None:
                eyes.probe("two restarted nodes were compared")
            else:
                eyes.probe("an empty node was compared")
        if me.role is Role.BACKUP and decision.do is Do.SERVE:
            eyes.probe("promoted when the old primary came back" if me.leased else "promoted by the primary's record")
        if me.role is Role.BACKUP and decision.do is Do.JOIN:
            eyes.probe("a backup learnt that its place had ended")
        if me.role is Role.PRIMARY and decision.do is Do.GO_ALONE:
            eyes.probe("went alone: another incarnation asked")
        return decision

    return answer


def _use_refusal(eyes: Eyes, original: Callable[[roles.View], Do]) -> Any:
    def use_refusal(me: roles.View) -> Do:
        do = original(me)
        if me.role is Role.BACKUP:
            if do is Do.SERVE:
                eyes.probe("promoted by a refused dial")
            elif not me.leased:
                eyes.probe("refused after the lease had lapsed")
        elif do is Do.GO_ALONE:
            eyes.probe("went alone: a dial was refused")
        elif do is Do.SERVE:
            eyes.probe("restarted, alone, refused: serves")
        return do

    return use_refusal


def _use(eyes: Eyes, original: Callable[[roles.View, Word, Claim], Do]) -> Any:
    def use(me: roles.View, word: Word, peer: Claim) -> Do:
        do = original(me, word, peer)
        if me.role is Role.BACKUP and do is Do.SERVE:
            eyes.probe("promoted by the answer of another incarnation")
        if me.role is Role.PRIMARY and do is Do.GO_ALONE:
            eyes.probe("went alone: another incarnation answered")
        return do

    return use


def _ends_link(eyes: Eyes, original: Callable[[roles.View, Claim], bool]) -> Any:
    def ends_link(me: roles.View, hello: Claim) -> bool:
        ends = original(me, hello)
        if ends:
            eyes.probe("a hello ended the link of an older incarnation")
        return ends

    return ends_link


def _supersedes(eyes: Eyes, original: Callable[[Claim, Claim], bool]) -> Any:
    def supersedes(other: Claim, mine: Claim) -> bool:
        later = original(other, mine)
        if later:
            eyes.probe("a primary met a later epoch")
        return later

    return supersedes


def _end_wait(eyes: Eyes, original: Callable[[Serving, int, str], None]) -> Any:
    def end_wait(self: Serving, now: int, reason: str) -> None:
        waits, link = self.waits, self.link
        if waits in (Waits.CRITICAL, Waits.PLACED):
            eyes.probe("the critical moment was cut")
        elif waits is Waits.TOLD and link is not None:
            eyes.probe("went alone: silence")
        elif waits is Waits.TOLD:
            eyes.probe("went alone: the link was gone")
        elif link is not None:
            eyes.probe("a join was cut")
        original(self, now, reason)

    return end_wait


def _resume_link(eyes: Eyes, original: Callable[[Serving, int, int, Claim], None]) -> Any:
    def resume(self: Serving, now: int, link: int, peer: Claim) -> None:
        eyes.probe("the replication link was resumed")
        if peer.last_input < self.feed.last:
            eyes.probe("inputs were sent again")
        original(self, now, link, peer)

    return resume


def _in_place_of(eyes: Eyes, original: Any) -> Any:
    def in_place_of(cls: type[Serving], following: Following, *args: Any, **options: Any) -> Serving:
        if following.intake is not None and len(following.intake):
            eyes.probe("promoted with inputs to execute")
        serving: Serving = original.__func__(cls, following, *args, **options)
        return serving

    return classmethod(in_place_of)


def _lose_link(eyes: Eyes, original: Callable[[Serving, int, str], None]) -> Any:
    def lose_link(self: Serving, now: int, reason: str) -> None:
        original(self, now, reason)
        if self.waits >= Waits.PLACED and not self._kit.gate.empty:
            eyes.probe("answers waited for a backup without a link")

    return lose_link


def _begin_anew(eyes: Eyes, original: Callable[..., None]) -> Any:
    def begin_anew(self: Keeper, *args: Any) -> None:
        original(self, *args)
        if any(isinstance(action, SetAside) for chore in self._chores for action in chore):
            eyes.probe("data was set aside")

    return begin_anew


def _acknowledged(eyes: Eyes, original: Callable[[Serving], None]) -> Any:
    def acknowledged(self: Serving) -> None:
        held = len(self._kit.gate._held)
        original(self)
        if held > len(self._kit.gate._held):
            eyes.probe("the gate waited for the backup")

    return acknowledged


_TAPS: Final[tuple[tuple[Any, str, Wrap], ...]] = (
    (Channel, "resume", _resume),
    (Session, "is_stray", _is_stray),
    (dispatch, "_refuse", _refuse),
    (roles, "answer", _answer),
    (roles, "use_refusal", _use_refusal),
    (roles, "use", _use),
    (roles, "ends_link", _ends_link),
    (roles, "supersedes", _supersedes),
    (Serving, "end_wait", _end_wait),
    (Serving, "resume", _resume_link),
    (Serving, "in_place_of", _in_place_of),
    (Serving, "lose_link", _lose_link),
    (Serving, "_acknowledged", _acknowledged),
    (Keeper, "begin_anew", _begin_anew),
)
