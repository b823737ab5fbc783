"""hermes-agent: the memory files of a profile."""

from __future__ import annotations

import os
import tempfile
from typing import Any

os.environ["HERMES_HOME"] = tempfile.mkdtemp()

from tools.memory_tool import MemoryStore

from leakbench.attacks import Person, System

TITLE, PACKAGES = "hermes-agent", ("hermes-agent",)
SHARED = True
SAYS = "A personal agent: one memory for a profile and everyone who writes. It doesn't claim to keep people apart."


class _Person(Person):
    def __init__(self, who: Any) -> None:
        self.who, self.said, self.store = who, [], MemoryStore()
        self.store.load_from_disk()

    def remember(self, text: str) -> str:
        self.store.add("user", text)
        return text

    def recall(self, query: Any) -> list[str]:
        return self.everything()

    def everything(self) -> list[str]:
        self.said.append("MemoryStore().load_from_disk(); .user_entries")
        self.store.load_from_disk()
        return list(self.store.user_entries)

    def update(self, memory_id: str, text: str) -> None:
        self.said.append("MemoryStore().replace('user', old_text, text)")
        self.store.replace("user", memory_id, text)

    def forget(self, memory_id: str) -> None:
        self.said.append("MemoryStore().remove('user', old_text)")
        self.store.remove("user", memory_id)


class _System(System):
    def __init__(self) -> None:
        os.environ["HERMES_HOME"] = tempfile.mkdtemp()

    def person(self, who: Any) -> Person:
        return _Person(who)


def open_system() -> System:
    """Open an empty one."""
    return _System()
