"""Errors carry what people need, wherever they are taken."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import pytest

from corewire.errors import (
    ConfigError,
    CorewireError,
    ErrorCode,
    QueueDoesNotExist,
    RemoteProtocolError,
    XaCode,
    XaError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ERRORS = [
    QueueDoesNotExist("gone", subject="queue 'orders'", connection="tcp://host:61616", hint="Create it."),
    CorewireError("odd", code=ErrorCode.IO_ERROR),
    RemoteProtocolError("short", packet="SESS_SEND", offset=7),
    ConfigError("no such parameter", parameter="callTimeOut", nearest=("callTimeout",), location="broker.xml:41"),
    XaError("refused", xa_code=XaCode.XA_RBTIMEOUT),
]


def pickled(error: CorewireError) -> object:
    """As another process gets it."""
    return pickle.loads(pickle.dumps(error))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("take", [pickled, copy.copy])
def test_an_error_comes_whole_out_of_another_process(
    error: CorewireError, take: Callable[[CorewireError], object]
) -> None:
    taken = take(error)
    assert type(taken) is type(error)
    assert str(taken) == str(error)
    assert isinstance(taken, CorewireError)
    assert (taken.args, vars(taken)) == (error.args, vars(error))
