"""PraisonAI's Memory with its own store in SQLite (no embedding service)."""

from __future__ import annotations

import os
import tempfile
from typing import Any

os.environ.update(OPENAI_API_KEY="none", PRAISONAI_TELEMETRY="false", DO_NOT_TRACK="1")

from praisonaiagents.memory import Memory

from leakbench.attacks import Person, System

TITLE, PACKAGES = "PraisonAI", ("praisonaiagents",)
SAYS = "`store_user_memory` and `search_user_memory` take a `user_id`; deleting takes an id alone."


class _Person(Person):
    def __init__(self, memory: Memory, who: Any) -> None:
        self.memory, self.who, self.said = memory, who, []

    def remember(self, text: str) -> str:
        self.memory.store_user_memory(self.who, text)
        found = self.memory.search_user_memory(self.who, text, limit=1)
        return str(found[0]["id"]) if found else ""

    def recall(self, query: Any) -> list[str]:
        self.said.append(f"memory.search({query!r}, user_id={self.who!r})")
        return [str(one["text"]) for one in self.memory.search(query, user_id=self.who)]

    def everything(self) -> list[str]:
        self.said.append(f"memory.search_user_memory({self.who!r}, 'heron')")
        return [str(one["text"]) for one in self.memory.search_user_memory(self.who, "heron")]

    def forget(self, memory_id: str) -> None:
        self.said.append("memory.delete_memory(memory_id)")
        self.memory.delete_memory(memory_id)


class _System(System):
    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        paths = {name: f"{self.folder.name}/{name}.db" for name in ("short_db", "long_db")}
        self.memory = Memory({"provider": "sqlite", "use_embedding": False, **paths})

    def person(self, who: Any) -> Person:
        return _Person(self.memory, who)

    def close(self) -> None:
        self.folder.cleanup()


def open_system() -> System:
    """Open an empty one."""
    return _System()
