"""The inbox: contacts by last message, filtered, each with its last message; read and unread."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString, get_args

from discreet.contacts import get_entries
from discreet.domain.ids import ContactId, OwnerId
from discreet.domain.paging import Mark, mark_of, next_of
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.services.contact_activity import ContactActivity, activity_of

Show = Literal["", "unread", "waiting", "in person", "blocked", "groups"]
SHOWS: tuple[Show, ...] = get_args(Show)
MAX_PREVIEW_CHARACTERS = 200
FEW = 4_000
"""Up to this many contacts that match are sorted; of more, the ones that spoke last are read."""
LATEST = 1_500
"""The newest conversations to try first. If many match the filter, they fill the page."""

_WHICH: dict[Show, LiteralString] = {
    "": "true",
    "unread": "(c.id, c.id) IN (SELECT u.contact_id, u.party FROM discreet.sessions u"
    " WHERE u.agent_id = ANY(ARRAY(SELECT a.id FROM discreet.agents a))"
    "   AND u.active_hour >="
    "     (SELECT floor(extract(epoch FROM o.seen_at) / 3600)::integer FROM discreet.owners o)"
    "   AND u.last_message_at > (SELECT o.seen_at FROM discreet.owners o)"
    "   AND (u.seen_at IS NULL OR u.last_message_at > u.seen_at))",
    "waiting": "c.taken_over_at IS NULL AND c.id IN (SELECT m.contact_id FROM discreet.messages m"
    " WHERE m.state IN ('waiting', 'taken') AND m.direction = 'in')",
    "in person": "c.taken_over_at IS NOT NULL",
    "blocked": "c.blocked_at IS NOT NULL",
    "groups": "c.type = 'group'",
}
_NAMED: LiteralString = """
    (c.name ILIKE %(pattern)s
     OR (c.aliases <> '{{}}' AND array_to_string(c.aliases, ' ') ILIKE %(pattern)s)
     OR EXISTS (SELECT FROM discreet.addresses d
                 WHERE d.contact_id = c.id AND {address} ILIKE %(pattern)s))
"""
_LABELLED: LiteralString = """
    c.id IN (SELECT l.contact_id FROM discreet.contact_labels l WHERE l.label = %(label)s)
"""
_ON_PLATFORM: LiteralString = """
    c.id IN (SELECT d.contact_id FROM discreet.addresses d WHERE d.platform = %(platform)s)
"""
# The contact is compared twice so that the index on (agent_id, party) is used.
_WITH_AGENT: LiteralString = """
    (c.id, c.id) IN (SELECT o.contact_id, o.party FROM discreet.sessions o
                      WHERE o.agent_id = ANY(ARRAY(SELECT a.id FROM discreet.agents a
                                                    WHERE a.name = %(agent)s)))
"""
_MATCHING: LiteralString = """
    SELECT c.id FROM discreet.contacts c
     WHERE c.merged_into IS NULL AND {filters} LIMIT %(few)s
"""
# A contact counts as active since it was created, until it says something.
_SORTED: LiteralString = """
    SELECT f.id, f.at FROM (
      SELECT c.id, coalesce((SELECT max(n.last_message_at) FROM discreet.sessions n
                              WHERE n.agent_id = ANY(ARRAY(SELECT a.id FROM discreet.agents a))
                                AND n.party = c.id AND n.contact_id = c.id), c.created_at) AS at
        FROM discreet.contacts c WHERE c.id = ANY(%(ids)s)) f
     WHERE {after}
     ORDER BY f.at DESC, f.id DESC LIMIT %(limit)s
"""
# By the index of sessions, which knows only the hour. A contact may have several sessions, of which
# the newest counts.
_SPOKE: LiteralString = """
    SELECT c.id, s.last_message_at AS at
      FROM discreet.sessions s JOIN discreet.contacts c ON c.id = s.contact_id
     WHERE s.active_hour IS NOT NULL AND c.merged_into IS NULL AND {filters} AND {after}
       AND NOT EXISTS (SELECT FROM discreet.sessions n
                        WHERE n.agent_id = ANY(ARRAY(SELECT a.id FROM discreet.agents a))
                          AND n.party = s.contact_id AND n.contact_id = s.contact_id
                          AND (n.last_message_at, n.id) > (s.last_message_at, s.id))
     ORDER BY s.active_hour DESC, s.last_message_at DESC, c.id DESC LIMIT %(limit)s
"""
# The same among the latest conversations, one by one until the page is full: the planner would
# rather sort everybody who matches.
_LATEST: LiteralString = """
    SELECT s.contact_id, s.last_message_at AS at
      FROM (SELECT s.id, s.contact_id, s.last_message_at FROM discreet.sessions s
             WHERE s.active_hour IS NOT NULL AND {after}
             ORDER BY s.active_hour DESC, s.last_message_at DESC, s.contact_id DESC
             LIMIT %(latest)s) s
     CROSS JOIN LATERAL (SELECT FROM discreet.contacts c
                          WHERE c.id = s.contact_id AND c.merged_into IS NULL AND {filters}
                         OFFSET 0) c
     WHERE NOT EXISTS (SELECT FROM discreet.sessions n
                        WHERE n.agent_id = ANY(ARRAY(SELECT a.id FROM discreet.agents a))
                          AND n.party = s.contact_id AND n.contact_id = s.contact_id
                          AND (n.last_message_at, n.id) > (s.last_message_at, s.id) OFFSET 0)
     ORDER BY s.last_message_at DESC, s.contact_id DESC LIMIT %(limit)s
"""
_SILENT: LiteralString = """
    SELECT c.id, c.created_at AS at FROM discreet.contacts c
     WHERE c.merged_into IS NULL AND {filters} AND {after}
       AND c.created_at >= %(since)s
       AND NOT EXISTS (SELECT FROM discreet.sessions n
                        WHERE n.agent_id = ANY(ARRAY(SELECT a.id FROM discreet.agents a))
                          AND n.party = c.id AND n.contact_id = c.id
                          AND n.last_message_at IS NOT NULL)
     ORDER BY c.created_at DESC, c.id DESC LIMIT %(limit)s
"""
_LAST_TEXTS: LiteralString = """
    SELECT c.id AS contact_id, left(m.text, %(characters)s) AS text, s.last_message_at > greatest(
             s.seen_at, (SELECT o.seen_at FROM discreet.owners o)) AS unread
      FROM unnest(%(ids)s::uuid[]) AS c (id)
     CROSS JOIN LATERAL (SELECT s.id, s.last_position, s.last_message_at, s.seen_at
                           FROM discreet.sessions s
                          WHERE s.party = c.id AND s.contact_id = c.id
                            AND s.agent_id = ANY(ARRAY(SELECT a.id FROM discreet.agents a))
                          ORDER BY s.last_message_at DESC NULLS LAST LIMIT 1) s
      LEFT JOIN discreet.messages m ON m.session_id = s.id AND m.position = s.last_position
"""


@dataclass(frozen=True, slots=True)
class InboxItem:
    """A contact, and the beginning of its last message. ``unread``: the owner hasn't seen it."""

    activity: ContactActivity
    last_text: str
    unread: bool


@dataclass(frozen=True, slots=True)
class InboxPage:
    """Contacts, most recently active first. ``next``: the cursor of the following page."""

    items: list[InboxItem]
    next: str | None


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
    cursor: str | None = None,
) -> InboxPage:
    """List contacts, most recently active first.

    ``text``: part of a name, an alias or an address; ``platform``: of one of their addresses;
    ``label``: one that the owner gave them; ``agent``: the name of one that they have talked to.

    Raises:
        BadInput: the cursor is invalid.
    """
    filters: list[LiteralString] = [_WHICH[show]]
    if text:
        # A number or a name alone is in the id; the whole address is slower to search.
        address: LiteralString = (
            "d.platform || ':' || d.platform_id" if ":" in text else "d.platform_id"
        )
        filters.append(_NAMED.format(address=address))
    if platform:
        filters.append(_ON_PLATFORM)
    if label:
        filters.append(_LABELLED)
    if agent:
        filters.append(_WITH_AGENT)
    mark = mark_of(cursor)
    given: dict[str, Any] = {
        "pattern": pattern_of(text),
        "platform": platform,
        "label": label.casefold(),
        "agent": agent,
        "limit": limit + 1,
        "few": FEW + 1,
        "latest": LATEST,
    }
    if mark is not None:
        given |= {"at": mark[0], "id": mark[1]}
    all_of_them = " AND ".join(filters)
    async with db.begin(OwnerScope(owner_id)) as tx:
        filtered = bool(show) or len(filters) > 1
        found = await _listed(tx, all_of_them, mark, given, filtered=filtered)
        ids = [ContactId(of) for _, of in found[:limit]]
        activity = await activity_of(tx, await get_entries(tx, ids))
        texts = await tx.fetch(_LAST_TEXTS, {"ids": ids, "characters": MAX_PREVIEW_CHARACTERS})
    last = {row["contact_id"]: row for row in texts}
    return InboxPage(
        [_item(one, last.get(one.contact.id)) for one in activity],
        next_of(found, limit, lambda one: one),
    )


async def _listed(
    tx: Transaction,
    filters: LiteralString,
    mark: Mark | None,
    given: Mapping[str, Any],
    *,
    filtered: bool,
) -> list[Mark]:
    """Return the contacts after a mark, by last activity."""
    after: LiteralString = "(s.last_message_at, s.contact_id) < (%(at)s, %(id)s)"
    # The first condition is for the index.
    hour: LiteralString = "floor(extract(epoch FROM %(at)s::timestamptz) / 3600)::integer"
    after = f"s.active_hour <= {hour} AND {after}" if mark else "true"
    spoke: list[Mark] = []
    if filtered:
        spoke = await _marks(tx, _LATEST.format(filters=filters, after=after), given)
    if len(spoke) < given["limit"]:
        if filtered:
            matching = await tx.fetch_tuples(_MATCHING.format(filters=filters), given)
            if len(matching) <= FEW:
                given = {**given, "ids": [row[0] for row in matching]}
                within: LiteralString = "(f.at, f.id) < (%(at)s, %(id)s)" if mark else "true"
                return await _marks(tx, _SORTED.format(after=within), given)
        spoke = await _marks(tx, _SPOKE.format(filters=filters, after=after), given)
    full = len(spoke) == given["limit"]
    since = spoke[-1][0] if full else datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    after = "(c.created_at, c.id) < (%(at)s, %(id)s)"
    after = f"c.created_at <= %(at)s AND {after}" if mark else "true"
    silent = await _marks(
        tx, _SILENT.format(filters=filters, after=after), {**given, "since": since}
    )
    return sorted([*spoke, *silent], reverse=True)[: given["limit"]]


async def _marks(tx: Transaction, sql: LiteralString, given: Mapping[str, Any]) -> list[Mark]:
    return [(at, of) for of, at in await tx.fetch_tuples(sql, given)]


def _item(one: ContactActivity, last: Mapping[str, Any] | None) -> InboxItem:
    if last is None:
        return InboxItem(one, "", unread=False)
    return InboxItem(one, last["text"] or "", unread=bool(last["unread"]))


def pattern_of(text: str) -> str:
    """Return the pattern of texts that contain this one."""
    return "%" + re.sub(r"([%_\\])", r"\\\1", text) + "%"


async def mark_read(
    db: ScopedDatabase, owner_id: OwnerId, contact_id: ContactId | None = None
) -> None:
    """Mark what a contact's conversations say as read; of everybody's, if none is named."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        if contact_id is None:
            await tx.execute("UPDATE discreet.owners SET seen_at = clock_timestamp()")
            return
        await tx.execute(
            "UPDATE discreet.sessions s SET seen_at = clock_timestamp()"
            " WHERE s.agent_id = ANY(ARRAY(SELECT a.id FROM discreet.agents a))"
            "   AND s.party = %(contact)s AND s.contact_id = %(contact)s"
            "   AND (s.seen_at IS NULL OR s.last_message_at > s.seen_at)",
            {"contact": contact_id},
        )


async def platforms_in_use(db: ScopedDatabase, owner_id: OwnerId) -> list[str]:
    """Return the platforms that agents have channels on."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch_tuples(
            "SELECT DISTINCT platform FROM discreet.channels WHERE closed_at IS NULL ORDER BY 1"
        )
    return [row[0] for row in found]
