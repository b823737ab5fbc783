"""nanobot: the memory file of a workspace, and a session for each ``channel:chat_id``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from nanobot.agent.memory import MemoryStore
from nanobot.session.manager import SessionManager

from leakbench.attacks import Person, System

TITLE, PACKAGES = "nanobot", ("nanobot-ai",)
SHARED = True
SAYS = "A personal agent: one MEMORY.md for the workspace and everyone who writes. Only sessions are kept apart."


class _Person(Person):
    def __init__(self, folder: Path, who: Any) -> None:
        self.who, self.said = who, []
        self.memory = MemoryStore(folder / "workspace")
        self.sessions = SessionManager(folder / "workspace", sessions_root=folder / "sessions")

    def remember(self, text: str) -> str:
        self.memory.write_memory(f"{self.memory.read_memory()}\n{text}")
        session = self.sessions.get_or_create(self.who)
        session.add_message("user", text)
        self.sessions.save(session)
        return text

    def recall(self, query: Any) -> list[str]:
        self.said.append(f"SessionManager.get_or_create({self.who!r}).messages")
        return [str(one) for one in self.sessions.get_or_create(self.who).messages]

    def everything(self) -> list[str]:
        self.said.append("MemoryStore(workspace).read_memory()")
        return [self.memory.read_memory()]


class _System(System):
    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        (Path(self.folder.name) / "workspace").mkdir()

    def person(self, who: Any) -> Person:
        return _Person(Path(self.folder.name), who)

    def close(self) -> None:
        self.folder.cleanup()


def open_system() -> System:
    """Open an empty one."""
    return _System()
