"""The tests wait in one place, which reports what is missing."""

from __future__ import annotations

import ast
import random
import time
from pathlib import Path

import pytest

from tests.support import waiting
from tests.support.waiting import (
    DAY_SECONDS,
    Faults,
    leave_midnight_behind,
    retry_seconds,
    until,
    until_sync,
)

TESTS = Path(__file__).parent
ALLOWED = {
    "support/waiting.py": "the one place",
    "support/bot_api.py": "a platform that answers slowly",
    "test_concurrency.py": "tasks that take their time are what it is about",
}


def test_nothing_else_in_the_tests_sleeps() -> None:
    found = []
    for file in sorted(TESTS.rglob("*.py")):
        name = str(file.relative_to(TESTS))
        if name in ALLOWED or (file.parent / "__main__.py").exists():  # a script, not a test
            continue
        text = file.read_text()
        if "sleep" in text:
            found += [f"{name}:{line}" for line in sleeps(ast.parse(text))]
    assert found == [], "wait with tests.support.waiting.until for the state that is meant"


def sleeps(tree: ast.AST) -> list[int]:
    """Return the lines of calls that sleep for longer than an iteration of the loop."""
    return sorted(
        call.lineno
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute | ast.Name)
        and (call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id) == "sleep"
        and not (len(call.args) == 1 and ast.unparse(call.args[0]) == "0")
    )


def test_a_sleep_is_found_however_it_is_written() -> None:
    text = "await asyncio.sleep(0.5)\ntime.sleep(1)\nsleep(n)\nawait asyncio.sleep(0)\nsleep"
    assert sleeps(ast.parse(text)) == [1, 2, 3]


async def test_a_wait_returns_its_result_or_reports_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter(["", "", "here"])
    assert await until(lambda: next(answers), every=0) == "here"
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(AssertionError, match=r"^an answer did not come; outstanding: \['one'\]$"):
        await until(lambda: False, "an answer", outstanding=lambda: ["one"])
    with pytest.raises(AssertionError, match=r"^it did not come$"):
        until_sync(lambda: False)


def test_a_test_that_would_start_shortly_before_midnight_starts_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    for before, read in ((3600, 1), (1, 3)):
        clock = iter([DAY_SECONDS * 20_000 - before] * 2 + [DAY_SECONDS * 20_000] * 2)
        leave_midnight_behind(lambda clock=clock: next(clock))  # type: ignore[misc]
        assert 4 - len(list(clock)) == read


def test_faults_that_are_injected_have_a_bound() -> None:
    faults, chaos = Faults(), random.Random(1)
    hits = [faults.hit(chaos, "a chat") for _ in range(2000)]
    text = "".join("x" if hit else "." for hit in hits)
    assert "x" * Faults.MAX_IN_A_ROW in text
    assert "x" * (Faults.MAX_IN_A_ROW + 1) not in text
    assert retry_seconds(2) == 2 + 4
    assert retry_seconds(3, answers=2) == 2 * (2 + 4 + 8)
