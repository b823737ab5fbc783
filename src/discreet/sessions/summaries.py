"""The summary of a session: its text, and up to which message it reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

from discreet.domain.ids import MemoryId, SessionId
from discreet.scope import Transaction

__all__ = ["SUMMARY", "Summary", "save_summary", "summary_in", "summary_of"]


SUMMARY: LiteralString = (
    "SELECT s.thread_key, s.compacted_to AS until, m.id AS memory_id, m.content AS text"
    " FROM discreet.sessions s LEFT JOIN discreet.memories m ON m.id = s.summary_id"
    "   AND (m.owner_id, m.agent_id, m.party) = (s.owner_id, s.agent_id, s.party)"
    " WHERE s.id = %(session)s"
)


@dataclass(frozen=True, slots=True)
class Summary:
    """What replaces the messages up to position ``until``.

    ``text`` and ``memory_id`` are None if there is no summary (``until`` is 0), or if that memory
    was forgotten.
    """

    until: int
    memory_id: MemoryId | None = None
    text: str | None = None


def summary_in(row: Mapping[str, Any]) -> Summary:
    """Return the summary in a row of ``SUMMARY``."""
    return Summary(row["until"], row["memory_id"], row["text"])


async def summary_of(tx: Transaction, session_id: SessionId) -> Summary:
    """Return the summary of a session, or an empty one if the scope has no such session."""
    row = await tx.fetch_one(SUMMARY, {"session": session_id})
    return Summary(0) if row is None else summary_in(row)


async def save_summary(
    tx: Transaction, session_id: SessionId, memory_id: MemoryId, until: int
) -> None:
    """Make this memory, which belongs to the session's party, the summary up to ``until``."""
    await tx.execute(
        "UPDATE discreet.sessions SET summary_id = %(memory)s, compacted_to = %(until)s"
        " WHERE id = %(session)s",
        {"session": session_id, "memory": memory_id, "until": until},
    )
