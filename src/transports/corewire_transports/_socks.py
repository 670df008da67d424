"""The door of a SOCKS proxy, versions 4, 4a and 5: what is said before the proxy passes bytes on. No socket, no waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Generator

    from socksio import socks5

    from corewire import Endpoint

__all__ = ["Proxied", "check_proxies"]

_REPLY_4_BYTES = 8
_NAME_AND_PORT = {1: 4 + 2, 3: 0 + 2, 4: 16 + 2}  # bytes of an address by its type; names have their length before them


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
        return ConnectionError(f"the proxy {self._name} refused: {why.replace('_', ' ').lower()}")

    def _take(self, size: int) -> bytes:
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def _version_4(self) -> Generator[int, None, None]:
        """Yields how many bytes must be there before it can go on."""
        from socksio import ProtocolError, SOCKSError, socks4

        host, _ = self._destination
        kind = socks4.SOCKS4ARequest if self._endpoint.socks_remote_dns else socks4.SOCKS4Request
        connection = socks4.SOCKS4Connection(user_id=(self._endpoint.socks_username or "").encode())
        try:
            connection.send(kind.from_address(socks4.SOCKS4Command.CONNECT, self._destination, user_id=b""))
            self._to_send = connection.data_to_send()
            yield _REPLY_4_BYTES
            reply = connection.receive_data(self._take(_REPLY_4_BYTES))
        except ProtocolError as error:
            raise self._refused(f"it speaks no SOCKS 4 ({error})") from error
        except SOCKSError as error:
            raise self._refused(f"{host}: {error}") from error
        if reply.reply_code is not socks4.SOCKS4ReplyCode.REQUEST_GRANTED:
            raise self._refused(reply.reply_code.name)

    def _version_5(self) -> Generator[int, None, None]:
        """Yields how many bytes must be there before it can go on."""
        from socksio import ProtocolError, socks5

        connection = socks5.SOCKS5Connection()
        try:
            yield from self._log_in(connection)
            connection.send(socks5.SOCKS5CommandRequest.from_address(socks5.SOCKS5Command.CONNECT, self._destination))
            self._to_send = connection.data_to_send()
            yield 5
            size = 4 + _NAME_AND_PORT.get(self._received[3], 0)
            size += 1 + self._received[4] if self._received[3] == 3 else 0
            yield size
            reply = connection.receive_data(self._take(size))
        except ProtocolError as error:
            raise self._refused(f"it speaks no SOCKS 5 ({error})") from error
        assert isinstance(reply, socks5.SOCKS5Reply)
        if reply.reply_code is not socks5.SOCKS5ReplyCode.SUCCEEDED:
            raise self._refused(reply.reply_code.name)

    def _log_in(self, connection: socks5.SOCKS5Connection) -> Generator[int, None, None]:
        from socksio import socks5

        methods = socks5.SOCKS5AuthMethod
        user, password = self._endpoint.socks_username, self._endpoint.socks_password
        offered = [methods.NO_AUTH_REQUIRED] if user is None else [methods.NO_AUTH_REQUIRED, methods.USERNAME_PASSWORD]
        connection.send(socks5.SOCKS5AuthMethodsRequest(offered))
        self._to_send = connection.data_to_send()
        yield 2
        reply = connection.receive_data(self._take(2))
        assert isinstance(reply, socks5.SOCKS5AuthReply)
        if reply.method not in offered:
            raise self._refused("it wants to know who comes" if user is None else "it offers no way to log in")
        if reply.method is methods.USERNAME_PASSWORD:
            request = socks5.SOCKS5UsernamePasswordRequest((user or "").encode(), (password or "").encode())
            connection.send(request)
            self._to_send = connection.data_to_send()
            yield 2
            verdict = connection.receive_data(self._take(2))
            assert isinstance(verdict, socks5.SOCKS5UsernamePasswordReply)
            if not verdict.success:
                raise self._refused("user name or password is wrong")
