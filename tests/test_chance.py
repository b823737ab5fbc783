"""Nothing in the tests comes out by chance."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
SEARCHED = re.compile(r"assert [rf]?\"([0-9a-f]{1,7})\" not in (.*)")
WITHOUT_IDS = {
    "isolation/test_tool_confirmation.py": "a question, which has no id",
    "turn/test_small_contexts.py": "an error, which has no id",
    "dashboard/test_pages.py": "a list of whole numbers",
}


def searches(text: str) -> list[str]:
    """Return what is asserted to be absent although an id or a time may contain it."""
    return SEARCHED.findall(text)


def test_no_answer_is_searched_for_digits_that_an_id_or_a_time_may_contain() -> None:
    found = [
        f"{name}: {one}"
        for file in sorted(TESTS.rglob("test_*.py"))
        if (name := file.relative_to(TESTS).as_posix()) not in WITHOUT_IDS
        for one in searches(file.read_text())
    ]
    assert found == [], "search for a word instead, such as plum4711"


def test_such_a_search_is_found() -> None:
    absent, present = 'assert "{}" not in text', 'assert "{}" in text'
    lines = [absent.format("4711"), absent.format("plum4711"), present.format("4711")]
    assert [bool(searches(line)) for line in lines] == [True, False, False]
