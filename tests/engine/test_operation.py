"""An operation ends once, with a value or with an error."""

from __future__ import annotations

import pytest

from corewire._operation import Operation
from corewire.errors import CallTimeout


def test_pending_operation_has_no_result() -> None:
    operation: Operation[int] = Operation()
    assert not operation.done
    assert operation.error is None
    assert repr(operation) == "<Operation pending>"
    with pytest.raises(AssertionError):
        operation.result()


def test_success_returns_its_value() -> None:
    operation: Operation[int] = Operation()
    operation.succeed(7)
    assert operation.done
    assert operation.result() == 7
    assert repr(operation) == "<Operation 7>"


def test_failure_raises_its_error_each_time() -> None:
    operation: Operation[int] = Operation()
    error = CallTimeout("no answer")
    operation.fail(error)
    assert operation.done
    assert operation.error is error
    assert "failed" in repr(operation)
    for _ in range(2):
        with pytest.raises(CallTimeout):
            operation.result()


def test_second_end_is_a_bug_of_ours() -> None:
    operation: Operation[int] = Operation()
    operation.succeed(1)
    with pytest.raises(AssertionError):
        operation.succeed(2)
    with pytest.raises(AssertionError):
        operation.fail(CallTimeout())
