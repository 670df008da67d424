"""The examples of the how-to pages about connecting run as they are printed."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi.testclient import TestClient
from tests.transports.announcer import Announcer
from tests.transports.certificates import Authority
from tests.transports.doors import EncryptedDoor

if TYPE_CHECKING:
    from types import ModuleType

    import pytest

HOWTO = Path(__file__).parent.parent.parent / "docs" / "howto"


def printed(name: str, *words: str) -> str:
    """What an example prints."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", str(HOWTO / name), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HOWTO / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_plain_script_as_it_is_typed(url: str) -> None:
    (typed,) = re.findall(r"```sh\n(.*)\n```", (HOWTO / "connecting.md").read_text())
    python, script, *words = shlex.split(typed.replace("tcp://localhost:61616", url))
    assert (python, script) == ("python", "docs/howto/plain_script.py")
    assert printed("plain_script.py", *words) == "hello\nworld\n"


def test_encrypted_link(url: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    host, _, port = url.removeprefix("tcp://").rpartition(":")
    with EncryptedDoor((host, int(port)), authority.server(mutual=True)) as door:
        own = authority.key_pem(authority.issue("me"))
        assert printed("encrypted.py", "localhost", str(door.port), str(authority.pem), str(own)) == "psst\n"


def test_broker_of_a_group(url: str) -> None:
    with Announcer(url) as announcer:
        told = printed("discovering.py", announcer.group, str(announcer.port), "127.0.0.1")
    assert told.startswith(f"Endpoint(host='127.0.0.1', port={url.rpartition(':')[2]}")


def test_fastapi_application(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER", url)
    app = load("fastapi_app").app
    with TestClient(app) as client:
        assert client.post("/orders", json={"id": 1}).status_code == 202
        assert client.post("/batches", json=[{"id": 2}, {"id": 3}]).status_code == 202
        delivered: list[object] = []
        while len(delivered) < 3:  # the consumer is beside the requests
            delivered = client.get("/delivered").json()
    assert delivered == [{"id": 1}, {"id": 2}, {"id": 3}]
