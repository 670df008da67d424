"""``corewire run``: start a broker. Imports nothing that a broker does not need, because its start is timed."""

from __future__ import annotations

import argparse
import gc
import logging
import sys
import time
from pathlib import Path

from corewire.errors import ConfigError
from corewire_server.config import AcceptorConfig, BrokerConfig, User

_began = time.perf_counter()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="corewire run",
        description="Start a broker. It needs no configuration: clients of this machine may connect, data is kept in ./data.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="the folder of the journal")
    parser.add_argument("--memory", action="store_true", help="keep nothing: no data folder")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=61616, help="the port to listen on, 0: a free one")
    parser.add_argument("--user", default=None, help="who may connect")
    parser.add_argument("--password", default=None, help="and with which password")
    parser.add_argument("--anonymous", action="store_true", help="anybody may connect, from anywhere")
    parser.add_argument("--name", default="localhost", help="the name of the broker")
    parser.add_argument("-q", "--quiet", action="store_true", help="log warnings and errors only")
    parser.add_argument("-v", "--verbose", action="store_true", help="log everything")
    return parser


def configure(arguments: argparse.Namespace) -> BrokerConfig:
    """Make the broker's configuration of the options. Raises ConfigError."""
    if (arguments.user is None) != (arguments.password is None):
        raise ConfigError("--user and --password go together", parameter="user")
    users = () if arguments.user is None else (User(name=arguments.user, password=arguments.password),)
    host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
    return BrokerConfig(
        name=arguments.name,
        data=None if arguments.memory else arguments.data,
        acceptors=(AcceptorConfig(url=f"tcp://{host}:{arguments.port}"),),
        security_enabled=not arguments.anonymous,
        users=users,
    )


def main(argv: list[str]) -> int:
    """Run with the options in ``argv`` (without "run") until SIGTERM or SIGINT. Returns the exit code."""
    arguments = _parser().parse_args(argv)
    level = logging.DEBUG if arguments.verbose else logging.WARNING if arguments.quiet else logging.INFO
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        config = configure(arguments)
    except ConfigError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    gc.disable()  # most of a start is importing; the program switches it on again
    from corewire_server.runtime.program import run

    return run(config, say=_say, began=_began)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
