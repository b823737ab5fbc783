"""langmem's tools on LangGraph's InMemoryStore, with the user's id in the namespace."""

from __future__ import annotations

import json
from typing import Any

from langgraph.store.memory import InMemoryStore
from langmem import create_manage_memory_tool, create_search_memory_tool

from leakbench.attacks import Person, System

TITLE, PACKAGES = "langmem", ("langmem", "langgraph")
SAYS = "Tools act in the namespace of `langgraph_user_id`, which the program's configuration names."
SPACE = ("memories", "{langgraph_user_id}")


class _Person(Person):
    def __init__(self, store: Any, who: Any) -> None:
        self.who, self.said = who, []
        self.config = {"configurable": {"langgraph_user_id": who}}
        self.manage = create_manage_memory_tool(namespace=SPACE, store=store)
        self.search = create_search_memory_tool(namespace=SPACE, store=store)

    def _manage(self, **given: Any) -> str:
        self.said.append(f"manage_memory({', '.join(given)}) as {self.who!r}")
        return str(self.manage.invoke(given, self.config))

    def remember(self, text: str) -> str:
        return self._manage(content=text, action="create").split()[-1]

    def recall(self, query: Any) -> list[str]:
        self.said.append(f"search_memory(query={query!r}) as {self.who!r}")
        found = self.search.invoke({"query": query, "limit": 50}, self.config)
        return [str(one) for one in json.loads(found)]

    def update(self, memory_id: str, text: str) -> None:
        self._manage(content=text, action="update", id=memory_id)

    def forget(self, memory_id: str) -> None:
        self._manage(action="delete", id=memory_id)


class _System(System):
    def __init__(self) -> None:
        self.store = InMemoryStore()

    def person(self, who: Any) -> Person:
        return _Person(self.store, who)


def open_system() -> System:
    """Open an empty one."""
    return _System()
