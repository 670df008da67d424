"""
One session: what belongs to it, and its own commands.

Its rooms: `_commands` (what is written and answered), `_incoming` (what the broker tells it), `_epochs` (what is left of it
when a link is lost); each stands on the one before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.client._calls import Call, Command, Fate
from corewire.client._epochs import Epochs
from corewire.client._outlets import Outlets
from corewire.client._transaction import Transaction
from corewire.client._tries import Tries
from corewire.client._xa import Branches
from corewire.errors import LocalProtocolError, ObjectClosed
from corewire.values import AckMode
from corewire.wire import packets

if TYPE_CHECKING:
    from corewire.client._calls import Script
    from corewire.client._context import Context


class Session(Epochs):
    """See the module."""

    def __init__(self, context: Context, ack_mode: AckMode, *, transacted: bool, xa: bool = False) -> None:
        super().__init__(context, transacted=transacted or xa)
        self.xa = xa
        self.group = context.group()
        self.ack_mode = ack_mode
        self.closing = False
        #: Whether messages go back to their outlets when it is made anew: exactly-once, outside transactions.
        self.sends_again = context.exactly_once and not self.transacted
        self.transaction: Transaction = Branches(self) if xa else Transaction(self)
        self.tries = Tries(self)
        self.outlets = Outlets(self)
        self._last_consumer = -1
        self._last_producer = 0
        self.hand_outs = 0  #: how many messages were handed out: the number of the last one
        #: A call that needs no answer, always the same. It is done before anybody could wait for it, so nobody is woken.
        self.done: Call[None] = Call()
        self.done.succeed(None)

    # -- getters -------------------------------------------------------------------------------------------------------

    @property
    def pre_acknowledged(self) -> bool:
        """Whether the broker forgets messages before it delivers them. Not what is received in transactions: a broker that has
        forgotten it refuses the commit that acknowledges it, and no rollback brings it back."""
        if self.transacted:
            return False
        if self.ack_mode is AckMode.PRE:
            return True
        return self.context.config.pre_acknowledge and self.ack_mode is not AckMode.INDIVIDUAL

    @property
    def acknowledges_in_transaction(self) -> bool:
        """Whether acknowledgements take effect with a commit only."""
        return self.transacted or self.ack_mode in (AckMode.CLIENT, AckMode.INDIVIDUAL)

    def next_consumer(self) -> int:
        """The wire's number for the next consumer."""
        self._last_consumer += 1
        return self._last_consumer

    def next_producer(self) -> int:
        """The wire's number for the next producer."""
        self._last_producer += 1
        return self._last_producer

    def check_open(self) -> None:
        """Raise what a command on a closed session raises: ObjectClosed, or NotConnected if the client gave up."""
        if self.error is not None:
            raise self.error
        if self.closing:
            raise ObjectClosed("the session is closed", subject=f"session {self.name}")

    # -- the session's own commands --------------------------------------------------------------------------------------------

    def start(self, now: float) -> Call[None]:
        """Let messages be delivered."""
        self.started = True
        self.post(packets.SessionStart())
        for consumer in self.consumers.values():
            consumer.serve()
        self.readers.postpone(now)
        return self.done

    def stop(self, now: float) -> Call[None]:
        """Deliver no more; done when nothing is under way any more."""
        self.started = False
        return self.run(now, self._stop())

    def _stop(self) -> Script[None]:
        yield Command(packets.SessionStop(), packets.NullResponse, Fate.DONE)

    def add_metadata(self, now: float, key: str, value: str, *, unique: bool) -> Call[None]:
        """Name the session; ``unique``: no other session of the broker may be named so."""
        return self.run(now, self.name_it(key, value, unique=unique))

    def name_it(self, key: str, value: str, *, unique: bool) -> Script[None]:
        """The script of ``add_metadata``. What is not unique is told again to every broker that takes the session over."""
        kind = packets.SessionUniqueAddMetadata if unique else packets.SessionAddMetadata2
        yield Command(kind(key, value), packets.NullResponse)
        if not unique:
            self.metadata[key] = value

    def close(self, now: float) -> Call[None]:
        """Close the session at the broker. While there is no link the call is done at once, and the broker told later."""
        if self.error is not None or self.closing:
            return self.done
        for consumer in self.consumers.values():
            consumer.acknowledgements.close()
        self.closing = True
        call: Call[None] = Call()
        self.write(now, Command(packets.SessionClose(), packets.NullResponse, Fate.DONE, waiter=call))
        return call

    def only_transacted(self, verb: str) -> None:
        """Raise LocalProtocolError if the session has no transactions of its own."""
        if not self.transacted:
            raise LocalProtocolError(f"cannot {verb}: the session is not transacted", subject=f"session {self.name}")
        self.only_local(verb)

    def only_local(self, verb: str) -> None:
        """Raise LocalProtocolError if its transactions are parts of distributed ones."""
        if self.xa:
            raise LocalProtocolError(f"cannot {verb}: end branches with XA commands", subject=f"session {self.name}")

    @property
    def branches(self) -> Branches:
        """What it takes part in. Raises LocalProtocolError if it does not."""
        if not isinstance(self.transaction, Branches):
            raise LocalProtocolError("the session was not opened for XA", subject=f"session {self.name}")
        return self.transaction
