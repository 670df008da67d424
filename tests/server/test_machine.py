"""Whether two nodes may run the same inputs."""

from __future__ import annotations

import dataclasses

import pytest

from corewire_server.core import AddressSettings, CoreConfig, Limits, machine_digest

SIMPLE = CoreConfig(node_seed=b"a", users={"ann": "1", "bob": "2"})


def test_it_depends_neither_on_the_seed_nor_on_the_order_of_users() -> None:
    other = CoreConfig(node_seed=b"b", users={"bob": "2", "ann": "1"})
    assert machine_digest(SIMPLE) == machine_digest(other)
    assert len(machine_digest(SIMPLE)) == 32


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(CoreConfig) if field.name != "node_seed"])
def test_it_depends_on_everything_else(name: str) -> None:
    changes: dict[str, object] = {
        "users": {"ann": "other", "bob": "2"},
        "connection_ttl_override_ms": 7,
        "wildcards": False,
        "addresses": AddressSettings(expiry_address="E"),
        "limits": Limits(record_bytes_max=77_777),
    }
    changed = dataclasses.replace(SIMPLE, **{name: changes.get(name, 12_345)})  # type: ignore[arg-type]
    assert machine_digest(changed) != machine_digest(SIMPLE)
