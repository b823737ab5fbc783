"""LangGraph's SqliteStore, with the user's id as namespace, as in its documentation."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from langgraph.store.sqlite import SqliteStore

from leakbench.attacks import Person, System

TITLE = "LangGraph store"
PACKAGES = ("langgraph-checkpoint-sqlite", "langgraph-checkpoint", "langgraph")
SAYS = "A namespace is chosen by the caller; the store checks no identity."


class _Person(Person):
    def __init__(self, store: Any, who: Any) -> None:
        self.store, self.space, self.said = store, (who,), []

    def remember(self, text: str) -> str:
        key = str(uuid4())
        self.store.put(self.space, key, {"text": text})
        return key

    def recall(self, query: Any) -> list[str]:
        self.said.append(f"store.search({self.space!r}, query={query!r})")
        return [one.value["text"] for one in self.store.search(self.space, query=query)]

    def everything(self) -> list[str]:
        self.said.append(f"store.search({self.space!r})")
        return [one.value["text"] for one in self.store.search(self.space, limit=100)]

    def get(self, memory_id: str) -> str:
        self.said.append(f"store.get({self.space!r}, key)")
        return str(self.store.get(self.space, memory_id))

    def update(self, memory_id: str, text: str) -> None:
        self.said.append(f"store.put({self.space!r}, key, value)")
        self.store.put(self.space, memory_id, {"text": text})

    def forget(self, memory_id: str) -> None:
        self.said.append(f"store.delete({self.space!r}, key)")
        self.store.delete(self.space, memory_id)


class _System(System):
    def __init__(self) -> None:
        self.opened = SqliteStore.from_conn_string(":memory:")
        self.store = self.opened.__enter__()
        self.store.setup()

    def person(self, who: Any) -> Person:
        return _Person(self.store, who)

    def close(self) -> None:
        self.opened.__exit__(None, None, None)


def open_system() -> System:
    """Open an empty one."""
    return _System()
