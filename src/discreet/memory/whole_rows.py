"""Read rows in full: those of a small scope as JSON along with what ranks them, others by id."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from discreet.memory.filters import Kind
from discreet.scope import Transaction

__all__ = ["fetch_whole", "row_as_json", "row_from_json"]

MAX_BYTES = 4_000
"""A longer row isn't read before it is known to be among the best."""

_COLUMNS: Mapping[Kind, Mapping[str, LiteralString]] = {
    "memory": {
        "content": "content",
        "created_at": "created_at",
        "agent_id": "agent_id",
        "contact_id": "contact_id",
        "shared": "shared",
        "salience": "salience",
        "summary": "summary",
        "topics": "topics",
        "source": "source",
        "version": "version",
        "topic_key": "topic_key",
        "expires_at": "expires_at",
    },
    "passage": {
        "content": "content",
        "created_at": "created_at",
        "agent_id": "agent_id",
        "title": "title",
    },
    "message": {
        "content": "text",
        "created_at": "coalesce(sent_at, created_at)",
        "agent_id": "agent_id",
        "contact_id": "contact_id",
        "shared": "shared",
        "session_id": "session_id",
        "position": "position",
        "direction": "direction",
        "sender_name": "sender_name",
    },
}
_SIZE: Mapping[Kind, LiteralString] = {
    "memory": "octet_length(content) + octet_length(summary)",
    "passage": "octet_length(content)",
    "message": "octet_length(text)",
}
_TABLE: Mapping[Kind, LiteralString] = {
    "memory": "discreet.memories",
    "passage": "discreet.passages",
    "message": "discreet.messages",
}
_IDS = ("agent_id", "contact_id", "session_id")
_TIMES = ("created_at", "expires_at")


def row_as_json(kind: Kind) -> LiteralString:
    """Return an SQL expression for a row as ``row_from_json`` reads it; null for a long one."""
    columns: LiteralString = ", ".join(list(_COLUMNS[kind].values()))
    return f"CASE WHEN {_SIZE[kind]} <= {MAX_BYTES:d} THEN json_build_array({columns})::text END"


def row_from_json(kind: Kind, said: str) -> dict[str, Any]:
    """Return the columns of a row, without its id."""
    row: dict[str, Any] = dict(zip(_COLUMNS[kind], json.loads(said), strict=True))
    for name in _IDS:
        if row.get(name) is not None:
            row[name] = UUID(row[name])
    for name in _TIMES:
        if row.get(name) is not None:
            row[name] = datetime.fromisoformat(row[name])
    return row


async def fetch_whole(
    tx: Transaction, ids_of: Mapping[Kind, Sequence[UUID]]
) -> dict[UUID, dict[str, Any]]:
    """Return the columns of rows by id. Rows that have been deleted are missing."""
    found: dict[UUID, dict[str, Any]] = {}
    for kind, ids in ids_of.items():
        for row in await tx.fetch(_WHOLE[kind], {"ids": list(ids)}):
            found[row.pop("id")] = row
    return found


def _select(kind: Kind) -> LiteralString:
    columns: Iterable[LiteralString] = [f"{sql} AS {name}" for name, sql in _COLUMNS[kind].items()]
    return f"SELECT id, {', '.join(columns)} FROM {_TABLE[kind]} WHERE id = ANY(%(ids)s)"


_WHOLE: Mapping[Kind, LiteralString] = {kind: _select(kind) for kind in _COLUMNS}
