"""Files that came with messages, for the owner."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from discreet.domain.errors import NotFound
from discreet.domain.ids import MessageId, OwnerId
from discreet.scope import OwnerScope, ScopedDatabase

HEAD_BYTES = 16
"""As much as it takes to see what kind of file it is."""


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file of a message.

    ``name`` and ``kind`` are what its sender claimed; ``head`` are its first bytes, empty where it
    isn't kept, and ``refusal`` says why not.
    """

    id: UUID
    message_id: MessageId
    kind: str
    name: str
    size: int | None
    state: str
    refusal: str | None
    head: bytes


async def files_of_messages(
    db: ScopedDatabase, owner_id: OwnerId, message_ids: Sequence[MessageId]
) -> dict[MessageId, list[AttachedFile]]:
    """Return the files of messages, each message's in their order."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch(
            "SELECT id, message_id, kind, name, size, state, refusal,"
            "   coalesce(substring(content FROM 1 FOR %(head)s), '') AS head"
            " FROM discreet.attachments WHERE message_id = ANY(%(ids)s)"
            "   AND session_id IN"
            "     (SELECT m.session_id FROM discreet.messages m WHERE m.id = ANY(%(ids)s))"
            " ORDER BY message_id, position",
            {"ids": list(message_ids), "head": HEAD_BYTES},
        )
    files: dict[MessageId, list[AttachedFile]] = defaultdict(list)
    for row in found:
        files[row["message_id"]].append(AttachedFile(**{**row, "head": bytes(row["head"])}))
    return files


async def get_file(
    db: ScopedDatabase, owner_id: OwnerId, file_id: UUID
) -> tuple[str, bytes, UUID | None]:
    """Return the name and the content of a file, and the contact it came from.

    Raises:
        NotFound: there is no such file, or it isn't kept.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        row = await tx.fetch_one(
            "SELECT name, content, contact_id FROM discreet.attachments"
            " WHERE id = %(id)s AND content IS NOT NULL",
            {"id": file_id},
        )
    if row is None:
        raise NotFound("There is no such file, or it isn't kept.")
    return row["name"], bytes(row["content"]), row["contact_id"]
