"""``corewire run``: start a broker. Imports nothing that a broker does not need, because its start is timed."""

from __future__ import annotations

import argparse
import gc
import logging
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from corewire.errors import ConfigError
from corewire_server.cli.words import unknown_option
from corewire_server.config import LINK_OFFSET, AcceptorConfig, BrokerConfig, PairConfig, User

if TYPE_CHECKING:
    from corewire_server.runtime.program import Ready

WRONG_USAGE = 2

_began = time.perf_counter()


class _Parser(argparse.ArgumentParser):
    """Says what was used wrongly as all commands do."""

    def error(self, message: str) -> NoReturn:
        """Raise ConfigError."""
        raise ConfigError(message, parameter="arguments")


class _JsonLines(logging.Formatter):
    """One JSON object per record."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record in one line."""
        import json
        from datetime import UTC, datetime

        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said = {"time": at, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return json.dumps(said)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="corewire run",
        allow_abbrev=False,
        description="Start a broker. It needs no configuration: clients of this machine may connect, data is kept in ./data.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    keeping = parser.add_mutually_exclusive_group()
    keeping.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="the folder of the journal")
    keeping.add_argument("--memory", action="store_true", help="keep nothing: no data folder")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=61616, help="the port to listen on, 0: a free one")
    parser.add_argument("--user", default=None, help="who may connect")
    parser.add_argument("--password", default=None, help="and with which password")
    parser.add_argument("--password-file", default=None, metavar="FILE", help="or the password in a file, - is stdin")
    parser.add_argument("--anonymous", action="store_true", help="anybody may connect, from anywhere")
    parser.add_argument("--name", default="localhost", help="the name of the broker")
    roles = parser.add_mutually_exclusive_group()
    roles.add_argument("--primary", action="store_true", help="of a pair: this node serves first")
    roles.add_argument("--backup", action="store_true", help="of a pair: the other node serves first")
    parser.add_argument(
        "--peer", default=None, metavar="URL", help="where clients reach the other node: tcp://host:port"
    )
    parser.add_argument(
        "--link",
        type=int,
        default=None,
        metavar="PORT",
        help=f"the port of the replication link, if not the one for clients + {LINK_OFFSET}; the peer's is ?link= of its URL",
    )
    parser.add_argument("--new", action="store_true", help="an empty folder may serve without asking the peer")
    parser.add_argument("--cluster-user", default="", metavar="USER", help="as whom the two nodes know each other")
    parser.add_argument(
        "--cluster-password-file", default=None, metavar="FILE", help="and with which password, - is stdin"
    )
    parser.add_argument("--log-format", choices=("text", "json"), default="text", help="how the log is written")
    parser.add_argument("--json", action="store_true", help="write what is printed, and errors, as JSON objects")
    parser.add_argument("-q", "--quiet", action="store_true", help="log warnings and errors only")
    parser.add_argument("-v", "--verbose", action="store_true", help="log everything")
    return parser


def configure(arguments: argparse.Namespace) -> BrokerConfig:
    """Make the broker's configuration of the options. Raises ConfigError, OSError."""
    password = _password(arguments)
    if (arguments.user is None) != (password is None):
        raise ConfigError("--user and a password go together", parameter="user")
    users = () if arguments.user is None or password is None else (User(name=arguments.user, password=password),)
    host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
    return BrokerConfig(
        name=arguments.name,
        data=None if arguments.memory else arguments.data,
        acceptors=(AcceptorConfig(url=f"tcp://{host}:{arguments.port}"),),
        security_enabled=not arguments.anonymous,
        users=users,
        ha_policy=_pair(arguments),
        cluster_user=arguments.cluster_user,
        cluster_password=""
        if arguments.cluster_password_file is None
        else _read_secret(arguments.cluster_password_file),
    )


def _pair(arguments: argparse.Namespace) -> PairConfig | None:
    if arguments.peer is None:
        for given, option in (
            (arguments.primary, "--primary"),
            (arguments.backup, "--backup"),
            (arguments.link is not None, "--link"),
            (arguments.new, "--new"),
        ):
            if given:
                raise ConfigError(
                    f"{option} is for a node with a peer", parameter="peer", hint="--peer tcp://host:port"
                )
        return None
    if not (arguments.primary or arguments.backup):
        raise ConfigError("a node with a peer is --primary or --backup", parameter="peer")
    return PairConfig(primary=arguments.primary, peer=arguments.peer, link_port=arguments.link, new=arguments.new)


def _password(arguments: argparse.Namespace) -> str | None:
    name: str | None = arguments.password_file
    given: str | None = arguments.password
    if name is None:
        return given
    if given is not None:
        raise ConfigError("--password and --password-file exclude each other", parameter="password")
    return _read_secret(name)


def _read_secret(name: str) -> str:
    return (sys.stdin.readline() if name == "-" else Path(name).read_text()).rstrip("\r\n")


def main(argv: list[str]) -> int:
    """Run with the options in ``argv`` (without "run") until SIGTERM or SIGINT. Returns the exit code."""
    try:
        arguments = _read(argv)
        config = configure(arguments)
    except SystemExit:  # help was asked for, and written
        return 0
    except (ConfigError, OSError) as error:
        _complain(error, as_json="--json" in argv)
        return WRONG_USAGE
    level = logging.DEBUG if arguments.verbose else logging.WARNING if arguments.quiet else logging.INFO
    handler = logging.StreamHandler(sys.stderr)
    plain = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(_JsonLines() if arguments.log_format == "json" else plain)
    logging.basicConfig(level=level, handlers=[handler])
    gc.disable()  # most of a start is importing; the program switches it on again
    from corewire_server.runtime.program import run

    as_json: bool = arguments.json
    return run(
        config,
        say=_say_in_json if as_json else _say,
        began=_began,
        complain=lambda error: _complain(error, as_json=as_json),
    )


def _read(argv: list[str]) -> argparse.Namespace:
    """Read the options; what is not known or not built is named. Raises ConfigError, and SystemExit behind the help."""
    parser = _parser()
    arguments, unknown = parser.parse_known_args(argv)
    options = [word for word in unknown if word.startswith("-")]
    if options:
        known = re.findall(r"--[a-z-]+", parser.format_usage())
        said, nearest = unknown_option("run", options[0], known)
        raise ConfigError(said, parameter="arguments", hint=nearest)
    if unknown:
        raise ConfigError(f"run takes no {unknown[0]!r}", parameter="arguments", hint="corewire run --help")
    return arguments


def _complain(error: Exception, *, as_json: bool) -> None:
    from corewire_server.cli.report import complain

    complain(error, sys.stderr, on=None, as_json=as_json)


def _say(ready: Ready) -> None:
    sys.stdout.write(f"{ready}\n")
    sys.stdout.flush()


def _say_in_json(ready: Ready) -> None:
    import json
    from dataclasses import asdict

    sys.stdout.write(json.dumps(asdict(ready)) + "\n")
    sys.stdout.flush()
