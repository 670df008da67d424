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


@pytest.mark.parametrize(("arguments", "passed"), [((), 1), (("campaign",), 1), ((".", "campaign"), 2)])
def test_long_runs_are_for_those_who_name_them(
    pytester: pytest.Pytester, arguments: tuple[str, ...], passed: int
) -> None:
    pytester.makeconftest(RULES.read_text())
    pytester.makepyfile(test_quick="def test_quick():\n    pass\n")
    pytester.mkdir("campaign").joinpath("test_long.py").write_text("def test_long():\n    pass\n")
    pytester.runpytest_inprocess(*arguments).assert_outcomes(passed=passed)
