"""
Branches of distributed transactions, as one session works on them (Artemis: ``ClientSessionImpl`` as an ``XAResource``).

    start, join, resume ──> current ── end, suspend ──> ended ── prepare ──> prepared ── commit, rollback ──> over

A broker that lost the session has rolled back what was not prepared; a branch that is prepared stays in doubt there until
somebody decides it, from whatever session. So a session that is made anew keeps its prepared branches and has *lost* the
others: its current one is announced to the broker as failed, and all that can be done with any of them is to roll it back.

| in flight when the session was made anew | then                                                                  |
|------------------------------------------|-----------------------------------------------------------------------|
| start, join, resume                      | asked once more and ended, so that whatever is there can be rolled back; XAER_RMFAIL |
| end, suspend                             | XAER_RMFAIL; what was suspended is ended, so that it can be rolled back |
| prepare                                  | asked once more: its vote; without one rolled back, XAER_RMFAIL       |
| commit                                   | XA_RETRY; in one phase XAER_RMFAIL                                    |
| prepare, commit in one phase, not written yet | not asked, XAER_RMFAIL: their branch is lost                     |
| rollback, recover, forget, time-outs     | XAER_RMFAIL                                                           |

A broker that is not ours may have run a command, and is asked again when the session is re-attached: what it then refuses
because it is done already, is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar

from corewire.client._calls import Call, Command, Fate, Lost
from corewire.client._transaction import Transaction
from corewire.errors import CorewireError, XaCode, XaError
from corewire.values import Xid
from corewire.wire import packets

if TYPE_CHECKING:
    from corewire.client._calls import Packet, Script
    from corewire.client._session import Session

T = TypeVar("T")

XaVerb: TypeAlias = Literal["start", "join", "resume", "end", "suspend", "prepare", "commit", "rollback", "forget"]

ENDED_MAX: Final = 1_000  # branches of a session that were ended here and, it seems, prepared elsewhere: the oldest go
_DEFAULT_TIMEOUT: Final = -1  # on the wire; 0 is one there that has passed already
_CODES: Final = frozenset(XaCode)
_ROLLED_BACK: Final = range(XaCode.XA_RBROLLBACK, 108)
_KEPT: Final = (XaCode.XA_RETRY, XaCode.XAER_PROTO, XaCode.XAER_RMERR, XaCode.XAER_RMFAIL)


class XaCall(Call[T]):
    """A call that tells an XaError, whatever it fails with: ``code``, caused by that."""

    __slots__ = ("_code",)

    def __init__(self, code: XaCode = XaCode.XAER_RMFAIL) -> None:
        super().__init__()
        self._code = code

    def fail(self, error: Exception) -> None:
        """As in `Operation`."""
        super().fail(error if isinstance(error, XaError) else _failure(self._code, error))


def _failure(code: XaCode, cause: Exception) -> XaError:
    error = XaError(f"{code.name}: {cause}", xa_code=code)
    error.__cause__ = cause
    return error


def _refusal(answer: packets.SessionXaResponse) -> XaError:
    number = answer.response_code
    unknown = XaCode.XA_RBROLLBACK if number in _ROLLED_BACK else XaCode.XAER_RMERR
    code = XaCode(number) if number in _CODES else unknown
    return XaError(f"{code.name}: {answer.message or f'the broker answered {number}'}", xa_code=code)


def _wire(xid: Xid) -> packets.Xid:
    return packets.Xid(xid.format_id, xid.branch_qualifier, xid.global_transaction_id)


class Branches(Transaction):
    """The branches of one session. What is sent and received while there is no current one takes effect at once."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._current: Xid | None = None
        self._ended: dict[Xid, CorewireError | None] = {}  # not prepared: None, or why they are lost
        self._timeout_s: int | None = None

    @property
    def open(self) -> bool:
        """Whether the session works on a branch."""
        return self._current is not None

    @property
    def binds(self) -> bool:
        """As in `Transaction`: the branch is lost, and once it was left, what is written is in none and takes effect at once."""
        return self.open

    # -- what failures do ------------------------------------------------------------------------------------------------

    def session_lost(self, error: CorewireError) -> None:
        """As in `Transaction`."""
        if self._current is not None:
            self.rollback_only = self.rollback_only or error
        self._ended = {xid: why or error for xid, why in self._ended.items()}

    def replayed(self, error: CorewireError) -> None:
        """As in `Transaction`."""
        if self._current is not None:
            self.rollback_only = self.rollback_only or error

    def announce(self, now: float) -> None:
        """As in `Transaction`: the time-out, and that the current branch has failed."""
        if self._timeout_s is not None:
            self._session.background(now, self._set_timeout_again(self._timeout_s))
        if self._current is not None:
            self._session.post(packets.SessionXaFailed(_wire(self._current)))

    # -- commands --------------------------------------------------------------------------------------------------------

    def run(self, now: float, verb: XaVerb, xid: Xid | None, *, flag: bool) -> Call[XaCode | None]:
        """Begin a command. ``flag``: ``end``: the work has failed; ``commit``: in one phase. Succeeds with XA_RDONLY or None."""
        two_phases = verb == "commit" and not flag
        call = XaCall[XaCode | None](XaCode.XA_RETRY if two_phases else XaCode.XAER_RMFAIL)
        return self._session.run(now, self._script(call, verb, xid, flag=flag), call=call)

    def _script(
        self, call: XaCall[XaCode | None], verb: XaVerb, xid: Xid | None, *, flag: bool
    ) -> Script[XaCode | None]:
        if verb == "suspend":
            return self._leave(call, packets.SessionXaSuspend(), self._current)
        if xid is None:
            raise ValueError(f"xa {verb} is about a branch: give its Xid")
        branch = _wire(xid)
        match verb:
            case "start":
                return self._enter(call, packets.SessionXaStart(branch), xid)
            case "join":
                return self._enter(call, packets.SessionXaJoin(branch), xid)
            case "resume":
                return self._enter(call, packets.SessionXaResume(branch), xid)
            case "end":
                return self._leave(call, packets.SessionXaEnd(branch, flag), xid)
            case "prepare":
                return self._prepare(call, packets.SessionXaPrepare(branch), xid)
            case "commit":
                return self._commit(packets.SessionXaCommit(branch, flag), xid)
            case "rollback":
                return self._undo(packets.SessionXaRollback(branch), xid)
            case "forget":
                return self._forget(packets.SessionXaForget(branch), xid)

    def recover(self, now: float) -> Call[Sequence[Xid]]:
        """The branches that the broker holds in doubt, and those that were decided without their coordinator."""
        call = XaCall[Sequence[Xid]]()
        return self._session.run(now, self._recover(), call=call)

    def set_timeout(self, now: float, seconds: int) -> Call[bool]:
        """How long the broker waits for the end of each branch; 0: as it is configured."""
        call = XaCall[bool]()
        return self._session.run(now, self._set_timeout(seconds), call=call)

    def get_timeout(self, now: float) -> Call[int]:
        """What the broker is configured for."""
        call = XaCall[int]()
        return self._session.run(now, self._get_timeout(), call=call)

    # -- scripts -----------------------------------------------------------------------------------------------------------

    def _ask(self, packet: Packet, *done_already: XaCode) -> Script[XaCode | None]:
        return (yield from self._give(Command(packet, packets.SessionXaResponse), *done_already))

    def _give(self, command: Command, *done_already: XaCode) -> Script[XaCode | None]:
        answer = yield command
        assert isinstance(answer, packets.SessionXaResponse)
        if answer.error:
            error = _refusal(answer)
            if command.repeated and error.xa_code in done_already:
                return None
            raise error
        return XaCode.XA_RDONLY if answer.response_code == XaCode.XA_RDONLY else None

    def _enter(self, call: XaCall[XaCode | None], packet: Packet, xid: Xid) -> Script[XaCode | None]:
        self._only_outside("another branch is the current one")
        for consumer in self._session.consumers.values():
            consumer.flush_acknowledgements()  # these were received outside
        command = Command(packet, packets.SessionXaResponse, revocable=True)
        try:
            yield from self._give(command, XaCode.XAER_PROTO)
        except Lost as lost:
            if not (lost.final or call.done):
                yield from self._enter_again_and_leave(packet, xid)
            raise lost from None
        except XaError as error:
            if error.xa_code is not XaCode.XAER_DUPID:
                raise
            yield from self._leave_nameless()
            if not command.repeated:
                raise
            yield from self._ask(packets.SessionXaJoin(_wire(xid)))  # it was begun the first time
        if call.done:  # its caller was told that it took too long
            yield from self._ask(packets.SessionXaEnd(_wire(xid), failed=True))
            return None
        why = self._ended.pop(xid, None)
        self.rollback_only = None if isinstance(packet, packets.SessionXaStart) else why
        self._current = xid
        return None

    def _enter_again_and_leave(self, packet: Packet, xid: Xid) -> Script[None]:
        """
        The session was made anew: whatever is there is left in a state in which it can be rolled back.

        Its caller hears that the session was lost, whatever the broker says to this: a branch that the old session had
        entered may have gone with it.
        """
        try:
            yield from self._ask(packet)
            yield from self._ask(packets.SessionXaEnd(_wire(xid), failed=True))
        except XaError as error:
            if error.xa_code is XaCode.XAER_DUPID:
                yield from self._leave_nameless()  # the broker has not missed the old session yet

    def _leave_nameless(self) -> Script[None]:
        """Artemis leaves a session whose start it has refused in a transaction that has no name."""
        with suppress(CorewireError):
            yield from self.roll_back()

    def _leave(self, call: XaCall[XaCode | None], packet: Packet, xid: Xid | None) -> Script[XaCode | None]:
        if xid is None or xid != self._current:
            return (yield from self._ask(packet))
        for consumer in self._session.consumers.values():
            consumer.flush_acknowledgements()
        self._ended[xid] = why = self.rollback_only
        self._current = self.rollback_only = None  # from now on, however long that takes
        if len(self._ended) > ENDED_MAX:
            del self._ended[next(iter(self._ended))]
        if why is not None:
            with suppress(CorewireError):
                yield from self.roll_back()
            raise _failure(XaCode.XAER_RMFAIL, why)
        try:
            yield from self._ask(packet, XaCode.XAER_PROTO)
        except Lost as lost:
            if isinstance(packet, packets.SessionXaSuspend) and not (lost.final or call.done):
                yield from self._end_suspended(xid)
            raise
        except XaError:
            self._raise_if_lost(xid)
            raise
        self._raise_if_lost(xid)
        return None

    def _end_suspended(self, xid: Xid) -> Script[None]:
        """Suspended branches outlive their session, and Artemis fails when it is to roll one back."""
        with suppress(XaError):
            yield from self._ask(packets.SessionXaResume(_wire(xid)))
            yield from self._ask(packets.SessionXaEnd(_wire(xid), failed=True))

    def _prepare(self, call: XaCall[XaCode | None], packet: Packet, xid: Xid) -> Script[XaCode | None]:
        self._only_ended(xid)
        self._raise_if_lost(xid)
        try:
            # Of a new session this is not asked: the broker may not have missed the old one yet, with which the branch goes.
            vote = yield from self._give(Command(packet, packets.SessionXaResponse, bound=xid in self._ended))
        except Lost as lost:
            if lost.final or call.done or not lost.written:
                raise
            try:
                vote = yield from self._ask(packet)
            except (Lost, CorewireError):
                with suppress(Lost, CorewireError):
                    yield from self.roll_back()
                raise lost from None
        self._ended.pop(xid, None)
        return vote

    def _commit(self, packet: packets.SessionXaCommit, xid: Xid) -> Script[XaCode | None]:
        self._only_ended(xid)
        if packet.one_phase:
            self._raise_if_lost(xid)
        bound = packet.one_phase and xid in self._ended  # as in `_prepare`
        yield from self._decide(Command(packet, packets.SessionXaResponse, revocable=True, bound=bound), xid)
        return None

    def _undo(self, packet: packets.SessionXaRollback, xid: Xid) -> Script[XaCode | None]:
        """As `roll_back`, for one branch: what came meanwhile is given back, too."""
        self._only_ended(xid)
        session, failure = self._session, None
        restart, made_anew = session.started, False
        self.undoing += 1
        try:
            made_anew = restart and (yield from self._stopped())
            if not made_anew:
                for consumer in session.consumers.values():
                    consumer.give_back()
            yield from self._decide(Command(packet, packets.SessionXaResponse), xid)
        except CorewireError as error:
            failure = error
        finally:
            self.undoing -= 1
        if restart and not made_anew and not self.undoing:
            session.post(packets.SessionStart())
        if failure is not None:
            raise failure
        return None

    def _decide(self, command: Command, xid: Xid) -> Script[None]:
        try:
            yield from self._give(command, XaCode.XAER_NOTA)
        except XaError as error:
            if error.xa_code not in _KEPT:
                self._ended.pop(xid, None)
            raise
        self._ended.pop(xid, None)

    def _forget(self, packet: packets.SessionXaForget, xid: Xid) -> Script[XaCode | None]:
        yield from self._decide(Command(packet, packets.SessionXaResponse), xid)
        return None

    def _recover(self) -> Script[Sequence[Xid]]:
        answer = yield Command(packets.SessionXaInDoubtXids(), packets.SessionXaInDoubtXidsResponse)
        assert isinstance(answer, packets.SessionXaInDoubtXidsResponse)
        try:
            return tuple(
                Xid(each.format_id, bytes(each.global_transaction_id), bytes(each.branch_qualifier))
                for each in answer.xids
            )
        except ValueError as error:
            raise XaError(f"XAER_RMERR: the broker lists what is no Xid: {error}", xa_code=XaCode.XAER_RMERR) from error

    def _set_timeout(self, seconds: int) -> Script[bool]:
        if not 0 <= seconds < 1 << 31:
            raise XaError(f"XAER_INVAL: a time-out of {seconds} s", xa_code=XaCode.XAER_INVAL)
        wanted = seconds or _DEFAULT_TIMEOUT
        try:
            answer = yield Command(packets.SessionXaSetTimeout(wanted), packets.SessionXaSetTimeoutResponse)
        except (Lost, CorewireError) as failure:
            if self._current is not None:
                self.rollback_only = failure.error if isinstance(failure, Lost) else failure
            raise
        assert isinstance(answer, packets.SessionXaSetTimeoutResponse)
        if answer.ok:
            self._timeout_s = wanted
        return answer.ok

    def _set_timeout_again(self, seconds: int) -> Script[None]:
        packet = packets.SessionXaSetTimeout(seconds)
        yield Command(packet, packets.SessionXaSetTimeoutResponse, Fate.FORGOTTEN, patient=True)

    def _get_timeout(self) -> Script[int]:
        answer = yield Command(packets.SessionXaGetTimeout(), packets.SessionXaGetTimeoutResponse)
        assert isinstance(answer, packets.SessionXaGetTimeoutResponse)
        return answer.seconds

    # -- what cannot be ----------------------------------------------------------------------------------------------------

    def _only_outside(self, text: str) -> None:
        if self._current is not None:
            raise XaError(f"XAER_PROTO: {text}", xa_code=XaCode.XAER_PROTO)

    def _only_ended(self, xid: Xid) -> None:
        if xid == self._current:
            self._only_outside("the branch was not ended")

    def _raise_if_lost(self, xid: Xid) -> None:
        if (why := self._ended.get(xid)) is not None:
            raise _failure(XaCode.XAER_RMFAIL, why)
