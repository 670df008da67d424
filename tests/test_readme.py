"""The examples of the README run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from corewire_server import BrokerConfig, serve

README = Path(__file__).parent.parent / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_readme_has_examples() -> None:
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_runs(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(BrokerConfig.for_tests()) as node:
        exec(example.replace("tcp://localhost:61616", node.url), {})
    assert capsys.readouterr().out
