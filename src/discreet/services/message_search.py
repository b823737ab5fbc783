"""Find a text in everything that was said, from the newest message on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from discreet.contacts.labels import CONTACT_LABEL, party_label
from discreet.domain.ids import ContactId, OwnerId
from discreet.domain.paging import Mark, mark_of, next_of
from discreet.scope import OwnerScope, ScopedDatabase
from discreet.services.inbox import pattern_of

LOOKED = 20_000
"""Messages that are looked through at once."""
MAX_FOUND = 50

# Their texts aren't kept while looking, because they may be long.
_LOOKED: LiteralString = """
    SELECT count(*) AS looked, min(l.created_at) AS until,
           (array_agg(l.id ORDER BY l.created_at, l.id))[1] AS last,
           (array_agg(l.id ORDER BY l.created_at DESC, l.id DESC)
              FILTER (WHERE l.matches))[1:%(found)s] AS ids
      FROM (SELECT m.id, m.created_at,
                   m.text ILIKE %(pattern)s AND m.command IS DISTINCT FROM 'notice' AS matches
              FROM discreet.messages m WHERE {after}
             ORDER BY m.created_at DESC, m.id DESC LIMIT %(looked)s) l
"""
_FOUND = f"""
    SELECT m.id, m.contact_id, m.direction, m.text, m.created_at AS at, m.shared,
           {CONTACT_LABEL.format(row="m")} AS contact_label
      FROM discreet.messages m WHERE m.id = ANY(%(ids)s)
     ORDER BY m.created_at DESC, m.id DESC
"""


@dataclass(frozen=True, slots=True)
class SaidText:
    """A message that contains what was looked for."""

    id: UUID
    contact_id: ContactId | None
    whose: str
    direction: Literal["in", "out"]
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SaidPage:
    """Messages, newest first. All since ``until`` were looked through; ``next``: the ones before.

    ``until`` None: there are no others.
    """

    items: list[SaidText]
    until: datetime | None
    next: str | None


async def find_said(
    db: ScopedDatabase, owner_id: OwnerId, text: str, cursor: str | None = None
) -> SaidPage:
    """Find a text in the newest messages, or in those before a cursor, in upper or lower case.

    Raises:
        BadInput: the cursor is invalid.
    """
    mark = mark_of(cursor)
    after: LiteralString = "true"
    given = {"pattern": pattern_of(text), "looked": LOOKED, "found": MAX_FOUND + 1}
    if mark is not None:
        after = "m.created_at <= %(at)s AND (m.created_at, m.id) < (%(at)s, %(id)s)"
        given |= {"at": mark[0], "id": mark[1]}
    async with db.begin(OwnerScope(owner_id)) as tx:
        [looked] = await tx.fetch(_LOOKED.format(after=after), given)
        rows = await tx.fetch(_FOUND, {"ids": looked["ids"] or []})
    found = [
        SaidText(
            row["id"],
            row["contact_id"],
            party_label(row["contact_label"], shared=row["shared"]),
            row["direction"],
            row["text"],
            row["at"],
        )
        for row in rows
    ]
    following = next_of(found, MAX_FOUND, lambda one: (one.at, one.id))
    if following is not None:
        return SaidPage(found[:MAX_FOUND], found[MAX_FOUND - 1].at, following)
    if looked["looked"] < LOOKED:
        return SaidPage(found, None, None)
    last: Mark = (looked["until"], looked["last"])
    return SaidPage(found, last[0], next_of([last, last], 1, lambda one: one))
