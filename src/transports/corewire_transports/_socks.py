"""The door of a SOCKS proxy, versions 4, 4a and 5: what is said before the proxy passes bytes on. No socket, no waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Generator
    from enum import Enum

    from corewire import Endpoint

__all__ = ["Proxied", "check_proxies"]

_REPLY_4_BYTES = 8
_NAME = 3  # a type of address: a length, then so many bytes
_ADDRESS_BYTES = {1: 4, 4: 16}  # of the other types


def check_proxies() -> None:
    """Raise ConfigError, with what to install, where proxies cannot be used."""
    try:
        import socksio as socksio
    except ImportError:
        raise ConfigError(
            "socksEnabled: proxies need an extra",
            parameter="socksEnabled",
            hint='Install it with: pip install "corewire[socks]"',
        ) from None


class Proxied:
    """The talk with a proxy until it is ``open``. ``destination``: host and port, as the proxy is to dial them."""

    def __init__(self, endpoint: Endpoint, destination: tuple[str, int]) -> None:
        self.open = False
        self._name = f"{endpoint.socks_host}:{endpoint.socks_port}"
        self._endpoint = endpoint
        self._destination = destination
        self._received = b""
        self._to_send = b""
        self._talk = self._version_4() if endpoint.socks_version == 4 else self._version_5()
        self._wanted = 0

    def start(self) -> None:
        """Ask."""
        self._wanted = next(self._talk)

    def receive(self, data: bytes) -> bytes | None:
        """Bytes came: those from behind the proxy's door, None while it is shut. Raises ``ConnectionError`` if it stays shut."""
        self._received += data
        while not self.open and len(self._received) >= self._wanted:
            try:
                self._wanted = next(self._talk)
            except StopIteration:
                self.open = True
        if not self.open:
            return None
        rest, self._received = self._received, b""
        return rest

    def data_to_send(self) -> bytes:
        """What is to be written."""
        data, self._to_send = self._to_send, b""
        return data

    def _refused(self, why: str) -> ConnectionError:
        return ConnectionError(f"the proxy {self._name} refused: {why}")

    def _take(self, size: int) -> bytes:
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def _version_4(self) -> Generator[int, None, None]:
        """Yields how many bytes must be there before it can go on."""
        from socksio import ProtocolError, SOCKSError, socks4

        kind = socks4.SOCKS4ARequest if self._endpoint.socks_remote_dns else socks4.SOCKS4Request
        user = (self._endpoint.socks_username or "").encode()
        try:
            request = kind.from_address(socks4.SOCKS4Command.CONNECT, self._destination, user_id=user)
            self._to_send = request.dumps(user)
            yield _REPLY_4_BYTES
            reply = socks4.SOCKS4Reply.loads(self._take(_REPLY_4_BYTES))
        except ProtocolError as error:
            raise self._refused("it speaks no SOCKS 4") from error
        except SOCKSError as error:  # an address that version 4 cannot say
            raise self._refused(str(error)) from error
        if reply.reply_code is not socks4.SOCKS4ReplyCode.REQUEST_GRANTED:
            raise self._refused(_words(reply.reply_code))

    def _version_5(self) -> Generator[int, None, None]:
        """Yields how many bytes must be there before it can go on."""
        from socksio import ProtocolError, socks5

        try:
            yield from self._log_in()
            request = socks5.SOCKS5CommandRequest.from_address(socks5.SOCKS5Command.CONNECT, self._destination)
            self._to_send = request.dumps()
            yield 5
            kind, size = self._received[3], 4
            size += 1 + self._received[4] + 2 if kind == _NAME else _ADDRESS_BYTES.get(kind, 1) + 2
            yield size
            reply = socks5.SOCKS5Reply.loads(self._take(size))
        except ProtocolError as error:
            raise self._refused("it speaks no SOCKS 5") from error
        if reply.reply_code is not socks5.SOCKS5ReplyCode.SUCCEEDED:
            raise self._refused(_words(reply.reply_code))

    def _log_in(self) -> Generator[int, None, None]:
        from socksio import socks5

        methods = socks5.SOCKS5AuthMethod
        user, password = self._endpoint.socks_username, self._endpoint.socks_password
        offered = [methods.NO_AUTH_REQUIRED] if user is None else [methods.NO_AUTH_REQUIRED, methods.USERNAME_PASSWORD]
        self._to_send = socks5.SOCKS5AuthMethodsRequest(offered).dumps()
        yield 2
        chosen = socks5.SOCKS5AuthReply.loads(self._take(2)).method
        if chosen not in offered:
            raise self._refused("it wants to know who comes" if user is None else "it offers no way to log in")
        if chosen is methods.USERNAME_PASSWORD:
            name = socks5.SOCKS5UsernamePasswordRequest((user or "").encode(), (password or "").encode())
            self._to_send = name.dumps()
            yield 2
            if not socks5.SOCKS5UsernamePasswordReply.loads(self._take(2)).success:
                raise self._refused("user name or password is wrong")


def _words(code: Enum) -> str:
    return code.name.replace("_", " ").lower()
