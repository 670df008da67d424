"""Options of commands that speak to the replication links of a pair, and what is made of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from cyclopts import Parameter

from corewire_server.cli.durations import seconds
from corewire_server.cli.options import CONTEXTS, LOCAL, Talk, ask_password, read_password, with_context
from corewire_server.cli.report import UsageError
from corewire_server.config import LINK_OFFSET
from corewire_server.runtime.control import Operator


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """Where a node is: the port for clients, by which people know it, and the port of its replication link."""

    host: str
    port: int
    link: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"


def read_nodes(url: str) -> list[NodeAddress]:
    """
    Read ``tcp://one:61616,tcp://two:61616``, or any URL that clients of the pair use. Raises UsageError.

    ``?link=PORT`` behind a node says where its replication link is; what clients put there is of no interest here.
    """
    listed = re.fullmatch(r"\((.*)\)(?:\?(.*))?", url.strip())
    nodes, shared = (listed[1], listed[2] or "") if listed else (url, "")
    return [_read_node(part.strip(), shared) for part in re.split(r"[,#]", nodes)]


def _read_node(text: str, shared: str) -> NodeAddress:
    try:
        parts = urlsplit(text if "://" in text else f"tcp://{text}")
        host, port = parts.hostname, parts.port or 61616
    except ValueError as error:
        raise UsageError(f"{text!r}: {error}") from None
    if parts.scheme != "tcp" or not host:
        raise UsageError(f"{text!r} names no node", hint=LOCAL)
    said = re.findall(r"(?:^|[;&])link=([^;&]*)", f"{shared};{parts.query}")
    link: str = said[-1] if said else str(port + LINK_OFFSET)
    if not link.isdecimal() or not 0 < int(link) < 65536:
        raise UsageError(f"{text!r}: {link!r} is no port of a replication link", hint=f"tcp://{host}:{port}?link=PORT")
    return NodeAddress(host, port, int(link))


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Pair(Talk):
    """Which nodes, and how to prove that one may order them about."""

    url: Annotated[
        str | None,
        Parameter(
            help=f"One node or both: tcp://one:61616,tcp://two:61616; ?link=PORT names another port of the replication "
            f"link than the one for clients + {LINK_OFFSET}. Default: {LOCAL}",
            env_var="COREWIRE_URL",
        ),
    ] = None
    cluster_user: Annotated[
        str | None, Parameter(help="The cluster user of the pair.", env_var="COREWIRE_CLUSTER_USER")
    ] = None
    cluster_password_file: Annotated[
        str | None,
        Parameter(
            help="A file with the cluster password, - reads standard input.", env_var="COREWIRE_CLUSTER_PASSWORD_FILE"
        ),
    ] = None
    context: Annotated[
        str | None, Parameter(help=f"A table of {CONTEXTS} with these options.", env_var="COREWIRE_CONTEXT")
    ] = None
    timeout: Annotated[
        str, Parameter(help="How long a change of the serving node may take.", env_var="COREWIRE_TIMEOUT")
    ] = "30s"

    def filled(self) -> Pair:
        """The same with what the named context says. Raises UsageError."""
        return with_context(self, self.context)

    def nodes(self) -> list[NodeAddress]:
        """The nodes that are named. Raises UsageError."""
        return read_nodes(self.url or LOCAL)

    def operator(self, ask_s: float) -> Operator:
        """Who asks; one question takes ``ask_s`` at most. Asks a terminal for a missing password. Raises UsageError, OSError."""
        user = self.cluster_user or ""
        if self.cluster_password_file is not None:
            password = read_password(self.cluster_password_file)
        else:
            password = (ask_password(user) if user else None) or ""
        return Operator(user, password, min(ask_s, self.timeout_s))

    @property
    def timeout_s(self) -> float:
        """How long a change may take, in seconds. Raises UsageError."""
        try:
            return seconds(self.timeout, bare="s")
        except ValueError as error:
            raise UsageError(f"--timeout: {error}") from None
