"""Notify the owner, in the direct chat of a linked account, of what needs attention.

Events are found in the rows themselves and reported once: the record of reported events is stored
in the commit that puts the message into the outbox. So no event is reported twice or lost, even if
a process dies. Other people's text is in code spans, so it can't be mistaken for ours, and nothing
in
it is a link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from uuid import UUID

import structlog
from psycopg.types.json import Jsonb

from discreet.contacts.labels import CONTACT_LABEL
from discreet.domain.ids import OwnerId
from discreet.domain.links import without_links
from discreet.domain.quiet_hours import QuietHours
from discreet.domain.text import literal
from discreet.scope import OwnerScope, ScopedDatabase, Transaction, WorkScope
from discreet.services.owner_news import NOT_TOLD, OwnerNotice, news_since, urgent

__all__ = ["NoticeRules", "notify_owner", "notify_owners"]

log = structlog.get_logger(__name__)

MAX_LINES = 10


@dataclass(frozen=True, slots=True)
class NoticeRules:
    """When the owner is notified.

    ``digest``: the minimum time between two messages about events that can wait.
    """

    quiet_hours: QuietHours | None = None
    digest: timedelta = timedelta(minutes=10)
    zone: tzinfo = UTC


async def notify_owners(db: ScopedDatabase, rules: NoticeRules) -> int:
    """Notify every owner who has a chat; return the number of messages."""
    async with db.begin(WorkScope()) as tx:
        owners = await tx.fetch("SELECT owner_id FROM gate.owners_to_notify()")
    told, failed = 0, None
    for row in owners:
        try:
            told += await notify_owner(db, OwnerId(row["owner_id"]), rules)
        except Exception as error:
            log.warning("an owner could not be notified", error=type(error).__name__)
            failed = error
    if failed is not None:  # only now: the others were told
        raise failed
    return told


async def notify_owner(
    db: ScopedDatabase, owner_id: OwnerId, rules: NoticeRules, *, now: datetime | None = None
) -> int:
    """Notify one owner of everything not reported yet; return the number of messages.

    Raises:
        Unavailable: the database can't be reached.
    """
    local = (now or datetime.now(UTC)).astimezone(rules.zone)
    async with db.begin(OwnerScope(owner_id)) as tx:
        since = await tx.value("SELECT gate.begin_owner_notices()")
        if since is None:
            return 0
        told = await _pass_on_what_was_said(tx)
        if rules.quiet_hours is not None and rules.quiet_hours.contain(local):
            return told
        for notice in await urgent(tx):
            told += await _tell(tx, [notice], notice.text)
        if await _may_tell_news(tx, rules.digest):
            news = await news_since(tx, since)
            if news:
                told += await _tell(tx, news, _digest(news))
    return told


async def _tell(
    tx: Transaction, notices: Sequence[OwnerNotice], text: str, session_id: UUID | None = None
) -> int:
    told = [
        {
            "kind": notice.kind,
            "key": notice.key,
            "contact_id": str(notice.contact_id) if notice.contact_id else None,
        }
        for notice in notices
    ]
    sent = await tx.value(
        "SELECT gate.notify_owner(%(told)s, %(text)s, %(session)s)",
        {"told": Jsonb(told), "text": without_links(text), "session": session_id},
    )
    return 0 if sent is None else 1


def _digest(news: Sequence[OwnerNotice]) -> str:
    lines = [notice.text for notice in news[:MAX_LINES]]
    if len(news) == 1:
        return lines[0]
    if len(news) > MAX_LINES:
        lines.append(f"and {len(news) - MAX_LINES} more: /status")
    return "\n".join(f"- {line}" for line in lines)


async def _may_tell_news(tx: Transaction, digest: timedelta) -> bool:
    return not await tx.value(
        "SELECT EXISTS (SELECT FROM discreet.owner_notices"
        " WHERE kind IN ('failure', 'limit', 'undelivered', 'channel')"
        " AND told_at > clock_timestamp() - %(digest)s)",
        {"digest": digest},
    )


async def _pass_on_what_was_said(tx: Transaction) -> int:
    """Forward messages of contacts that the owner answers in person, each to the owner's chat."""
    found = await tx.fetch(
        f"""SELECT s.id AS session_id, m.id, m.text, m.contact_id,
                   coalesce(nullif(m.sender_name, ''), {CONTACT_LABEL.format(row="m")}) AS speaker
              FROM discreet.sessions s
              JOIN discreet.contacts c
                ON c.id = s.takeover_contact_id AND c.taken_over_at IS NOT NULL
              JOIN discreet.messages m
                ON m.owner_id = s.owner_id AND m.contact_id = c.id AND m.direction = 'in'
                   AND m.state <> 'context' AND m.created_at > c.taken_over_at
                   AND m.created_at > statement_timestamp() - interval '7 days'
             WHERE s.takeover_contact_id IS NOT NULL
               AND {NOT_TOLD.format(row="s", kind="said", key="s.id || '/' || m.id")}
             ORDER BY m.created_at, m.position LIMIT 20"""
    )
    told = 0
    for row in found:
        key = f"{row['session_id']}/{row['id']}"
        text = f"{literal(row['speaker'])} says: {literal(row['text'], 3_000)}"
        notice = OwnerNotice("said", key, row["contact_id"], text)
        told += await _tell(tx, [notice], text, row["session_id"])
    return told
