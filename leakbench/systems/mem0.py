"""mem0 with an embedded Qdrant; nothing is sent to a model (``infer=False``)."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any

os.environ.update(MEM0_TELEMETRY="False", OPENAI_API_KEY="none", MEM0_DIR=tempfile.mkdtemp())

from mem0 import Memory

from leakbench.attacks import Person, System

TITLE, PACKAGES = "mem0", ("mem0ai", "qdrant-client")
SAYS = "`user_id` scopes add, search, get_all and delete_all; get, update, delete and history take an id alone."


class _Words:
    """An embedder without a network: one dimension for each letter."""

    config = type("Config", (), {"embedding_dims": 26})()

    def embed(self, text: Any, *_: Any, **__: Any) -> list[float]:
        counts = [float(str(text).lower().count(chr(97 + at))) for at in range(26)]
        return counts if any(counts) else [1.0] * 26

    def embed_batch(self, texts: list[Any], *_: Any, **__: Any) -> list[list[float]]:
        return [self.embed(text) for text in texts]


class _Person(Person):
    def __init__(self, memory: Memory, who: Any) -> None:
        self.memory, self.who, self.said = memory, who, []

    def remember(self, text: str) -> str:
        self.said.append(f"memory.add({text!r}, user_id={self.who!r}, infer=False)")
        return str(self.memory.add(text, user_id=self.who, infer=False)["results"][0]["id"])

    def recall(self, query: Any) -> list[str]:
        self.said.append(f"memory.search({query!r}, filters={{'user_id': {self.who!r}}})")
        found = self.memory.search(query, filters={"user_id": self.who}, threshold=0.0)
        return [one["memory"] for one in found["results"]]

    def everything(self) -> list[str]:
        self.said.append(f"memory.get_all(filters={{'user_id': {self.who!r}}})")
        return [
            one["memory"] for one in self.memory.get_all(filters={"user_id": self.who})["results"]
        ]

    def get(self, memory_id: str) -> str:
        self.said.append("memory.get(memory_id)")
        return str(self.memory.get(memory_id))

    def update(self, memory_id: str, text: str) -> None:
        self.said.append("memory.update(memory_id, data)")
        self.memory.update(memory_id, data=text)

    def forget(self, memory_id: str) -> None:
        self.said.append("memory.delete(memory_id)")
        self.memory.delete(memory_id)

    def history(self, memory_id: str) -> list[str]:
        self.said.append("memory.history(memory_id)")
        return [str(one) for one in self.memory.history(memory_id)]


class _System(System):
    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.memory = Memory.from_config(
            {
                "vector_store": {
                    "provider": "qdrant",
                    "config": {
                        "path": self.folder,
                        "embedding_model_dims": 26,
                        "collection_name": "m",
                    },
                },
                "history_db_path": f"{self.folder}/history.db",
            }
        )
        self.memory.embedding_model = _Words()

    def person(self, who: Any) -> Person:
        return _Person(self.memory, who)

    def close(self) -> None:
        self.memory.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def open_system() -> System:
    """Open an empty one."""
    return _System()
