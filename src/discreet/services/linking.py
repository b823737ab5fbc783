"""Link contacts that are one person, and undo a link."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from discreet.contacts import Entry
from discreet.contacts.lookup import find_entry
from discreet.domain.errors import BadInput, NotFound
from discreet.domain.ids import ContactId, OwnerId
from discreet.domain.paging import MAX_LISTED
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.services.lost_races import retry_lost_races

_LINKS = """
    SELECT l.id, l.proof, l.linked_at, l.undone_at, l.survivor_id, l.merged_id,
           coalesce(nullif(k.name, ''), (
             SELECT a.platform || ':' || a.platform_id FROM discreet.addresses a
              WHERE a.contact_id = k.id ORDER BY a.created_at, a.platform, a.platform_id LIMIT 1),
             k.id::text) AS survivor,
           j.name AS merged_name,
           (SELECT coalesce(array_agg(r.key ORDER BY r.key), '{}') FROM discreet.linked_rows r
             WHERE r.link_id = l.id AND r.kind = 'address') AS addresses
      FROM discreet.links l
      JOIN discreet.contacts k ON k.id = l.survivor_id
      JOIN discreet.contacts j ON j.id = l.merged_id
"""

_WOULD_MOVE = """
    SELECT (SELECT count(*) FROM discreet.sessions s WHERE s.contact_id = %(merged)s) AS sessions,
           (SELECT count(*) FROM discreet.messages m WHERE m.contact_id = %(merged)s) AS messages,
           (SELECT count(*) FROM discreet.memories m
             WHERE m.contact_id = %(merged)s AND NOT EXISTS (
               SELECT FROM discreet.memories k
                WHERE k.contact_id = %(survivor)s
                  AND (k.agent_id, k.digest) = (m.agent_id, m.digest))) AS memories,
           (SELECT count(*) FROM discreet.memories m JOIN discreet.memories k
                ON (k.agent_id, k.digest) = (m.agent_id, m.digest)
             WHERE m.contact_id = %(merged)s AND k.contact_id = %(survivor)s) AS known_already,
           (SELECT coalesce(array_agg(DISTINCT m.topic_key), '{}')
              FROM discreet.memories m JOIN discreet.memories k
                ON (k.agent_id, k.topic_key) = (m.agent_id, m.topic_key)
             WHERE m.contact_id = %(merged)s AND k.contact_id = %(survivor)s
               AND k.digest <> m.digest) AS topics,
           (SELECT count(*) FROM discreet.tokens t
             WHERE t.contact_id = %(merged)s AND t.revoked_at IS NULL) AS tokens
"""

_WOULD_GO_BACK = """
    SELECT (SELECT count(*) FROM discreet.sessions s
             WHERE s.id IN (SELECT r.key::uuid FROM moved r WHERE r.kind = 'session')) AS sessions,
           (SELECT count(*) FROM discreet.messages m
             WHERE m.session_id IN (SELECT r.key::uuid FROM moved r WHERE r.kind = 'session'))
             AS messages,
           (SELECT count(*) FROM discreet.memories m
             WHERE m.id IN (SELECT r.key::uuid FROM moved r WHERE r.kind = 'memory')) AS memories,
           (SELECT count(*) FROM discreet.messages m
             WHERE m.contact_id = %(survivor)s AND m.direction = 'in' AND m.created_at > %(since)s
               AND m.sender_address IN (SELECT r.key FROM moved r WHERE r.kind = 'address')
               AND m.session_id NOT IN (SELECT r.key::uuid FROM moved r WHERE r.kind = 'session'))
             AS said_since
"""


@dataclass(frozen=True, slots=True)
class LinkPreview:
    """What linking two contacts would move to the survivor.

    ``known_already``: memories that the survivor has too; they aren't copied. ``topics``: topic
    keys that both use; the survivor's memory keeps the key. ``tokens`` of the merged contact don't
    work while they are linked.
    """

    survivor: Entry
    merged: Entry
    sessions: int
    messages: int
    memories: int
    known_already: int
    topics: tuple[str, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class Link:
    """Two contacts that were merged.

    ``survivor``: its label. ``addresses``: of the merged contact, ``platform:id``, which lead to
    the survivor; empty once the link is undone. ``proof``: who confirmed that they are one person.
    """

    id: UUID
    survivor_id: ContactId
    survivor: str
    merged_id: ContactId
    merged_name: str
    addresses: tuple[str, ...]
    proof: Literal["owner", "codes", "identity"]
    linked_at: datetime
    undone_at: datetime | None


@dataclass(frozen=True, slots=True)
class UndoPreview:
    """What undoing a link would move back.

    ``said_since``: messages written from the merged contact's addresses in the meantime; they stay
    with the survivor, in whose conversation they are.
    """

    link: Link
    sessions: int
    messages: int
    memories: int
    said_since: int


async def preview_link(
    db: ScopedDatabase, owner_id: OwnerId, survivor: str, merged: str
) -> LinkPreview:
    """Return what ``link_contacts`` would do, without changing anything.

    Raises:
        NotFound, BadInput: as for ``find_contact``; or both are the same contact, or a group.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        return await _preview(tx, survivor, merged)


async def link_contacts(db: ScopedDatabase, owner_id: OwnerId, survivor: str, merged: str) -> Link:
    """Merge ``merged`` into ``survivor``, which gets its rows and addresses.

    Raises:
        NotFound, BadInput: as for ``preview_link``.
        Conflict: one of them is already merged, blocked, taken over or waiting for approval, or an
            answer is being sent.
    """

    async def work() -> Link:
        async with db.begin(OwnerScope(owner_id)) as tx:
            return await _link_now(tx, survivor, merged)

    return await retry_lost_races(work)


async def _link_now(tx: Transaction, survivor: str, merged: str) -> Link:
    found = await _preview(tx, survivor, merged)
    link_id = await tx.value(
        "SELECT gate.link_contacts(%(survivor)s, %(merged)s)",
        {"survivor": found.survivor.contact.id, "merged": found.merged.contact.id},
    )
    return await _link(tx, link_id)


async def list_links(
    db: ScopedDatabase,
    owner_id: OwnerId,
    who: str | None = None,
    *,
    limit: int = MAX_LISTED,
    skip: int = 0,
) -> list[Link]:
    """Return links, newest first, including undone ones; only one contact's if it is named.

    Raises:
        NotFound, BadInput: as for ``find_contact``.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        contact_id = None if who is None else (await find_entry(tx, who)).contact.id
        found = await tx.fetch(
            _LINKS + " WHERE %(id)s::uuid IS NULL OR %(id)s IN (l.survivor_id, l.merged_id)"
            " ORDER BY l.linked_at DESC, l.id LIMIT %(limit)s OFFSET %(skip)s",
            {"id": contact_id, "limit": limit, "skip": skip},
        )
    return [_as_link(row) for row in found]


async def preview_undo(db: ScopedDatabase, owner_id: OwnerId, link: str) -> UndoPreview:
    """Return what ``undo_link`` would do, without changing anything.

    Raises:
        NotFound: there is no such link, or it is already undone.
        BadInput: not a valid id.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        made = await _standing(tx, link)
        row = await tx.fetch_one(
            "WITH moved AS (SELECT kind, key FROM discreet.linked_rows WHERE link_id = %(link)s)"
            + _WOULD_GO_BACK,
            {"link": made.id, "survivor": made.survivor_id, "since": made.linked_at},
        )
    assert row is not None  # noqa: S101 - a query of counts
    return UndoPreview(made, **row)


async def undo_link(db: ScopedDatabase, owner_id: OwnerId, link: str) -> Link:
    """Move every row of the link back; its addresses lead to the merged contact again.

    Raises:
        NotFound, BadInput: as for ``preview_undo``.
        Conflict: the survivor has been merged with another contact since, or an answer is being
            sent.
    """

    async def work() -> Link:
        async with db.begin(OwnerScope(owner_id)) as tx:
            made = await _standing(tx, link)
            await tx.execute("SELECT gate.undo_link(%(link)s)", {"link": made.id})
            return made

    return await retry_lost_races(work)


async def _preview(tx: Transaction, survivor: str, merged: str) -> LinkPreview:
    stays, goes = await find_entry(tx, survivor), await find_entry(tx, merged)
    if stays.contact.id == goes.contact.id:
        raise BadInput("They are already the same contact.", hint="See: sb contacts show")
    if "group" in (stays.contact.type, goes.contact.type):
        raise BadInput("A group can't be merged.", hint="See: sb contacts list")
    row = await tx.fetch_one(_WOULD_MOVE, {"survivor": stays.contact.id, "merged": goes.contact.id})
    assert row is not None  # noqa: S101 - a query of counts
    return LinkPreview(stays, goes, **{**row, "topics": tuple(row["topics"])})


async def _standing(tx: Transaction, link: str) -> Link:
    try:
        link_id = UUID(link.strip())
    except ValueError as error:
        raise BadInput(f"{link!a} is not a link id.", hint="See: sb contacts links") from error
    made = await _link(tx, link_id)
    if made.undone_at is not None:
        raise NotFound("This link has already been undone.", hint="See: sb contacts links")
    return made


async def _link(tx: Transaction, link_id: UUID) -> Link:
    row = await tx.fetch_one(_LINKS + " WHERE l.id = %(id)s", {"id": link_id})
    if row is None:
        raise NotFound(f"There is no link {link_id}.", hint="See: sb contacts links")
    return _as_link(row)


def _as_link(row: dict[str, object]) -> Link:
    return Link(**{**row, "addresses": tuple(row["addresses"])})  # type: ignore[arg-type]
