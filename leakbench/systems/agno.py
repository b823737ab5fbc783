"""agno's MemoryManager on SQLite."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from agno.db.sqlite import SqliteDb
from agno.memory import MemoryManager, UserMemory

from leakbench.attacks import Person, System

TITLE, PACKAGES = "agno", ("agno",)
SAYS = "Every call takes a `user_id`; without one it is the user `default`."


class _Person(Person):
    def __init__(self, manager: MemoryManager, who: Any) -> None:
        self.manager, self.who, self.said = manager, who, []

    def remember(self, text: str) -> str:
        return str(self.manager.add_user_memory(UserMemory(memory=text), user_id=self.who))

    def recall(self, query: Any) -> list[str]:
        self.said.append(
            f"manager.search_user_memories({query!r}, retrieval_method='last_n', user_id={self.who!r})"
        )
        found = self.manager.search_user_memories(
            query=query, limit=50, retrieval_method="last_n", user_id=self.who
        )
        return [one.memory for one in found or []]

    def everything(self) -> list[str]:
        self.said.append(f"manager.get_user_memories(user_id={self.who!r})")
        return [one.memory for one in self.manager.get_user_memories(user_id=self.who) or []]

    def get(self, memory_id: str) -> str:
        self.said.append(f"manager.get_user_memory(memory_id, user_id={self.who!r})")
        return str(self.manager.get_user_memory(memory_id, user_id=self.who))

    def update(self, memory_id: str, text: str) -> None:
        self.said.append(
            f"manager.replace_user_memory(memory_id, UserMemory(...), user_id={self.who!r})"
        )
        self.manager.replace_user_memory(memory_id, UserMemory(memory=text), user_id=self.who)

    def forget(self, memory_id: str) -> None:
        self.said.append(f"manager.delete_user_memory(memory_id, user_id={self.who!r})")
        self.manager.delete_user_memory(memory_id, user_id=self.who)


class _System(System):
    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.manager = MemoryManager(db=SqliteDb(db_file=str(Path(self.folder.name) / "agno.db")))

    def person(self, who: Any) -> Person:
        return _Person(self.manager, who)

    def close(self) -> None:
        self.folder.cleanup()


def open_system() -> System:
    """Open an empty one."""
    return _System()
