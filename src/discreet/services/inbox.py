"""The inbox: contacts by last message, filtered, each with its last message."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, LiteralString, get_args

from discreet.contacts import get_entries
from discreet.domain.ids import ContactId, OwnerId
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.services.contact_activity import ContactActivity, activity_of

Show = Literal["", "waiting", "in person", "blocked", "groups"]
SHOWS: tuple[Show, ...] = get_args(Show)
MAX_PREVIEW_CHARACTERS = 200

_WHICH: dict[Show, LiteralString] = {
    "": "true",
    "waiting": "c.taken_over_at IS NULL AND c.id IN (SELECT m.contact_id FROM discreet.messages m"
    " WHERE m.state IN ('waiting', 'taken') AND m.direction = 'in')",
    "in person": "c.taken_over_at IS NOT NULL",
    "blocked": "c.blocked_at IS NOT NULL",
    "groups": "c.type = 'group'",
}
_NAMED: LiteralString = """
    (c.name ILIKE %(pattern)s OR array_to_string(c.aliases, ' ') ILIKE %(pattern)s
     OR EXISTS (SELECT FROM discreet.addresses a WHERE a.contact_id = c.id
                   AND a.platform || ':' || a.platform_id ILIKE %(pattern)s))
"""
_LABELLED: LiteralString = """
    c.id IN (SELECT l.contact_id FROM discreet.contact_labels l WHERE l.label = %(label)s)
"""
_ON_PLATFORM: LiteralString = """
    EXISTS (SELECT FROM discreet.addresses a
             WHERE a.contact_id = c.id AND a.platform = %(platform)s)
"""
_WITH_AGENT: LiteralString = """
    EXISTS (SELECT FROM discreet.sessions o JOIN discreet.agents a ON a.id = o.agent_id
             WHERE o.contact_id = c.id AND a.name = %(agent)s)
"""
_LISTED: LiteralString = """
    SELECT c.id FROM discreet.contacts c
      LEFT JOIN (SELECT contact_id, max(last_message_at) AS last_message_at
                   FROM discreet.sessions GROUP BY contact_id) s ON s.contact_id = c.id
     WHERE c.merged_into IS NULL AND {filters}
     ORDER BY s.last_message_at DESC NULLS LAST, c.created_at, c.id
     LIMIT %(limit)s OFFSET %(skip)s
"""
# The newest sessions by their index; a contact may have several of them.
_NEWEST: LiteralString = """
    SELECT s.contact_id, max(s.last_message_at) AS last_message_at
      FROM (SELECT s.contact_id, s.last_message_at FROM discreet.sessions s
             WHERE s.contact_id IS NOT NULL AND s.last_message_at IS NOT NULL
             ORDER BY s.last_message_at DESC LIMIT %(window)s) s
      JOIN discreet.contacts c ON c.id = s.contact_id AND c.merged_into IS NULL
     GROUP BY s.contact_id ORDER BY 2 DESC LIMIT %(limit)s OFFSET %(skip)s
"""
SESSIONS_EACH = 4
"""How many sessions a contact is thought to have, before more are read."""
_LAST_TEXTS: LiteralString = """
    SELECT c.id AS contact_id, left(m.text, %(characters)s) AS text
      FROM unnest(%(ids)s::uuid[]) AS c (id)
     CROSS JOIN LATERAL (SELECT s.id, s.last_position FROM discreet.sessions s
                          WHERE s.party = c.id AND s.contact_id = c.id
                            AND s.agent_id = ANY(ARRAY(SELECT a.id FROM discreet.agents a))
                          ORDER BY s.last_message_at DESC NULLS LAST LIMIT 1) s
      JOIN discreet.messages m ON m.session_id = s.id AND m.position = s.last_position
"""


@dataclass(frozen=True, slots=True)
class InboxItem:
    """A contact, and the beginning of its last message."""

    activity: ContactActivity
    last_text: str


async def list_inbox(
    db: ScopedDatabase,
    owner_id: OwnerId,
    *,
    text: str = "",
    show: Show = "",
    platform: str = "",
    label: str = "",
    agent: str = "",
    limit: int,
    skip: int = 0,
) -> list[InboxItem]:
    """List contacts, most recently active first.

    ``text``: part of a name, an alias or an address; ``platform``: of one of their addresses;
    ``label``: one that the owner gave them; ``agent``: the name of one that they have talked to.
    """
    filters: list[LiteralString] = [_WHICH[show]]
    if text:
        filters.append(_NAMED)
    if platform:
        filters.append(_ON_PLATFORM)
    if label:
        filters.append(_LABELLED)
    if agent:
        filters.append(_WITH_AGENT)
    query = _LISTED.format(filters=" AND ".join(filters))
    pattern = "%" + re.sub(r"([%_\\])", r"\\\1", text) + "%"
    given = {
        "pattern": pattern,
        "platform": platform,
        "label": label.casefold(),
        "agent": agent,
        "limit": limit,
        "skip": skip,
    }
    async with db.begin(OwnerScope(owner_id)) as tx:
        filtered = text or show or platform or label or agent
        ids = [] if filtered else await _newest(tx, limit, skip)
        if len(ids) < limit:
            ids = [row[0] for row in await tx.fetch_tuples(query, given)]
        found = await activity_of(tx, await get_entries(tx, ids))
        texts = await tx.fetch(_LAST_TEXTS, {"ids": ids, "characters": MAX_PREVIEW_CHARACTERS})
    last: dict[ContactId, str] = {row["contact_id"]: row["text"] for row in texts}
    return [InboxItem(one, last.get(one.contact.id, "")) for one in found]


async def _newest(tx: Transaction, limit: int, skip: int) -> list[ContactId]:
    """Return the contacts that wrote last.

    They are fewer than ``limit`` where the index alone can't tell all of them.
    """
    given = {"limit": limit, "skip": skip, "window": (limit + skip) * SESSIONS_EACH}
    return [row[0] for row in await tx.fetch_tuples(_NEWEST, given)]


async def platforms_in_use(db: ScopedDatabase, owner_id: OwnerId) -> list[str]:
    """Return the platforms that agents have channels on."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch_tuples(
            "SELECT DISTINCT platform FROM discreet.channels WHERE closed_at IS NULL ORDER BY 1"
        )
    return [row[0] for row in found]
