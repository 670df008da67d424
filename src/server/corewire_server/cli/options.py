"""Options that every command with a connection has, as one dataclass, and what is made of them."""

from __future__ import annotations

import getpass
import os
import sys
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from cyclopts import Parameter

from corewire import ClientConfig
from corewire.values import destination
from corewire_server.cli.durations import seconds
from corewire_server.cli.report import UsageError

if TYPE_CHECKING:
    from corewire.values import Destination

CONTEXTS = Path("~/.config/corewire/contexts.toml")
_IN_CONTEXTS = (
    *("url", "user", "password", "password_file", "client_id", "timeout"),
    *("cluster_user", "cluster_password_file"),
)
LOCAL = "tcp://localhost:61616"


def read_destination(text: str) -> Destination:
    """Read a destination as it is typed. Raises UsageError."""
    try:
        return destination(text)
    except ValueError as error:
        raise UsageError(str(error)) from None


def read_password(file: str) -> str:
    """The first line of standard input (``-``), or what is in a file. Raises OSError."""
    text = sys.stdin.readline() if file == "-" else Path(file).read_text()
    return text.rstrip("\r\n")


def ask_password(user: str) -> str | None:
    """Ask whoever sits at the terminal; None if nobody does."""
    if not sys.stdin.isatty() or os.environ.get("TERM") == "dumb":
        return None
    return getpass.getpass(f"password of {user}: ")


def _read_timeout(text: str) -> float:
    try:
        return seconds(text, bare="s")
    except ValueError as error:
        raise UsageError(f"--timeout: {error}") from None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Talk:
    """How a command talks."""

    json: Annotated[bool, Parameter(help="Write JSON Lines.", negative="")] = False
    quiet: Annotated[bool, Parameter(help="Say nothing but errors.", name=["--quiet", "-q"], negative="")] = False
    verbose: Annotated[
        bool, Parameter(help="Say more, and where an error was raised.", name=["--verbose", "-v"], negative="")
    ] = False


OptionsT = TypeVar("OptionsT", bound=Talk)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Connection(Talk):
    """Where to connect, as whom, and how to talk about it."""

    url: Annotated[str | None, Parameter(help=f"The broker. Default: {LOCAL}", env_var="COREWIRE_URL")] = None
    user: Annotated[str | None, Parameter(help="Who connects.", env_var="COREWIRE_USER")] = None
    password: Annotated[str | None, Parameter(help="And the password.", env_var="COREWIRE_PASSWORD")] = None
    password_file: Annotated[
        str | None,
        Parameter(help="A file with the password, - reads standard input.", env_var="COREWIRE_PASSWORD_FILE"),
    ] = None
    client_id: Annotated[str | None, Parameter(help="The name of this client.", env_var="COREWIRE_CLIENT_ID")] = None
    context: Annotated[
        str | None, Parameter(help=f"A table of {CONTEXTS} with these options.", env_var="COREWIRE_CONTEXT")
    ] = None
    timeout: Annotated[
        str | None,
        Parameter(help="How long one request may take. Default: as the URL says, or 30s", env_var="COREWIRE_TIMEOUT"),
    ] = None

    def config(self) -> ClientConfig:
        """Make the client's configuration. Raises UsageError and ConfigError; asks a terminal for a missing password."""
        given = self._with_context()
        config = ClientConfig.from_url(given.url or LOCAL)
        password = given._password(config)
        changes: dict[str, Any] = {"user": given.user, "password": password, "client_id": given.client_id}
        if not config.gives("resilient"):
            changes["resilient"] = True
        if given.timeout is not None:
            changes["call_timeout_s"] = changes["call_failover_timeout_s"] = _read_timeout(given.timeout)
        return replace(config, **{name: value for name, value in changes.items() if value is not None})

    @property
    def where(self) -> str:
        """The address for messages to people, without what is secret in it."""
        try:
            config = ClientConfig.from_url(self._with_context().url or LOCAL)
        except (ValueError, UsageError):
            return self.url or LOCAL
        if config.discovery is not None:
            return f"udp://{config.discovery.group_address}:{config.discovery.group_port}"
        return ", ".join(f"tcp://{endpoint.host}:{endpoint.port}" for endpoint in config.endpoints)

    def _with_context(self) -> Connection:
        return with_context(self, self.context)

    def _password(self, config: ClientConfig) -> str | None:
        if self.password is not None and self.password_file is not None:
            raise UsageError("--password and --password-file exclude each other")
        if self.password_file is not None:
            return read_password(self.password_file)
        missing = self.password is None and self.user is not None and config.password is None
        return ask_password(self.user) if missing and self.user is not None else self.password


def with_context(options: OptionsT, context: str | None) -> OptionsT:
    """Fill what was not given from the named table of the contexts file, as far as ``options`` has it. Raises UsageError."""
    if context is None:
        return options
    path = CONTEXTS.expanduser()
    try:
        tables = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise UsageError(f"there is no {path}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {error}") from None
    table: dict[str, object] | None = tables.get(context)
    if not isinstance(table, dict):
        raise UsageError(f"no context {context!r} in {path}", hint=f"one of {', '.join(tables) or 'none'}")
    if unknown := set(table) - set(_IN_CONTEXTS):
        raise UsageError(f"{path}, context {context}: unknown {', '.join(sorted(unknown))}")
    default = type(options)()
    changes: dict[str, Any] = {
        name: str(value)
        for name, value in table.items()
        if hasattr(default, name) and getattr(options, name) == getattr(default, name)
    }
    return replace(options, **changes)
