"""The attacks of the table find a leak where there is one, and none where there is none."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest
from leakbench.attacks import NotOffered, Person, System, run
from leakbench.run import REQUIREMENTS, table

from tests.docs.pages import DOCS


class _Person(Person):
    def __init__(self, rows: dict[str, tuple[Any, str]], who: Any, leaky: str) -> None:
        self.rows, self.who, self.leaky, self.said = rows, who, leaky, []

    def _may(self, owner: Any, call: str) -> bool:
        self.said.append(f"{call} as {self.who!r}")
        if self.leaky == "wildcard" and self.who == "*":
            return True
        if self.leaky == "prefix" and isinstance(self.who, str) and str(owner).startswith(self.who):
            return True
        return bool(self.leaky == call or (owner == self.who and type(owner) is type(self.who)))

    def remember(self, text: str) -> str:
        self.rows[key := str(len(self.rows))] = (self.who, text)
        return key

    def recall(self, query: Any) -> list[str]:
        return [text for owner, text in self.rows.values() if self._may(owner, "search")]

    def everything(self) -> list[str]:
        return [text for owner, text in self.rows.values() if self._may(owner, "list")]

    def _own(self, key: str, call: str) -> str:
        if not self._may(self.rows[key][0], call):
            raise KeyError(key)
        return key

    def get(self, memory_id: str) -> str:
        return self.rows[self._own(memory_id, "get")][1]

    def update(self, memory_id: str, text: str) -> None:
        self.rows[self._own(memory_id, "update")] = (self.who, text)

    def forget(self, memory_id: str) -> None:
        del self.rows[self._own(memory_id, "delete")]

    def history(self, memory_id: str) -> list[str]:
        if self.leaky != "history":
            raise NotOffered
        self.said.append("history(memory_id)")
        return [self.rows[memory_id][1]]


class _System(System):
    def __init__(self, leaky: str) -> None:
        self.leaky, self.rows = leaky, dict[str, tuple[Any, str]]()

    def person(self, who: Any) -> Person:
        return _Person(self.rows, who, self.leaky)


LEAKS = {
    "": set(),
    "search": {"search with another's words", "filter in place of a query", "odd identity",
               "prefix or look-alike of a name"},
    "list": {"list all", "odd identity", "prefix or look-alike of a name"},
    "get": {"get by another's id"},
    "update": {"update by another's id"},
    "delete": {"delete by another's id"},
    "history": {"history by another's id"},
    "wildcard": {"odd identity"},
    "prefix": {"prefix or look-alike of a name", "odd identity"},
}  # fmt: skip


@pytest.mark.parametrize("leaky", LEAKS)
def test_each_family_finds_its_leak_and_no_other(leaky: str) -> None:
    outcomes = run(lambda: _System(leaky))
    controls, attacks = outcomes[:2], outcomes[2:]
    assert {one.fate for one in controls} == {"leaked"}
    assert {one.family for one in attacks if one.fate == "leaked"} == LEAKS[leaky]
    assert all(one.call for one in attacks if one.fate == "leaked")


def test_the_system_on_the_page_is_run_and_its_leak_is_found() -> None:
    page = (DOCS / "leakbench.md").read_text(encoding="utf-8")
    [source] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(source.strip().splitlines()) <= 34
    made: dict[str, Any] = {}
    exec(source, made)
    outcomes = run(made["open_system"])
    leaked = [one.family for one in outcomes[2:] if one.fate == "leaked"]
    assert leaked == ["get by another's id"]
    shown = table([{"system": made["TITLE"], "says": made["SAYS"], "shared": False, "versions": {},
                    "outcomes": [vars(one) for one in outcomes]}])  # fmt: skip
    assert "| get by another's id | **leaked** |" in shown


def test_our_own_systems_are_run_in_this_environment() -> None:
    assert [name for name, needed in REQUIREMENTS.items() if not needed] == [
        "discreet_sql", "discreet_rest", "discreet_mcp"]  # fmt: skip
    assert sys.executable
