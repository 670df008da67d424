"""Options of a connection: where they come from, and which one wins."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from corewire.errors import ConfigError
from corewire_server.cli import options
from corewire_server.cli.options import Connection
from corewire_server.cli.report import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def contexts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "contexts.toml"
    monkeypatch.setattr(options, "CONTEXTS", path)
    return path


def test_the_default_is_resilient_and_local() -> None:
    config = Connection().config()
    assert (config.endpoints[0].host, config.endpoints[0].port) == ("localhost", 61616)
    assert config.resilient
    assert config.call_timeout_s == 30


def test_a_url_that_says_otherwise_wins() -> None:
    config = Connection(url="tcp://h:1?resilient=false&callTimeout=5", timeout="2s").config()
    assert not config.resilient
    assert config.call_timeout_s == 2


def test_the_time_outs_of_a_url_hold_unless_another_is_given() -> None:
    url = "tcp://h:1?callTimeout=5000&callFailoverTimeout=-1"
    config = Connection(url=url).config()
    assert (config.call_timeout_s, config.call_failover_timeout_s) == (5, None)
    config = Connection(url=url, timeout="7s").config()
    assert (config.call_timeout_s, config.call_failover_timeout_s) == (7, 7)


def test_a_list_of_brokers_is_resilient_too() -> None:
    config = Connection(url="tcp://h:1#tcp://h:2").config()
    assert [endpoint.port for endpoint in config.endpoints] == [1, 2]
    assert config.resilient
    assert config.reconnect_attempts is None


def test_a_context_gives_what_was_not_given(contexts: Path) -> None:
    contexts.write_text('[prod]\nurl = "tcp://prod:1"\nuser = "ann"\npassword = "secret"\ntimeout = "7s"\n')
    config = Connection(context="prod", user="bob").config()
    assert (config.endpoints[0].host, config.user, config.password, config.call_timeout_s) == (
        "prod",
        "bob",
        "secret",
        7,
    )
    assert Connection(context="prod").where == "tcp://prod:1"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "there is no"),
        ("[other]\n", "no context 'prod'"),
        ("[prod]\ncolour = 1\n", "unknown colour"),
        ("[", "contexts.toml"),
    ],
)
def test_a_context_that_is_none_is_wrong_usage(contexts: Path, text: str | None, why: str) -> None:
    if text is not None:
        contexts.write_text(text)
    with pytest.raises(UsageError, match=why):
        Connection(context="prod").config()


def test_a_password_comes_from_a_file_or_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "password"
    path.write_text("from file\n")
    assert Connection(user="ann", password_file=str(path)).config().password == "from file"
    monkeypatch.setattr("sys.stdin", io.StringIO("from input\n"))
    assert Connection(user="ann", password_file="-").config().password == "from input"
    with pytest.raises(UsageError, match="exclude"):
        Connection(password="x", password_file="-").config()


def test_a_missing_password_is_asked_for_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: f"typed after {prompt}")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert Connection(user="ann").config().password is None
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    monkeypatch.setenv("TERM", "xterm")
    assert Connection(user="ann").config().password == "typed after password of ann: "


def test_wrong_values_are_named() -> None:
    with pytest.raises(UsageError, match="--timeout"):
        Connection(timeout="soon").config()
    with pytest.raises(ConfigError, match="bogus"):
        Connection(url="tcp://h:1?bogus=1").config()


def test_a_group_is_named_without_what_is_secret() -> None:
    given = Connection(url="udp://ann@231.7.7.7:9876?password=secret;sslEnabled=true;keyStorePassword=secret")
    assert given.where == "udp://231.7.7.7:9876"
    assert given.config().discovery is not None
