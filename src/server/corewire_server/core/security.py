"""Who may connect: users and passwords against a given list."""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING

from corewire.errors import ErrorCode
from corewire_server.core.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping


def check(users: Mapping[str, str], user: str | None, password: str | None, remote: str) -> None:
    """Raises Refused 105 unless the list has this user with this password. An empty list lets everybody in."""
    if not users:
        return
    known = users.get(user or "")
    given = (password or "").encode("utf-8", "surrogatepass")
    if known is None or not compare_digest(known.encode("utf-8", "surrogatepass"), given):
        name = "null" if user is None else user  # as Java says it
        text = f"AMQ229031: Unable to validate user from {remote}. Username: {name}; SSL certificate subject DN: unavailable"
        raise Refused(ErrorCode.SECURITY_EXCEPTION, text)
