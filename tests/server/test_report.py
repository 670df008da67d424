"""How commands end."""

from __future__ import annotations

import io
import json

import pytest

from corewire.errors import (
    CallTimeout,
    ConfigError,
    ErrorCode,
    NotConnected,
    QueueDoesNotExist,
    RemoteProtocolError,
    TransactionRolledBack,
    Unblocked,
)
from corewire_server.cli.report import Exit, UsageError, attempt, complain, exit_code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("bad", parameter="url"), Exit.WRONG_USAGE),
        (UsageError("bad"), Exit.WRONG_USAGE),
        (FileNotFoundError("nofile"), Exit.WRONG_USAGE),
        (NotConnected(), Exit.NO_CONNECTION),
        (Unblocked(), Exit.NO_CONNECTION),
        (QueueDoesNotExist(), Exit.REFUSED),
        (TransactionRolledBack(), Exit.REFUSED),
        (RemoteProtocolError(), Exit.REFUSED),
        (CallTimeout(), Exit.TIMED_OUT),
        (KeyboardInterrupt(), Exit.INTERRUPTED),
        (ExceptionGroup("2 failed", [QueueDoesNotExist(), NotConnected()]), Exit.REFUSED),
    ],
)
def test_each_error_has_its_exit_code(error: BaseException, code: Exit) -> None:
    assert exit_code(error) is code


def test_what_nobody_knows_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        attempt(lambda: 1 // 0)


def refused() -> int:
    raise QueueDoesNotExist(
        "queue 'ordrs' does not exist", code=ErrorCode.QUEUE_DOES_NOT_EXIST, hint="corewire produce ordrs"
    )


def test_an_error_is_three_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert attempt(refused, on="tcp://localhost:61616") == Exit.REFUSED
    out, err = capsys.readouterr()
    assert not out
    assert err.splitlines() == [
        "error: queue 'ordrs' does not exist (QUEUE_DOES_NOT_EXIST 100)",
        "  on tcp://localhost:61616",
        "  try: corewire produce ordrs",
    ]


def test_or_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    attempt(refused, on="tcp://localhost:61616", as_json=True)
    assert json.loads(capsys.readouterr().err) == {
        "error": "queue 'ordrs' does not exist (QUEUE_DOES_NOT_EXIST 100)",
        "code": "QUEUE_DOES_NOT_EXIST",
        "on": "tcp://localhost:61616",
        "try": "corewire produce ordrs",
    }


def test_a_traceback_comes_only_if_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    attempt(refused)
    assert "Traceback" not in capsys.readouterr().err
    attempt(refused, verbose=True)
    assert "Traceback" in capsys.readouterr().err


def test_an_error_that_knows_its_connection_says_it_once() -> None:
    out = io.StringIO()
    complain(NotConnected("refused", connection="tcp://b:1"), out, on="tcp://a:1", as_json=False)
    assert out.getvalue().splitlines()[:-1] == ["error: refused (NOT_CONNECTED 2)", "  on tcp://b:1"]
    assert out.getvalue().splitlines()[-1].startswith("  try: ")


def test_a_reader_who_has_enough_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        attempt(work)
    assert capsys.readouterr().err == ""
