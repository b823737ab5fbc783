"""``--quick`` knows every test folder, and the ordering loses no test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.order import (
    BUSY,
    LONG,
    NOT_QUICK,
    NOT_TESTS,
    QUICK,
    SLOW,
    TESTS,
    WAITING,
    in_order,
    is_quick,
)


@dataclass(frozen=True)
class Item:
    path: Path
    number: int = 0


def test_every_folder_is_quick_or_slow_and_one_of_both() -> None:
    folders = {path.parent.relative_to(TESTS).parts[0] for path in TESTS.rglob("*/test_*.py")}
    assert folders == QUICK | SLOW
    assert not QUICK & SLOW
    others = {path.parent.relative_to(TESTS).parts[0] for path in TESTS.rglob("*/*.py")} - folders
    assert others == NOT_TESTS


def test_every_file_that_is_named_exists() -> None:
    assert [name for name in (*NOT_QUICK, *LONG) if not (TESTS / name).exists()] == []


def test_no_journey_and_no_command_is_quick() -> None:
    quick = [path for path in TESTS.rglob("test_*.py") if is_quick(path)]
    assert len(quick) > 50
    assert not [path for path in quick if "journeys" in path.parts or "cli" in path.parts]
    assert TESTS / "intake" / "test_accept.py" in quick


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_half_of_the_workers_begin_with_tests_that_wait_and_none_is_left_out(workers: int) -> None:
    files = sorted(TESTS.rglob("test_*.py"))
    tests = [Item(file, number) for file in files for number in range(9)]
    ordered = in_order(tests, workers)
    assert sorted(ordered, key=lambda t: (t.path, t.number)) == tests
    size = len(tests) // workers
    for part in range(workers):
        begins = ordered[part * size].path.relative_to(TESTS).as_posix()
        expected = WAITING if part < (workers + 1) // 2 else BUSY
        assert begins.startswith(expected), begins
