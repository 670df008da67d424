"""What stands between a connected socket and the engine: a proxy's door, encryption, or both, one behind the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corewire_transports._socks import Proxied
    from corewire_transports._tls import Encryption

__all__ = ["Tunnel"]


class Tunnel:
    """Bytes of the socket on one side, of the engine on the other. After any call ``data_to_send`` may have something."""

    def __init__(self, proxied: Proxied | None, encryption: Encryption | None) -> None:
        self._proxied = proxied
        self._encryption = encryption

    @property
    def open(self) -> bool:
        """Whether the engine may use it."""
        return (self._proxied is None or self._proxied.open) and (self._encryption is None or self._encryption.open)

    @property
    def ended(self) -> bool:
        """Whether the other side said that nothing more comes."""
        return self._encryption is not None and self._encryption.ended

    def start(self) -> None:
        """The socket is connected."""
        if self._proxied is not None:
            self._proxied.start()
        elif self._encryption is not None:
            self._encryption.start()

    def receive(self, data: bytes) -> bytes:
        """Bytes came from the socket: those for the engine. Raises ``OSError``."""
        if self._proxied is not None and not self._proxied.open:
            passed = self._proxied.receive(data)
            if passed is None:
                return b""
            if self._encryption is not None:
                self._encryption.start()
            data = passed
        if self._encryption is None or not data:
            return data
        return self._encryption.receive(data)

    def wrap(self, chunks: Sequence[bytes]) -> list[bytes]:
        """What is to be written to the socket so that the engine's ``chunks`` arrive."""
        if self._encryption is None:
            return list(chunks)
        self._encryption.send(chunks)
        return self.data_to_send()

    def data_to_send(self) -> list[bytes]:
        """What is to be written to the socket, beside that."""
        layers = (self._proxied, self._encryption)
        return [data for layer in layers if layer is not None and (data := layer.data_to_send())]

    def close(self) -> None:
        """The engine writes nothing more."""
        if self._encryption is not None and self._encryption.open:
            self._encryption.close()
