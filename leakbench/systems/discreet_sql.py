"""Discreet, by SQL typed into a contact's own transaction: what an injection could do."""

from __future__ import annotations

from typing import Any

from leakbench.attacks import Person, System
from leakbench.systems._discreet import PACKAGES, Installation

__all__ = ["PACKAGES", "SAYS", "TITLE", "open_system"]

TITLE = "Discreet, raw SQL"
SAYS = (
    "The attacker types SQL in a contact's transaction. The server's ticket names the person, "
    "not the caller."
)


class _Person(Person):
    def __init__(self, installation: Installation, who: str) -> None:
        self.installation, self.said = installation, []
        self.scope = installation.wait(installation.scope_of(who))

    def _sql(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        self.said.append(sql)

        async def work() -> list[tuple[Any, ...]]:
            async with self.installation.app.db.begin(self.scope) as tx:
                return [tuple(row) for row in await tx.fetch_tuples(sql, values)]

        found: list[tuple[Any, ...]] = self.installation.wait(work())
        return found

    def remember(self, text: str) -> str:
        return str(
            self._sql("INSERT INTO discreet.memories (content) VALUES (%s) RETURNING id", text)[0][
                0
            ]
        )

    def recall(self, query: Any) -> list[str]:
        found = self._sql(
            "SELECT content FROM discreet.memories WHERE content ILIKE '%%heron%%' OR content = %s",
            str(query),
        )
        found += self._sql("SELECT text FROM discreet.messages")
        return [str(row[0]) for row in found]

    def everything(self) -> list[str]:
        return [str(row[0]) for row in self._sql("SELECT content FROM discreet.memories")]

    def get(self, memory_id: str) -> str:
        return str(self._sql("SELECT content FROM discreet.memories WHERE id = %s", memory_id))

    def update(self, memory_id: str, text: str) -> None:
        self._sql(
            "UPDATE discreet.memories SET content = %s WHERE id = %s RETURNING id", text, memory_id
        )

    def forget(self, memory_id: str) -> None:
        self._sql("SELECT gate.forget_memory(%s, NULL)", memory_id)

    def history(self, memory_id: str) -> list[str]:
        return [
            str(row)
            for row in self._sql(
                "SELECT content FROM discreet.memory_history WHERE memory_id = %s", memory_id
            )
        ]


class _System(System):
    def __init__(self) -> None:
        self.installation = Installation()

    def person(self, who: Any) -> Person:
        return _Person(self.installation, who)

    def close(self) -> None:
        self.installation.close()


def open_system() -> System:
    """Open an empty one."""
    return _System()
