"""
Every error that corewire raises. ``except CorewireError`` catches all; families tell who is to act, leaves tell what happened.

``str()`` of an error is: what happened, to which object, on which connection, what to do. The parts are attributes.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class ErrorCode(IntEnum):
    """Codes of EXCEPTION packets (docs/protocol/exceptions.md; Artemis: ``ActiveMQExceptionType``)."""

    INTERNAL_ERROR = 0
    UNSUPPORTED_PACKET = 1
    NOT_CONNECTED = 2
    CONNECTION_TIMEDOUT = 3
    DISCONNECTED = 4
    UNBLOCKED = 5
    IO_ERROR = 6
    QUEUE_DOES_NOT_EXIST = 100
    QUEUE_EXISTS = 101
    OBJECT_CLOSED = 102
    INVALID_FILTER_EXPRESSION = 103
    ILLEGAL_STATE = 104
    SECURITY_EXCEPTION = 105
    ADDRESS_DOES_NOT_EXIST = 106
    ADDRESS_EXISTS = 107
    INCOMPATIBLE_CLIENT_SERVER_VERSIONS = 108
    LARGE_MESSAGE_ERROR_BODY = 110
    TRANSACTION_ROLLED_BACK = 111
    SESSION_CREATION_REJECTED = 112
    DUPLICATE_ID_REJECTED = 113
    DUPLICATE_METADATA = 114
    TRANSACTION_OUTCOME_UNKNOWN = 115
    ALREADY_REPLICATING = 116
    INTERCEPTOR_REJECTED_PACKET = 117
    INVALID_TRANSIENT_QUEUE_USE = 118
    REMOTE_DISCONNECT = 119
    TRANSACTION_TIMEOUT = 120
    NATIVE_ERROR_INTERNAL = 200
    NATIVE_ERROR_INVALID_BUFFER = 201
    NATIVE_ERROR_NOT_ALIGNED = 202
    NATIVE_ERROR_CANT_INITIALIZE_AIO = 203
    NATIVE_ERROR_CANT_RELEASE_AIO = 204
    NATIVE_ERROR_CANT_OPEN_CLOSE_FILE = 205
    NATIVE_ERROR_CANT_ALLOCATE_QUEUE = 206
    NATIVE_ERROR_PREALLOCATE_FILE = 208
    NATIVE_ERROR_ALLOCATE_MEMORY = 209
    ADDRESS_FULL = 210
    LARGE_MESSAGE_INTERRUPTED = 211
    CLUSTER_SECURITY_EXCEPTION = 212
    NOT_IMPLEMENTED_EXCEPTION = 213
    MAX_CONSUMER_LIMIT_EXCEEDED = 214
    UNEXPECTED_ROUTING_TYPE_FOR_ADDRESS = 215
    INVALID_QUEUE_CONFIGURATION = 216
    DELETE_ADDRESS_ERROR = 217
    NULL_REF = 218
    SHUTDOWN_ERROR = 219
    REPLICATION_TIMEOUT_ERROR = 220
    DIVERT_DOES_NOT_EXIST = 221
    ROUTING_EXCEPTION = 222
    TIMEOUT_EXCEPTION = 223
    GENERIC_EXCEPTION = 999


class XaCode(IntEnum):
    """What an XA call was answered (``javax.transaction.xa.XAException``)."""

    XA_RDONLY = 3
    XA_RETRY = 4
    XA_HEURMIX = 5
    XA_HEURRB = 6
    XA_HEURCOM = 7
    XA_HEURHAZ = 8
    XA_RBROLLBACK = 100
    XA_RBTIMEOUT = 106
    XAER_RMERR = -3
    XAER_NOTA = -4
    XAER_INVAL = -5
    XAER_PROTO = -6
    XAER_RMFAIL = -7
    XAER_DUPID = -8


class CorewireError(Exception):
    """Base of all errors of corewire."""

    CODE: ClassVar[ErrorCode | None] = None
    SAID: ClassVar[tuple[str, str] | None] = None  # of a subject of this kind, in place of the message

    def __init__(
        self,
        message: str = "",
        *,
        code: ErrorCode | None = None,
        subject: str | None = None,
        connection: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = self.CODE if code is None else code
        self.subject = subject  #: the object, as in "queue 'orders'"
        self.connection = connection  #: as in "tcp://host:61616"
        self.hint = hint  #: what to do, one sentence

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled as it is, not made anew: some need more than a message for that."""
        return _as_it_was, (type(self), self.args), self.__dict__

    def __str__(self) -> str:
        text = self.message or (self.code.name if self.code is not None else type(self).__name__)
        if self.subject is not None and self.SAID is not None and self.subject.startswith(self.SAID[0]):
            text = f"{self.subject} {self.SAID[1]}"
        elif self.subject is not None and self.subject not in text:
            text = f"{self.subject}: {text}"
        if self.code is not None:
            text += f" ({self.code.name} {self.code.value})"
        if self.connection is not None:
            text += f" on {self.connection}"
        return text if self.hint is None else f"{text}\n{self.hint}"


def _as_it_was(kind: type[CorewireError], args: tuple[Any, ...]) -> CorewireError:
    return kind.__new__(kind, *args)


class ConfigError(CorewireError, ValueError):
    """Wrong configuration; nothing was sent."""

    def __init__(
        self,
        message: str,
        *,
        parameter: str,
        nearest: Sequence[str] = (),
        location: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.parameter = parameter
        self.nearest = tuple(nearest)  #: similar names that exist
        self.location = location  #: as in "broker.xml:41"

    def __str__(self) -> str:
        text = super().__str__()
        if self.location is not None:
            text = f"{self.location}: {text}"
        return f"{text} (nearest: {', '.join(self.nearest)})" if self.nearest else text


# -- misuse: by this program (local) or by the peer (remote) -----------------------------------------------------------


class ProtocolError(CorewireError):
    """The rules of the protocol or of this library were broken."""


class LocalProtocolError(ProtocolError):
    """Broken by this program: a mistake of its programmer."""


class RemoteProtocolError(ProtocolError):
    """Broken by the peer. The link is beyond use and is closed."""

    def __init__(
        self,
        message: str = "",
        *,
        packet: str | None = None,
        offset: int | None = None,
        code: ErrorCode | None = None,
        subject: str | None = None,
        connection: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, code=code, subject=subject, connection=connection, hint=hint)
        self.packet = packet  #: name of the packet type, where it is known
        self.offset = offset  #: bytes from the start of the frame, where it is known

    def __str__(self) -> str:
        where = "" if self.packet is None else f"{self.packet}: "
        at = "" if self.offset is None else f" at offset {self.offset}"
        return f"{where}{super().__str__()}{at}"


class ObjectClosed(LocalProtocolError):
    """The session, consumer or producer was closed by this program, or the consumer by the broker."""

    CODE = ErrorCode.OBJECT_CLOSED


class BodyNotRead(LocalProtocolError):
    """A large body is not in memory yet: call ``read()`` or ``chunks()`` first."""


class BodyTypeMismatch(LocalProtocolError, TypeError):
    """The body is of another type than the attribute asks for, as ``.text`` of a BYTES message."""


class ConversionError(LocalProtocolError, ValueError):
    """Java's table of property conversions has no such conversion."""


class IncompatibleVersions(RemoteProtocolError):
    """No protocol version is spoken by both sides."""

    CODE = ErrorCode.INCOMPATIBLE_CLIENT_SERVER_VERSIONS


class UnsupportedPacket(RemoteProtocolError):
    """The peer sent a packet that this side does not take."""

    CODE = ErrorCode.UNSUPPORTED_PACKET


# -- the connection ----------------------------------------------------------------------------------------------------


class ConnectionLost(CorewireError):
    """The connection failed, and what was asked with it."""


class NotConnected(ConnectionLost):
    """No broker could be reached, or the attempts are used up."""

    CODE = ErrorCode.NOT_CONNECTED


class ConnectionTimedOut(ConnectionLost):
    """The broker was silent for longer than the connection TTL."""

    CODE = ErrorCode.CONNECTION_TIMEDOUT


class Disconnected(ConnectionLost):
    """The broker said goodbye."""

    CODE = ErrorCode.DISCONNECTED


class RemoteDisconnect(ConnectionLost):
    """The other side closed the connection."""

    CODE = ErrorCode.REMOTE_DISCONNECT


class Unblocked(ConnectionLost):
    """In flight when the session was recreated: it may or may not have happened."""

    CODE = ErrorCode.UNBLOCKED


class LargeMessageInterrupted(ConnectionLost):
    """The body broke off; the message is delivered again from the start."""

    CODE = ErrorCode.LARGE_MESSAGE_INTERRUPTED


class CallTimeout(CorewireError, TimeoutError):
    """``callTimeout`` or ``callFailoverTimeout`` passed without the answer."""

    CODE = ErrorCode.CONNECTION_TIMEDOUT


# -- transactions --------------------------------------------------------------------------------------------------------


class TransactionError(CorewireError):
    """A transaction did not end as asked."""


class TransactionRolledBack(TransactionError):
    """Nothing of it happened: run it again."""

    CODE = ErrorCode.TRANSACTION_ROLLED_BACK


class TransactionOutcomeUnknown(TransactionError):
    """It was committed or it was not; ``transact`` settles it."""

    CODE = ErrorCode.TRANSACTION_OUTCOME_UNKNOWN


class TransactionTimedOut(TransactionError):
    """The broker rolled it back because it took too long."""

    CODE = ErrorCode.TRANSACTION_TIMEOUT


class XaError(TransactionError):
    """An XA call was refused."""

    def __init__(self, message: str = "", *, xa_code: XaCode, connection: str | None = None) -> None:
        super().__init__(message or xa_code.name, connection=connection)
        self.xa_code = xa_code

    @property
    def retry(self) -> bool:
        """XA_RETRY: call commit again."""
        return self.xa_code is XaCode.XA_RETRY

    @property
    def heuristic(self) -> bool:
        """The branch was ended heuristically; ``xa_forget`` it."""
        return self.xa_code in (XaCode.XA_HEURMIX, XaCode.XA_HEURRB, XaCode.XA_HEURCOM, XaCode.XA_HEURHAZ)


# -- the broker answered EXCEPTION ---------------------------------------------------------------------------------------


class BrokerError(CorewireError):
    """The broker refused. Codes without a class of their own are this class itself."""

    @classmethod
    def from_code(cls, code: int, message: str | None) -> CorewireError:
        """Make the error for an EXCEPTION packet: the only place that maps codes to classes."""
        try:
            known = ErrorCode(code)
        except ValueError:
            return BrokerError(message or f"unknown code {code}", code=ErrorCode.GENERIC_EXCEPTION)
        return _LEAVES.get(known, BrokerError)(message or "", code=known)

    @property
    def broker_message_id(self) -> str | None:
        """Artemis' number of the message, as "AMQ229031", where the text begins with one."""
        head = self.message.partition(":")[0]
        return head if head.startswith("AMQ") and head[3:].isdecimal() else None


class QueueDoesNotExist(BrokerError):
    """There is no such queue."""

    CODE = ErrorCode.QUEUE_DOES_NOT_EXIST
    SAID = ("queue ", "does not exist")


class QueueExists(BrokerError):
    """A queue of this name is there already."""

    CODE = ErrorCode.QUEUE_EXISTS
    SAID = ("queue ", "exists already")


class InvalidFilterExpression(BrokerError):
    """The selector cannot be parsed."""

    CODE = ErrorCode.INVALID_FILTER_EXPRESSION


class IllegalState(BrokerError):
    """The request does not fit the state that the object is in."""

    CODE = ErrorCode.ILLEGAL_STATE


class SecurityError(BrokerError):
    """Wrong user or password, or no permission."""

    CODE = ErrorCode.SECURITY_EXCEPTION


class AddressDoesNotExist(BrokerError):
    """There is no such address and none is created by itself."""

    CODE = ErrorCode.ADDRESS_DOES_NOT_EXIST
    SAID = ("address ", "does not exist")


class AddressExists(BrokerError):
    """An address of this name is there already."""

    CODE = ErrorCode.ADDRESS_EXISTS
    SAID = ("address ", "exists already")


class LargeMessageErrorBody(BrokerError):
    """The broker could not read or write the body of a large message."""

    CODE = ErrorCode.LARGE_MESSAGE_ERROR_BODY


class SessionCreationRejected(BrokerError):
    """The broker takes no sessions now, as while it is starting."""

    CODE = ErrorCode.SESSION_CREATION_REJECTED


class DuplicateIdRejected(BrokerError):
    """A message with this duplicate id was sent before."""

    CODE = ErrorCode.DUPLICATE_ID_REJECTED


class DuplicateMetadata(BrokerError):
    """Another session has this unique metadata."""

    CODE = ErrorCode.DUPLICATE_METADATA


class InterceptorRejectedPacket(BrokerError):
    """An interceptor dropped what was to be sent."""

    CODE = ErrorCode.INTERCEPTOR_REJECTED_PACKET


class InvalidTransientQueueUse(BrokerError):
    """A transient subscription queue of this name exists with another address or filter."""

    CODE = ErrorCode.INVALID_TRANSIENT_QUEUE_USE


class AddressFull(BrokerError):
    """The address has reached its size limit and refuses messages."""

    CODE = ErrorCode.ADDRESS_FULL


class ClusterSecurityError(SecurityError):
    """Wrong cluster user or password."""

    CODE = ErrorCode.CLUSTER_SECURITY_EXCEPTION


class MaxConsumerLimitExceeded(BrokerError):
    """The queue has as many consumers as it may have."""

    CODE = ErrorCode.MAX_CONSUMER_LIMIT_EXCEEDED


class UnexpectedRoutingType(BrokerError):
    """The address has another routing type than the one asked for."""

    CODE = ErrorCode.UNEXPECTED_ROUTING_TYPE_FOR_ADDRESS


class InvalidQueueConfiguration(BrokerError):
    """The attributes given for the queue contradict each other or the existing queue."""

    CODE = ErrorCode.INVALID_QUEUE_CONFIGURATION


class DeleteAddressError(BrokerError):
    """The address has bindings and cannot be deleted."""

    CODE = ErrorCode.DELETE_ADDRESS_ERROR


class DivertDoesNotExist(BrokerError):
    """There is no such divert."""

    CODE = ErrorCode.DIVERT_DOES_NOT_EXIST


class RoutingError(BrokerError):
    """The broker sends this client elsewhere, or cannot route its session."""

    CODE = ErrorCode.ROUTING_EXCEPTION


class ManagementError(BrokerError):
    """A management operation answered that it failed."""


_LEAVES: dict[ErrorCode | None, type[CorewireError]] = {
    leaf.CODE: leaf
    for leaf in (
        *(UnsupportedPacket, NotConnected, ConnectionTimedOut, Disconnected, Unblocked, QueueDoesNotExist, QueueExists),
        *(ObjectClosed, InvalidFilterExpression, IllegalState, SecurityError, AddressDoesNotExist, AddressExists),
        *(IncompatibleVersions, LargeMessageErrorBody, TransactionRolledBack, SessionCreationRejected),
        *(DuplicateIdRejected, DuplicateMetadata, TransactionOutcomeUnknown, InterceptorRejectedPacket),
        *(InvalidTransientQueueUse, RemoteDisconnect, TransactionTimedOut, AddressFull, LargeMessageInterrupted),
        *(ClusterSecurityError, MaxConsumerLimitExceeded, UnexpectedRoutingType, InvalidQueueConfiguration),
        *(DeleteAddressError, DivertDoesNotExist, RoutingError),
    )
}
_LEAVES[ErrorCode.TIMEOUT_EXCEPTION] = CallTimeout
