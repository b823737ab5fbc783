"""Limits that a test makes small, so that it reaches them soon."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


@contextmanager
def limits(module: ModuleType, **values: Any) -> Iterator[None]:
    """Set constants of a module until the block ends. They can't be code."""
    before = {name: getattr(module, name) for name in values}
    assert all(name.isupper() for name in values)
    assert not any(callable(value) for value in (*values.values(), *before.values()))
    try:
        for name, value in values.items():
            setattr(module, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)
