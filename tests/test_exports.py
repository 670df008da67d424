"""What is public is what ``__all__`` names: sorted, existing, documented, and nothing beside it by accident."""

from __future__ import annotations

import types

import pytest

import corewire
import corewire_server
import corewire_transports

PACKAGES = [corewire, corewire_server, corewire_transports]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_all_names_what_the_package_holds_and_nothing_else(package: types.ModuleType) -> None:
    named: list[str] = getattr(package, "__all__", [])
    held = {
        name
        for name, value in vars(package).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert held - {"annotations", "TYPE_CHECKING"} <= set(named)
    assert named == sorted(set(named))
    for name in named:  # some packages import on first use
        assert hasattr(package, name)


@pytest.mark.parametrize("name", vars(corewire)["__all__"])
def test_a_public_class_or_function_of_the_engine_is_documented(name: str) -> None:
    value = getattr(corewire, name)
    if isinstance(value, type | types.FunctionType):
        assert value.__doc__
        assert not value.__doc__.startswith(f"{name}("), "a dataclass without a docstring of its own"
