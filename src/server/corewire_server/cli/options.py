"""Options that every command with a connection has, as one dataclass, and what is made of them."""

from __future__ import annotations

import getpass
import os
import sys
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from corewire import ClientConfig
from corewire.values import destination
from corewire_server.cli.durations import seconds
from corewire_server.cli.report import UsageError

if TYPE_CHECKING:
    from corewire.values import Destination

CONTEXTS = Path("~/.config/corewire/contexts.toml")
_IN_CONTEXTS = ("url", "user", "password", "password_file", "client_id", "timeout")
LOCAL = "tcp://localhost:61616"


def read_destination(text: str) -> Destination:
    """Read a destination as it is typed. Raises UsageError."""
    try:
        return destination(text)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _option(text: str, **more: Any) -> Parameter:
    return Parameter(help=text, **more)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Talk:
    """How a command talks."""

    json: Annotated[bool, _option("Write JSON Lines.", negative="")] = False
    quiet: Annotated[bool, _option("Say nothing but errors.", name=["--quiet", "-q"], negative="")] = False
    verbose: Annotated[
        bool, _option("Say more, and where an error was raised.", name=["--verbose", "-v"], negative="")
    ] = False


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Connection(Talk):
    """Where to connect, as whom, and how to talk about it."""

    url: Annotated[str | None, _option(f"The broker. Default: {LOCAL}", env_var="COREWIRE_URL")] = None
    user: Annotated[str | None, _option("Who connects.", env_var="COREWIRE_USER")] = None
    password: Annotated[str | None, _option("And the password.", env_var="COREWIRE_PASSWORD")] = None
    password_file: Annotated[
        str | None, _option("A file with the password, - reads standard input.", env_var="COREWIRE_PASSWORD_FILE")
    ] = None
    client_id: Annotated[str | None, _option("The name of this client.", env_var="COREWIRE_CLIENT_ID")] = None
    context: Annotated[
        str | None, _option(f"A table of {CONTEXTS} with these options.", env_var="COREWIRE_CONTEXT")
    ] = None
    timeout: Annotated[str, _option("How long one request may take.", env_var="COREWIRE_TIMEOUT")] = "30s"

    def config(self) -> ClientConfig:
        """Make the client's configuration. Raises UsageError and ConfigError; asks a terminal for a missing password."""
        given = self._with_context()
        url = given.url or LOCAL
        if "resilient=" not in url:
            url += ("&" if "?" in url else "?") + "resilient=true"
        config = ClientConfig.from_url(url)
        password = given._password(config)
        changes: dict[str, Any] = {"user": given.user, "password": password, "client_id": given.client_id}
        try:
            timeout_s = seconds(given.timeout, bare="s")
        except ValueError as error:
            raise UsageError(f"--timeout: {error}") from None
        changes |= {"call_timeout_s": timeout_s, "call_failover_timeout_s": timeout_s}
        return replace(config, **{name: value for name, value in changes.items() if value is not None})

    @property
    def where(self) -> str:
        """The address for messages to people, without what is secret in it."""
        try:
            config = ClientConfig.from_url(self._with_context().url or LOCAL)
        except (ValueError, UsageError):
            return self.url or LOCAL
        return ", ".join(f"tcp://{endpoint.host}:{endpoint.port}" for endpoint in config.endpoints)

    def _with_context(self) -> Connection:
        """Fill what was not given from the named table of the contexts file."""
        if self.context is None:
            return self
        path = CONTEXTS.expanduser()
        try:
            tables = tomllib.loads(path.read_text())
        except FileNotFoundError:
            raise UsageError(f"there is no {path}") from None
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{path}: {error}") from None
        table: dict[str, object] | None = tables.get(self.context)
        if not isinstance(table, dict):
            raise UsageError(f"no context {self.context!r} in {path}", hint=f"one of {', '.join(tables) or 'none'}")
        if unknown := set(table) - set(_IN_CONTEXTS):
            raise UsageError(f"{path}, context {self.context}: unknown {', '.join(sorted(unknown))}")
        default = Connection()
        given = {name: str(value) for name, value in table.items() if getattr(self, name) == getattr(default, name)}
        changes: dict[str, Any] = {**given}
        return replace(self, **changes)

    def _password(self, config: ClientConfig) -> str | None:
        if self.password is not None and self.password_file is not None:
            raise UsageError("--password and --password-file exclude each other")
        if self.password_file == "-":  # noqa: S105  a file name
            return sys.stdin.readline().rstrip("\r\n")
        if self.password_file is not None:
            return Path(self.password_file).read_text().rstrip("\r\n")
        missing = self.password is None and self.user is not None and config.password is None
        if missing and sys.stdin.isatty() and os.environ.get("TERM") != "dumb":
            return getpass.getpass(f"password of {self.user}: ")
        return self.password
