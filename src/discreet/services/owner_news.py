"""News for the owner: people who wait, and failures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from discreet.contacts.labels import CONTACT_LABEL, party_label
from discreet.domain.database_codes import text_of_code
from discreet.domain.text import literal
from discreet.scope import Transaction
from discreet.services.tool_calls import call_lines
from discreet.services.usage import near_budgets

Kind = Literal[
    "stranger", "person", "draft", "said", "failure", "limit", "undelivered", "channel", "call"
]
LOOK_BACK = timedelta(days=1)
"""Maximum age of an event that is still reported."""
MAX_AT_ONCE = 5
"""Maximum messages per check; the rest follow at the next one."""
FIRST_WORDS = 200
CODE_CHARACTERS = 6
_LIMIT_KEY = "concat_ws('/', h.agent_id, h.contact_id, h.kind, (h.since AT TIME ZONE 'UTC')::date)"
_CHANNEL_KEY = "concat_ws('/', c.id, (clock_timestamp() AT TIME ZONE 'UTC')::date)"
"""Once a day each."""
NOT_TOLD = """
    NOT EXISTS (SELECT FROM discreet.owner_notices n
                 WHERE n.owner_id = {row}.owner_id AND n.kind = '{kind}' AND n.key = {key})
"""


@dataclass(frozen=True, slots=True)
class OwnerNotice:
    """One event to report. ``text`` is CommonMark. ``contact_id``: the contact it quotes."""

    kind: Kind
    key: str
    contact_id: UUID | None
    text: str


def code_of(request_id: UUID) -> str:
    """Return the short code for a request in the owner's commands."""
    return request_id.hex[:CODE_CHARACTERS]


async def urgent(tx: Transaction) -> list[OwnerNotice]:
    """Return the waiting requests: for a person, an approval, an answer."""
    return [
        *await _people_wanted(tx),
        *await _drafts(tx),
        *await _calls(tx),
        *await _strangers(tx),
    ]


async def _people_wanted(tx: Transaction) -> list[OwnerNotice]:
    found = await tx.fetch(
        f"""SELECT r.id, r.reason, r.is_awaited, r.ends_at, s.contact_id, s.shared, a.name AS agent,
                   {CONTACT_LABEL.format(row="s")} AS label
              FROM discreet.person_requests r
              JOIN discreet.sessions s ON s.id = r.session_id
              JOIN discreet.agents a ON a.id = s.agent_id
             WHERE r.answered_at IS NULL AND r.created_at > statement_timestamp() - interval '1 day'
               AND {NOT_TOLD.format(row="r", kind="person", key="r.id::text")}
             ORDER BY r.created_at LIMIT {MAX_AT_ONCE}"""
    )
    return [
        OwnerNotice(
            "person",
            str(row["id"]),
            row["contact_id"],
            f"{literal(party_label(row['label'], shared=row['shared']))} asks"
            f" {literal(row['agent'])} for a person: {literal(row['reason'], FIRST_WORDS)}\n"
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


async def _drafts(tx: Transaction) -> list[OwnerNotice]:
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
               AND {NOT_TOLD.format(row="h", kind="draft", key="h.id::text")}
             ORDER BY h.created_at LIMIT {MAX_AT_ONCE}"""
    )
    return [
        OwnerNotice(
            "draft",
            str(row["id"]),
            row["contact_id"],
            f"{literal(party_label(row['label'], shared=row['shared']))} wrote:"
            f" {literal(row['asked'], FIRST_WORDS)}\n"
            f"{literal(row['agent'])} would answer: {literal(row['text'], 2_500)}\n\n"
            f"/approve_{code_of(row['id'])} or /reject_{code_of(row['id'])}, or"
            f" /edit_{code_of(row['id'])} and the text to send instead",
        )
        for row in found
    ]


async def _calls(tx: Transaction) -> list[OwnerNotice]:
    """Return tool calls that need the owner's approval."""
    found = await tx.fetch(
        f"""SELECT c.id, c.called, c.arguments, s.contact_id, s.shared, a.name AS agent,
                   {CONTACT_LABEL.format(row="s")} AS label
              FROM discreet.tool_calls c
              JOIN discreet.sessions s ON s.id = c.session_id
              JOIN discreet.agents a ON a.id = s.agent_id
             WHERE c.decider = 'owner' AND c.state = 'waiting' AND c.expires_at > clock_timestamp()
               AND {NOT_TOLD.format(row="c", kind="call", key="c.id::text")}
             ORDER BY c.created_at LIMIT {MAX_AT_ONCE}"""
    )
    return [
        OwnerNotice(
            "call",
            str(row["id"]),
            row["contact_id"],
            "\n".join(
                [
                    f"{literal(row['agent'])} needs your approval for"
                    f" {literal(party_label(row['label'], shared=row['shared']))}. It would use"
                    f" {literal(row['called'])}" + (" with:" if row["arguments"] else "."),
                    *call_lines(row["arguments"]),
                    "",
                    f"/approve_{code_of(row['id'])} or /deny_{code_of(row['id'])}, within a day",
                ]
            ),
        )
        for row in found
    ]


async def _strangers(tx: Transaction) -> list[OwnerNotice]:
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
               AND {NOT_TOLD.format(row="p", kind="stranger", key="p.id::text")}
             ORDER BY p.created_at LIMIT {MAX_AT_ONCE}"""
    )
    return [
        OwnerNotice(
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


async def news_since(tx: Transaction, since: datetime) -> list[OwnerNotice]:
    """Return the failures since then, at most ``LOOK_BACK`` ago."""
    window: dict[str, Any] = {"since": since, "look_back": LOOK_BACK}
    return [
        *await _failures(tx, window),
        *await _limits(tx, window),
        *await _budgets(tx),
        *await _undelivered(tx, window),
        *await _channels(tx),
    ]


async def _failures(tx: Transaction, window: dict[str, Any]) -> list[OwnerNotice]:
    """Return turns whose sender was told that they can't be answered."""
    found = await tx.fetch(
        f"""SELECT t.id, t.contact_id, t.shared, t.state, t.error, a.name AS agent,
                   {CONTACT_LABEL.format(row="t")} AS label
              FROM discreet.turns t JOIN discreet.agents a ON a.id = t.agent_id
             WHERE t.state IN ('failed', 'given_up') AND (t.contact_id IS NOT NULL OR t.shared)
               AND t.started_at > greatest(%(since)s, statement_timestamp() - %(look_back)s)
               AND EXISTS (SELECT FROM discreet.messages m
                            WHERE m.turn_id = t.id AND m.direction = 'out')
               AND {NOT_TOLD.format(row="t", kind="failure", key="t.id::text")}
             ORDER BY t.started_at LIMIT 100""",
        window,
    )
    return [
        OwnerNotice(
            "failure",
            str(row["id"]),
            row["contact_id"],
            f"{literal(row['agent'])} could not answer"
            f" {literal(party_label(row['label'], shared=row['shared']))}"
            f"{' and has given up' if row['state'] == 'given_up' else ' and goes on trying'}:"
            f" {literal(text_of_code(row['error'] or ''), FIRST_WORDS)}",
        )
        for row in found
    ]


async def _limits(tx: Transaction, window: dict[str, Any]) -> list[OwnerNotice]:
    found = await tx.fetch(
        f"""SELECT {_LIMIT_KEY} AS key, h.contact_id, h.kind, a.name AS agent,
                   {CONTACT_LABEL.format(row="h")} AS label
              FROM discreet.limit_hits h JOIN discreet.agents a ON a.id = h.agent_id
             WHERE h.since > greatest(%(since)s, clock_timestamp() - %(look_back)s)
               AND h.kind <> 'budget'
               AND {NOT_TOLD.format(row="h", kind="limit", key=_LIMIT_KEY)}
             ORDER BY h.since LIMIT 100""",
        window,
    )
    return [
        OwnerNotice(
            "limit",
            row["key"],
            row["contact_id"],
            f"{literal(row['label'])} has reached a limit with {literal(row['agent'])}:"
            f" {str(row['kind']).replace('_', ' ')}",
        )
        for row in found
    ]


async def _budgets(tx: Transaction) -> list[OwnerNotice]:
    """Return budgets of which four fifths or all are used; once a day each."""
    near = await near_budgets(tx)
    if not near:
        return []
    today = await tx.value("SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date::text")
    notices = [
        OwnerNotice(
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


async def _undelivered(tx: Transaction, window: dict[str, Any]) -> list[OwnerNotice]:
    """Return answers that can't be delivered, except notices to the owner."""
    found = await tx.fetch(
        f"""SELECT o.message_id, o.contact_id, o.shared, coalesce(o.error, '') AS error,
                   a.name AS agent, {CONTACT_LABEL.format(row="o")} AS label
              FROM discreet.outbox o JOIN discreet.agents a ON a.id = o.agent_id
             WHERE o.state = 'failed' AND (o.contact_id IS NOT NULL OR o.shared)
               AND o.created_at > greatest(%(since)s, statement_timestamp() - %(look_back)s)
               AND {NOT_TOLD.format(row="o", kind="undelivered", key="o.message_id::text")}
             ORDER BY o.created_at LIMIT 100""",
        window,
    )
    return [
        OwnerNotice(
            "undelivered",
            str(row["message_id"]),
            row["contact_id"],
            f"An answer of {literal(row['agent'])} to"
            f" {literal(party_label(row['label'], shared=row['shared']))} was not delivered:"
            f" {literal(row['error'], FIRST_WORDS)}",
        )
        for row in found
    ]


async def _channels(tx: Transaction) -> list[OwnerNotice]:
    found = await tx.fetch(
        f"""SELECT {_CHANNEL_KEY} AS key, c.platform, c.name, c.last_error
              FROM discreet.channels c
             WHERE c.closed_at IS NULL AND c.last_error <> ''
               AND {NOT_TOLD.format(row="c", kind="channel", key=_CHANNEL_KEY)}
             ORDER BY c.created_at LIMIT 100"""
    )
    return [
        OwnerNotice(
            "channel",
            row["key"],
            None,
            f"The channel {literal(row['name'] or row['platform'])} can't receive:"
            f" {literal(row['last_error'], FIRST_WORDS)}",
        )
        for row in found
    ]
