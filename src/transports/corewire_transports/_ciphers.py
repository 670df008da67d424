"""Names of cipher suites: Java writes those of the standards, OpenSSL its own."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["openssl_names"]

_STANDARD: Final = re.compile(r"(?:TLS|SSL)_(?:(?P<exchange>\w+)_)?WITH_(?P<cipher>\w+)")
_NEWER: Final = re.compile(r"TLS_(?!.*WITH_)\w+")


def openssl_names(names: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The names for ``set_ciphers``, and those of TLS 1.3, which it does not take. OpenSSL's own names pass as they are."""
    newer = [name for name in names if _NEWER.fullmatch(name)]
    return [_translate(name) for name in names if name not in newer], newer


def _translate(name: str) -> str:
    """``TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`` is ``ECDHE-RSA-AES128-GCM-SHA256``."""
    found = _STANDARD.fullmatch(name)
    if found is None:
        return name
    cipher = (
        found["cipher"]
        .replace("AES_", "AES")
        .replace("_CBC", "")
        .replace("CHACHA20_POLY1305_SHA256", "CHACHA20_POLY1305")
    )
    exchange = "" if found["exchange"] == "RSA" else f"{found['exchange']}_"
    return f"{exchange}{cipher}".replace("_", "-")
