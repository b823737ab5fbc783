"""Notify the owner, in the direct chat of a linked account, of what needs attention.

Events are found in the rows themselves and reported once: the record of reported events is stored
in the commit that puts the message into the outbox. So no event is reported twice or lost, whatever
process dies. Other people's text is in code spans, so it can't be mistaken for ours, and nothing in
it is a link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Literal
from uuid import UUID

import structlog
from psycopg.types.json import Jsonb

from discreet.contacts.labels import CONTACT_LABEL, whose
from discreet.domain.database_codes import text_of_code
from discreet.domain.ids import OwnerId
from discreet.domain.links import without_links
from discreet.domain.quiet_hours import QuietHours
from discreet.domain.text import literal
from discreet.scope import OwnerScope, ScopedDatabase, Transaction, WorkScope
from discreet.services.tool_calls import call_lines
from discreet.services.usage import near_budgets

__all__ = ["NoticeRules", "code_of", "tell_owner", "tell_owners"]

log = structlog.get_logger(__name__)

Kind = Literal[
    "stranger", "person", "draft", "said", "failure", "limit", "undelivered", "channel", "call"
]
LOOK_BACK = timedelta(days=1)
"""Maximum age of an event that is still reported."""
MAX_AT_ONCE = 5
"""Maximum messages per check; the rest follow at the next one."""
MAX_LINES = 10
FIRST_WORDS = 200
CODE_CHARACTERS = 6

_LIMIT_KEY = "concat_ws('/', h.agent_id, h.contact_id, h.kind, (h.since AT TIME ZONE 'UTC')::date)"
_CHANNEL_KEY = "concat_ws('/', c.id, (clock_timestamp() AT TIME ZONE 'UTC')::date)"
"""Once a day each."""
_NOT_TOLD = """
    NOT EXISTS (SELECT FROM discreet.owner_notices n
                 WHERE n.owner_id = {row}.owner_id AND n.kind = '{kind}' AND n.key = {key})
"""


@dataclass(frozen=True, slots=True)
class NoticeRules:
    """When the owner is notified.

    ``digest``: the minimum time between two messages about events that can wait.
    """

    quiet_hours: QuietHours | None = None
    digest: timedelta = timedelta(minutes=10)
    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class _Notice:
    """One event to report. ``text`` is CommonMark. ``contact_id``: the contact it quotes."""

    kind: Kind
    key: str
    contact_id: UUID | None
    text: str


def code_of(request_id: UUID) -> str:
    """Return the short code for a request in the owner's commands."""
    return request_id.hex[:CODE_CHARACTERS]


async def tell_owners(db: ScopedDatabase, rules: NoticeRules) -> int:
    """Notify every owner who has a chat; return the number of messages."""
    async with db.begin(WorkScope()) as tx:
        owners = await tx.fetch("SELECT owner_id FROM gate.owners_to_tell()")
    told, failed = 0, None
    for row in owners:
        try:
            told += await tell_owner(db, OwnerId(row["owner_id"]), rules)
        except Exception as error:
            log.warning("an owner could not be notified", error=type(error).__name__)
            failed = error
    if failed is not None:  # only now: the others were told
        raise failed
    return told


async def tell_owner(
    db: ScopedDatabase, owner_id: OwnerId, rules: NoticeRules, *, now: datetime | None = None
) -> int:
    """Notify one owner of everything not reported yet; return the number of messages.

    Raises:
        Unavailable: the database can't be reached.
    """
    local = (now or datetime.now(UTC)).astimezone(rules.zone)
    async with db.begin(OwnerScope(owner_id)) as tx:
        since = await tx.value("SELECT gate.begin_telling_owner()")
        if since is None:
            return 0
        told = await _pass_on_what_was_said(tx)
        if rules.quiet_hours is not None and rules.quiet_hours.contain(local):
            return told
        for notice in await _urgent(tx):
            told += await _tell(tx, [notice], notice.text)
        if await _may_tell_news(tx, rules.digest):
            news = await _news(tx, since)
            if news:
                told += await _tell(tx, news, _digest(news))
    return told


async def _tell(
    tx: Transaction, notices: Sequence[_Notice], text: str, session_id: UUID | None = None
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
        "SELECT gate.tell_owner(%(told)s, %(text)s, %(session)s)",
        {"told": Jsonb(told), "text": without_links(text), "session": session_id},
    )
    return 0 if sent is None else 1


def _digest(news: Sequence[_Notice]) -> str:
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
              JOIN discreet.contacts c ON c.id = s.speaks_to AND c.taken_over_at IS NOT NULL
              JOIN discreet.messages m
                ON m.owner_id = s.owner_id AND m.contact_id = c.id AND m.direction = 'in'
                   AND m.state <> 'context' AND m.created_at > c.taken_over_at
                   AND m.created_at > clock_timestamp() - interval '7 days'
             WHERE s.speaks_to IS NOT NULL
               AND {_NOT_TOLD.format(row="s", kind="said", key="s.id || '/' || m.id")}
             ORDER BY m.created_at, m.position LIMIT 20"""
    )
    told = 0
    for row in found:
        key = f"{row['session_id']}/{row['id']}"
        text = f"{literal(row['speaker'])} says: {literal(row['text'], 3_000)}"
        notice = _Notice("said", key, row["contact_id"], text)
        told += await _tell(tx, [notice], text, row["session_id"])
    return told


async def _urgent(tx: Transaction) -> list[_Notice]:
    return [
        *await _people_wanted(tx),
        *await _drafts(tx),
        *await _calls(tx),
        *await _strangers(tx),
    ]


async def _people_wanted(tx: Transaction) -> list[_Notice]:
    found = await tx.fetch(
        f"""SELECT r.id, r.reason, r.is_awaited, r.ends_at, s.contact_id, s.shared, a.name AS agent,
                   {CONTACT_LABEL.format(row="s")} AS label
              FROM discreet.person_requests r
              JOIN discreet.sessions s ON s.id = r.session_id
              JOIN discreet.agents a ON a.id = s.agent_id
             WHERE r.answered_at IS NULL AND r.created_at > clock_timestamp() - interval '1 day'
               AND {_NOT_TOLD.format(row="r", kind="person", key="r.id::text")}
             ORDER BY r.created_at LIMIT {MAX_AT_ONCE}"""
    )
    return [
        _Notice(
            "person",
            str(row["id"]),
            row["contact_id"],
            f"{literal(whose(row['label'], shared=row['shared']))} asks {literal(row['agent'])} for"
            f" a person: {literal(row['reason'], FIRST_WORDS)}\n"
            + (
                f"{literal(row['agent'])} is silent there until you answer, or until"
                f" {row['ends_at']:%H:%M} UTC."
                if row["is_awaited"]
                else f"{literal(row['agent'])} keeps answering."
            )
            + (f"\n\n/takeover_{code_of(row['contact_id'])}" if row["contact_id"] else ""),
        )
        for row in found
    ]


async def _drafts(tx: Transaction) -> list[_Notice]:
    found = await tx.fetch(
        f"""SELECT h.id, h.text, s.contact_id, s.shared, a.name AS agent,
                   {CONTACT_LABEL.format(row="s")} AS label,
                   coalesce((SELECT string_agg(m.text, ' ' ORDER BY m.position)
                               FROM discreet.messages m
                              WHERE m.turn_id = h.turn_id AND m.direction = 'in'), '') AS asked
              FROM discreet.held_answers h
              JOIN discreet.sessions s ON s.id = h.session_id
              JOIN discreet.agents a ON a.id = s.agent_id
             WHERE h.state = 'waiting'
               AND {_NOT_TOLD.format(row="h", kind="draft", key="h.id::text")}
             ORDER BY h.created_at LIMIT {MAX_AT_ONCE}"""
    )
    return [
        _Notice(
            "draft",
            str(row["id"]),
            row["contact_id"],
            f"{literal(whose(row['label'], shared=row['shared']))} wrote:"
            f" {literal(row['asked'], FIRST_WORDS)}\n"
            f"{literal(row['agent'])} would answer: {literal(row['text'], 2_500)}\n\n"
            f"/approve_{code_of(row['id'])} or /reject_{code_of(row['id'])}, or"
            f" /edit_{code_of(row['id'])} and the text to send instead",
        )
        for row in found
    ]


async def _calls(tx: Transaction) -> list[_Notice]:
    """Return calls of tools that need the owner's yes."""
    found = await tx.fetch(
        f"""SELECT c.id, c.called, c.arguments, s.contact_id, s.shared, a.name AS agent,
                   {CONTACT_LABEL.format(row="s")} AS label
              FROM discreet.tool_calls c
              JOIN discreet.sessions s ON s.id = c.session_id
              JOIN discreet.agents a ON a.id = s.agent_id
             WHERE c.decider = 'owner' AND c.state = 'waiting' AND c.expires_at > clock_timestamp()
               AND {_NOT_TOLD.format(row="c", kind="call", key="c.id::text")}
             ORDER BY c.created_at LIMIT {MAX_AT_ONCE}"""
    )
    return [
        _Notice(
            "call",
            str(row["id"]),
            row["contact_id"],
            "\n".join(
                [
                    f"{literal(row['agent'])} needs your yes for"
                    f" {literal(whose(row['label'], shared=row['shared']))}. It would use"
                    f" {literal(row['called'])}" + (" with:" if row["arguments"] else "."),
                    *call_lines(row["arguments"]),
                    "",
                    f"/approve_{code_of(row['id'])} or /deny_{code_of(row['id'])}, within a day",
                ]
            ),
        )
        for row in found
    ]


async def _strangers(tx: Transaction) -> list[_Notice]:
    found = await tx.fetch(
        f"""SELECT p.id, p.contact_id, a.name AS agent, ch.platform, c.name,
                   c.type = 'group' AS of_group, {CONTACT_LABEL.format(row="p")} AS label,
                   coalesce((SELECT d.platform || ':' || d.platform_id FROM discreet.addresses d
                              WHERE d.contact_id = c.id ORDER BY d.created_at LIMIT 1), '')
                     AS address,
                   coalesce((SELECT k.arrived->>'body' FROM discreet.held_messages k
                              WHERE k.pairing_id = p.id ORDER BY k.created_at LIMIT 1), '') AS said
              FROM discreet.pairings p
              JOIN discreet.agents a ON a.id = p.agent_id
              JOIN discreet.channels ch ON ch.id = p.channel_id
              JOIN discreet.contacts c ON c.id = p.contact_id
             WHERE p.state = 'pending'
               AND {_NOT_TOLD.format(row="p", kind="stranger", key="p.id::text")}
             ORDER BY p.created_at LIMIT {MAX_AT_ONCE}"""
    )
    return [
        _Notice(
            "stranger",
            str(row["id"]),
            row["contact_id"],
            f"{'The group' if row['of_group'] else 'A stranger,'} {literal(row['name'])}"
            f" ({literal(row['address'])}){'' if row['of_group'] else ','} asks to talk to"
            f" {literal(row['agent'])} on"
            f" {row['platform']}: {literal(row['said'], FIRST_WORDS)}\n\n"
            f"/approve_{code_of(row['id'])} or /deny_{code_of(row['id'])}",
        )
        for row in found
    ]


async def _news(tx: Transaction, since: datetime) -> list[_Notice]:
    window: dict[str, Any] = {"since": since, "look_back": LOOK_BACK}
    return [
        *await _failures(tx, window),
        *await _limits(tx, window),
        *await _budgets(tx),
        *await _undelivered(tx, window),
        *await _channels(tx),
    ]


async def _failures(tx: Transaction, window: dict[str, Any]) -> list[_Notice]:
    """Return turns whose sender was told that they can't be answered."""
    found = await tx.fetch(
        f"""SELECT t.id, t.contact_id, t.shared, t.state, t.error, a.name AS agent,
                   {CONTACT_LABEL.format(row="t")} AS label
              FROM discreet.turns t JOIN discreet.agents a ON a.id = t.agent_id
             WHERE t.state IN ('failed', 'given_up') AND (t.contact_id IS NOT NULL OR t.shared)
               AND t.started_at > greatest(%(since)s, clock_timestamp() - %(look_back)s)
               AND EXISTS (SELECT FROM discreet.messages m
                            WHERE m.turn_id = t.id AND m.direction = 'out')
               AND {_NOT_TOLD.format(row="t", kind="failure", key="t.id::text")}
             ORDER BY t.started_at LIMIT 100""",
        window,
    )
    return [
        _Notice(
            "failure",
            str(row["id"]),
            row["contact_id"],
            f"{literal(row['agent'])} could not answer"
            f" {literal(whose(row['label'], shared=row['shared']))}"
            f"{' and has given up' if row['state'] == 'given_up' else ' and goes on trying'}:"
            f" {literal(text_of_code(row['error'] or ''), FIRST_WORDS)}",
        )
        for row in found
    ]


async def _limits(tx: Transaction, window: dict[str, Any]) -> list[_Notice]:
    found = await tx.fetch(
        f"""SELECT {_LIMIT_KEY} AS key, h.contact_id, h.kind, a.name AS agent,
                   {CONTACT_LABEL.format(row="h")} AS label
              FROM discreet.limit_hits h JOIN discreet.agents a ON a.id = h.agent_id
             WHERE h.since > greatest(%(since)s, clock_timestamp() - %(look_back)s)
               AND h.kind <> 'budget'
               AND {_NOT_TOLD.format(row="h", kind="limit", key=_LIMIT_KEY)}
             ORDER BY h.since LIMIT 100""",
        window,
    )
    return [
        _Notice(
            "limit",
            row["key"],
            row["contact_id"],
            f"{literal(row['label'])} has reached a limit with {literal(row['agent'])}:"
            f" {str(row['kind']).replace('_', ' ')}",
        )
        for row in found
    ]


async def _budgets(tx: Transaction) -> list[_Notice]:
    """Return budgets of which four fifths or all are used; once a day each."""
    near = await near_budgets(tx)
    if not near:
        return []
    today = await tx.value("SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date::text")
    notices = [
        _Notice(
            "limit",
            f"budget/{one.agent}/{one.kind}/{'all' if one.share >= 1 else 'most'}/{today}",
            None,
            f"Everyone together has used {one.share:.0%} of today's budget of"
            f" {literal(one.agent)} ({one.kind.replace('_', ' ')})."
            + (" Contacts get no answer until midnight UTC." if one.share >= 1 else ""),
        )
        for one in near
    ]
    told = await tx.fetch(
        "SELECT key FROM discreet.owner_notices WHERE kind = 'limit' AND key = ANY (%(keys)s)",
        {"keys": [notice.key for notice in notices]},
    )
    known = {row["key"] for row in told}
    return [notice for notice in notices if notice.key not in known]


async def _undelivered(tx: Transaction, window: dict[str, Any]) -> list[_Notice]:
    """Return answers that can't be delivered, except notices to the owner."""
    found = await tx.fetch(
        f"""SELECT o.message_id, o.contact_id, o.shared, coalesce(o.error, '') AS error,
                   a.name AS agent, {CONTACT_LABEL.format(row="o")} AS label
              FROM discreet.outbox o JOIN discreet.agents a ON a.id = o.agent_id
             WHERE o.state = 'failed' AND (o.contact_id IS NOT NULL OR o.shared)
               AND o.created_at > greatest(%(since)s, clock_timestamp() - %(look_back)s)
               AND {_NOT_TOLD.format(row="o", kind="undelivered", key="o.message_id::text")}
             ORDER BY o.created_at LIMIT 100""",
        window,
    )
    return [
        _Notice(
            "undelivered",
            str(row["message_id"]),
            row["contact_id"],
            f"An answer of {literal(row['agent'])} to"
            f" {literal(whose(row['label'], shared=row['shared']))} was not delivered:"
            f" {literal(row['error'], FIRST_WORDS)}",
        )
        for row in found
    ]


async def _channels(tx: Transaction) -> list[_Notice]:
    found = await tx.fetch(
        f"""SELECT {_CHANNEL_KEY} AS key, c.platform, c.name, c.last_error
              FROM discreet.channels c
             WHERE c.closed_at IS NULL AND c.last_error <> ''
               AND {_NOT_TOLD.format(row="c", kind="channel", key=_CHANNEL_KEY)}
             ORDER BY c.created_at LIMIT 100"""
    )
    return [
        _Notice(
            "channel",
            row["key"],
            None,
            f"The channel {literal(row['name'] or row['platform'])} can't receive:"
            f" {literal(row['last_error'], FIRST_WORDS)}",
        )
        for row in found
    ]
