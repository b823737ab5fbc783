"""Ids as people type them: whole, or the first six characters or more."""

from __future__ import annotations

import re
from typing import Literal
from uuid import UUID

from discreet.domain.errors import BadInput, NotFound
from discreet.domain.ids import OwnerId
from discreet.scope import OwnerScope, ScopedDatabase

__all__ = ["Identified", "check_prefix", "find_id"]

Identified = Literal[
    "session", "turn", "memory", "message", "contact", "quarantined message", "link"
]
MAX_CANDIDATES = 5
_IDS: dict[Identified, str] = {
    "session": "SELECT id FROM discreet.sessions",
    "turn": "SELECT id FROM discreet.turns",
    # A forgotten memory is only in its history.
    "memory": (
        "SELECT id FROM discreet.memories UNION SELECT memory_id FROM discreet.memory_history"
    ),
    "message": "SELECT id FROM discreet.messages",
    "contact": "SELECT id FROM discreet.contacts WHERE merged_into IS NULL",
    "quarantined message": "SELECT id FROM discreet.quarantine WHERE released_at IS NULL",
    "link": "SELECT id FROM discreet.links",
}


_ALSO: dict[Identified, str] = {
    "session": " To list a contact's: sb sessions list --contact NAME.",
}


def check_prefix(what: Identified, typed: str) -> str:
    """Return the beginning of an id without its dashes.

    Raises:
        BadInput: no id begins like this, or it is too short.
    """
    prefix = typed.strip().casefold().replace("-", "")
    if not re.fullmatch(r"[0-9a-f]{6,31}", prefix):
        raise BadInput(
            f"{typed[:100]!a} is not the id of a {what}.",
            hint="Write the id, or at least its first six characters." + _ALSO.get(what, ""),
        )
    return prefix


async def find_id(db: ScopedDatabase, owner_id: OwnerId, what: Identified, typed: str) -> UUID:
    """Return the owner's id that begins as typed. A whole one is returned without a look.

    Raises:
        BadInput: it can't be the beginning of an id, or several begin like this.
        NotFound: none begins like this.
    """
    try:
        return UUID(typed.strip())
    except ValueError:
        prefix = check_prefix(what, typed)
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch(
            f"SELECT t.id FROM ({_IDS[what]}) t (id)"
            " WHERE starts_with(replace(t.id::text, '-', ''), %(prefix)s)"
            " ORDER BY t.id LIMIT %(limit)s",
            {"prefix": prefix, "limit": MAX_CANDIDATES + 1},
        )
    if not found:
        raise NotFound(f"No {what} has an id that begins with {prefix}.")
    if len(found) > 1:
        shown = ", ".join(str(row["id"]) for row in found[:MAX_CANDIDATES])
        more = " and more" if len(found) > MAX_CANDIDATES else ""
        raise BadInput(f"Several ids begin with {prefix}.", hint=f"Write one of: {shown}{more}.")
    return UUID(str(found[0]["id"]))
