"""The rules of ``conftest.py``, on a test run of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

RULES = Path(__file__).with_name("conftest.py")


@pytest.mark.parametrize(("ci", "outcome"), [("true", {"failed": 1}), ("", {"skipped": 1})])
def test_a_skipped_interop_test_fails_in_ci_only(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, outcome: dict[str, int]
) -> None:
    monkeypatch.setenv("CI", ci)
    pytester.makeini("[pytest]\nmarkers = interop")
    pytester.makeconftest(RULES.read_text())
    pytester.makepyfile("import pytest\n@pytest.mark.interop\ndef test_x():\n    pytest.skip('no java')\n")
    pytester.runpytest_inprocess().assert_outcomes(**outcome)


def test_other_skips_stay_skips(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    pytester.makeconftest(RULES.read_text())
    pytester.makepyfile("import pytest\ndef test_x():\n    pytest.skip('not here')\n")
    pytester.runpytest_inprocess().assert_outcomes(skipped=1)
