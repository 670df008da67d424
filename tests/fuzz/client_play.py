"""
A play for the client engine, written in bytes: what its application asks for, and what a broker says that lies.

The broker is ours, in memory; between it and the client stands a liar who changes frames, says them twice, keeps them back, makes
up others and cuts links at any byte. Whatever the bytes are, the play can be played. Afterwards the broker is honest, and the
client must be up, work, end every call, close, and hold nothing any more.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, get_args

from tests.engine.client_world import ClientWorld, fragile, resilient
from tests.engine.wire_samples import PACKETS, sample

from corewire._states import ClientState
from corewire.client._xa import XaVerb
from corewire.client.message import Message
from corewire.errors import CorewireError, RemoteProtocolError
from corewire.values import AckMode, Queue, QueueConfiguration, Topic, Xid
from corewire.wire.framing import channel_id, frame_header, packet_type
from corewire.wire.packets import ExceptionResponse
from corewire.wire.registry import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire._operation import Operation
    from corewire.client._delivery import Delivery
    from corewire.client._engine import ClientEngine

VERSION = 136
CLAIMS = (b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xf0", b"\x80\x00\x00\x00", b"\0\0\0\0", b"\0\0\0\1")
NOT_SUPPORTED = 213
STEPS_MAX = 60
XA_VERBS: tuple[XaVerb, ...] = get_args(XaVerb)
XID = Xid(1, b"global", b"branch")


class Script:
    """Bytes that are used up; behind their end are zeros."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> bool:
        return self._at < len(self._data)

    def take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken.ljust(size, b"\0")

    def number(self, below: int) -> int:
        """A number from 0, ``below`` at most 65536."""
        return int.from_bytes(self.take(1 if below <= 256 else 2), "big") % below


class Play:
    """One play. `run` raises what went wrong."""

    def __init__(self, data: bytes) -> None:
        self.script = script = Script(data)
        kind = script.number(8)
        fields: dict[str, Any] = {"retry_interval_s": 0.05, "call_timeout_s": 2.0, "collect_bytes_max": 1_000}
        fields["exactly_once"] = kind in (3, 4)
        self.world = ClientWorld((resilient if kind % 2 else fragile)(**fields), seed=1, foreign=kind >= 6)
        self.engine = self.world.engine
        self.calls: list[Operation[Any]] = []
        self.hands: list[Delivery] = []
        self._lies: list[Callable[[bytes], bytes]] = []
        self._honest = False
        self._yes = bool(script.number(2))
        self._interpose()
        modes = list(AckMode)
        self.sessions = [
            self.world.session(ack_mode=modes[script.number(len(modes))]),
            self.world.session(transacted=True),
            self.world.session(),
        ]
        for session in self.sessions[:2]:
            self.world.consumer(session, window_bytes=(1, 0, None, 5_000)[script.number(4)])

    def run(self) -> None:
        """Play it to its end."""
        steps = 0
        while self.script.left and steps < STEPS_MAX:
            steps += 1
            self._step()
        self._settle()

    # -- the liar --------------------------------------------------------------------------------------------------------

    def _interpose(self) -> None:
        receive_data = self.engine.receive_data

        def receive(now: float, link: int, data: bytes) -> None:
            told, at = b"", 0
            while (end := at + 4 + int.from_bytes(data[at : at + 4], "big")) <= len(data) and at + 4 <= len(data):
                told += self._tell(data[at:end])
                at = end
            if told := told + data[at:]:  # what the cut leaves of a frame is passed on, too
                receive_data(now, link, told)

        self.engine.receive_data = receive  # type: ignore[method-assign]

    def _tell(self, frame: bytes) -> bytes:
        if self._honest:
            return frame
        if self._yes:
            frame = self._agree(frame)
        return self._lies.pop(0)(frame) if self._lies else frame

    def _agree(self, frame: bytes) -> bytes:
        """Where our broker says that it has no such thing: any answer of the right kind."""
        session = self.engine._context.by_channel.get(channel_id(frame))
        if packet_type(frame) != ExceptionResponse.TYPE or session is None:
            return frame
        try:
            packet: Any = decode(frame, VERSION)
        except RemoteProtocolError:  # made up
            return frame
        if packet.code != NOT_SUPPORTED:
            return frame
        for command in session.answers:
            if command.answer is not None and command.correlation in (-1, packet.correlation_id):
                answer = sample(command.answer)
                if hasattr(answer, "correlation_id"):
                    answer.correlation_id = packet.correlation_id
                return encode(answer, channel_id(frame), VERSION)
        return frame

    def _lie(self) -> None:
        script = self.script
        kind, at, data = script.number(8), script.number(512), script.take(4)

        def lie(frame: bytes) -> bytes:
            body = bytearray(frame[4:])
            spot = at % len(body)
            match kind:
                case 0:
                    body[spot] = data[0]
                case 1:
                    del body[max(spot, 9) :]
                case 2:
                    body[0] = data[0]
                case 3:
                    return frame * 2
                case 4:
                    body[spot : spot + 4] = CLAIMS[data[0] % len(CLAIMS)]
                case 5:
                    return b""
                case 6:
                    return CLAIMS[data[0] % len(CLAIMS)] + bytes(body)
                case _:
                    body[spot:spot] = data
            return len(body).to_bytes(4, "big") + bytes(body)

        self._lies.append(lie)

    def _make_up(self) -> None:
        """A packet that nobody sent, as it should be or with anything in it, on a channel in use."""
        script = self.script
        cls: Any = PACKETS[script.number(len(PACKETS))]
        channel = ([0, 1, *self.engine._context.by_channel])[
            script.number(8) % (2 + len(self.engine._context.by_channel))
        ]
        frame = encode(sample(cls), channel, VERSION)
        consumer = script.number(4)
        if script.number(2):
            payload = script.take(script.number(200))
            frame = frame_header(cls.TYPE, channel, len(payload)) + payload
        elif cls.NAME.startswith("SESS_RECEIVE"):
            packet: Any = sample(cls)
            packet.consumer_id = consumer
            frame = encode(packet, channel, VERSION)
        self._say(frame)

    def _say(self, frame: bytes) -> None:
        if self.world.wires and any(wire.alive for wire in self.world.wires.values()):
            self.world.wire.to_client += frame

    # -- the application -----------------------------------------------------------------------------------------------------

    def _step(self) -> None:
        script, world = self.script, self.world
        match script.number(12):
            case 0 | 1 | 2 | 3:
                self._ask()
            case 4 | 5:
                self._lie()
            case 6:
                self._make_up()
            case 7:
                for wire in world.wires.values():
                    wire.client_reads = script.number(600) if wire.alive else None
            case 8:
                for _ in range(script.number(16)):
                    world.step()
            case 9:
                world.advance(script.number(256) / 50)
            case 10:
                if self.calls:
                    self.engine.abandon(world.now, self.calls.pop(script.number(len(self.calls))))
            case _:
                world.pump()
        self._take()

    def _ask(self) -> None:
        try:
            asked = self._command(self.script.number(26))
        except (CorewireError, AssertionError) as refused:
            if isinstance(refused, AssertionError) and refused.__traceback__ is not None and _is_deep(refused):
                raise
            return
        if asked is not None:
            self.calls.append(asked)

    def _command(self, number: int) -> Operation[Any] | None:
        engine, now, script = self.engine, self.world.now, self.script
        session = self.sessions[script.number(len(self.sessions))]
        context = engine._context
        message = Message("x" * script.number(64), durable=bool(script.number(2)), properties={"a": 1})
        consumers, streams = list(context.consumers), list(context.streams)
        match number:
            case 0 | 1 | 2:
                return engine.send(now, session, (Queue("q"), Topic("t"), Queue("r"))[number], message)
            case 3:
                return engine.query_queue(now, session, "q")
            case 4:
                return engine.query_address(now, session, "q")
            case 5:
                return engine.create_consumer(now, session, "q", browse_only=bool(script.number(2)), create=True)
            case 6:
                return engine.create_producer(now, session, Queue("q"))
            case 7:
                return engine.create_queue(now, session, QueueConfiguration(name="n"))
            case 8:
                return engine.create_session(now)
            case 9:
                return engine.rollback(now, session)
            case 10:
                return engine.commit(now, session)
            case 11 | 12 if consumers:
                return engine.receive(now, consumers[script.number(len(consumers))])
            case 13 if consumers:
                return engine.receive_immediate(now, consumers[script.number(len(consumers))])
            case 14 if consumers:
                return engine.close_consumer(now, consumers[script.number(len(consumers))])
            case 15:
                return engine.begin_large(now, session, Queue("q"), message)
            case 16 | 17 if streams:
                return engine.send_chunk(now, streams[0], bytes(script.number(65_536)), last=bool(script.number(2)))
            case 18 if streams:
                engine.abort_large(now, streams[0])
            case 19 if self.hands:
                return engine.read_chunk(now, self.hands[-1])
            case 20 if self.hands:
                return engine.acknowledge(now, self.hands.pop(), individual=bool(script.number(2)))
            case 21:
                return engine.create_session(now, xa=True)
            case 22:
                return engine.xa(now, session, XA_VERBS[script.number(len(XA_VERBS))], XID)
            case 23:
                return engine.stop_session(now, session)
            case 24:
                engine.begin_try(now, self.sessions[1])
            case 25:
                return engine.commit_try(now, self.sessions[1])
            case _:
                pass
        return None

    def _take(self) -> None:
        for call in [call for call in self.calls if call.done]:
            self.calls.remove(call)
            assert call.error is None or isinstance(call.error, CorewireError), repr(call.error)
            if call.error is None:
                self._took(call.result())

    def _took(self, result: Any) -> None:
        if hasattr(result, "delivery_count"):
            self.hands = [*self.hands[-3:], result]
            for read in ("properties", "body"):
                with suppress(CorewireError):
                    getattr(result, read)
        elif isinstance(result, int) and result in self.engine._context.sessions and len(self.sessions) < 6:
            self.sessions.append(result)  # type: ignore[arg-type]

    # -- the end -------------------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        world, engine = self.world, self.engine
        self._honest = True
        for wire in world.wires.values():
            wire.client_reads = None
        for call in self.calls:
            engine.abandon(world.now, call)
        for session in list(engine._context.sessions):
            engine.end_tries(world.now, session)
        world.advance(180.0)  # a fence may wait for the TTL of a session that the broker still has
        if engine.state is ClientState.FAILED:
            assert engine._lifeline._killed, "nobody threw it out"
        else:
            assert engine.state is ClientState.UP, engine.state
            proof = world.session()
            assert world.run(engine.query_address(world.now, proof, "q")) is not None
        for session in list(engine._context.sessions):
            engine.close_session(world.now, session)
        world.advance(5.0)
        assert_empty(engine)
        closed = engine.close(world.now)
        world.advance(3.0)
        assert closed.done
        assert engine.next_timeout() is None
        assert not any(wire.alive for wire in world.wires.values())


def _is_deep(error: AssertionError) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and "corewire" in trace.tb_frame.f_code.co_filename


def assert_empty(engine: ClientEngine) -> None:
    """Sessions are closed, and nothing is left of what belonged to them."""
    context = engine._context
    left = {
        name: len(getattr(context, name))
        for name in ("sessions", "by_channel", "producers", "consumers", "streams", "renewals")
    }
    ledger = context.ledger
    left |= {name: len(getattr(ledger, name)) for name in ("_in_hand", "_waited_for")}
    assert not any(left.values()), left
    assert context.kept_bytes == 0
    assert not engine._lifeline._preparations


__all__ = ["Play", "assert_empty"]
