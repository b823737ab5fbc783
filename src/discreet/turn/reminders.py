"""Fire a reminder that is due, in its scope; and what people read of reminders."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from discreet.domain.audience import Released
from discreet.domain.errors import ScopeError
from discreet.domain.recurrence import described, next_due
from discreet.queue.job_scope import scope_of_reminder
from discreet.schemas.reminders import Reminder
from discreet.scope import ScopedDatabase, Transaction
from discreet.services.reminders import cancel_own, list_own, short_id
from discreet.turn.offline.patterns import sentence_language
from discreet.turn.offline.reminder_phrases import LATE, MARK
from discreet.turn.reading import Reading

log = structlog.get_logger(__name__)

LATE_AFTER = timedelta(minutes=2)
"""From then on a reminder says that it is late."""


async def fire_reminder(db: ScopedDatabase, reminder_id: UUID) -> str:
    """Send a reminder that is due, or start its turn, once; return what happened.

    In one transaction it is said and gets its next time, or ends. Of the times that an outage
    swallowed only one is made up for.
    """
    scope = await scope_of_reminder(db, reminder_id)
    if scope is None:
        return "past"
    async with db.begin(scope) as tx:
        row = await tx.fetch_one(
            "SELECT r.text, r.rule, r.starts_at, r.zone, r.due_at, clock_timestamp() AS now"
            " FROM discreet.reminders r WHERE r.id = %(id)s",
            {"id": reminder_id},
        )
        if row is None:
            return "past"
        zone, now = ZoneInfo(row["zone"]), row["now"]
        try:
            line = Reading.of(scope).answer(_line(row["text"], row["due_at"], now, zone))
        except ScopeError:  # a decoy's secret, which is in the log: it is never said
            await cancel_own(tx, str(reminder_id))
            return "stopped"
        following = next_due(row["rule"], row["starts_at"], zone, max(now, row["due_at"]))
        outcome = await _fire(
            tx, reminder_id, row["due_at"], line, following if row["rule"] else None
        )
    log.info("a reminder was due", outcome=outcome, reminder_id=str(reminder_id))
    return outcome


async def _fire(
    tx: Transaction, reminder_id: UUID, seen: datetime, line: Released, following: datetime | None
) -> str:
    outcome: str = await tx.value(
        "SELECT gate.fire_reminder(%(id)s, %(seen)s, %(next)s, %(line)s)",
        {"id": reminder_id, "seen": seen, "next": following, "line": line.text},
    )
    return outcome


def _line(text: str, due_at: datetime, now: datetime, zone: ZoneInfo) -> str:
    line = f"{MARK} {text}"
    if now - due_at < LATE_AFTER:
        return line
    late = LATE[sentence_language(text, "en")]
    return f"{line}\n\n{late.format(f'{due_at.astimezone(zone):%Y-%m-%d %H:%M}')}"


async def answer_reminders(tx: Transaction, rest: str) -> str:
    """List the reminders of this scope, or cancel one.

    Raises:
        NotFound, BadInput: as for ``cancel_own``.
    """
    word, _, which = rest.partition(" ")
    if word.lower() == "cancel":
        return f"Cancelled: {(await cancel_own(tx, which)).text}"
    return _listed(await list_own(tx))


def _listed(reminders: list[Reminder]) -> str:
    """Return reminders as lines for the person they belong to."""
    if not reminders:
        return "There are no reminders here. Say “remind me tomorrow at 9 to call the dentist”."
    lines = [f"- {_when(one)}: {one.text} ({short_id(one.id)})" for one in reminders]
    return "\n".join([*lines, f"To cancel one: /reminders cancel {short_id(reminders[0].id)}"])


def _when(reminder: Reminder) -> str:
    moment = reminder.due_at.astimezone(ZoneInfo(reminder.zone))
    recurs = f", {described(reminder.rule)}" if reminder.rule else ""
    return f"{moment:%a %Y-%m-%d %H:%M} ({reminder.zone}{recurs})"


async def zone_of_scope(tx: Transaction, default: str) -> str:
    """Return the time zone of the contact of this scope, or the installation's."""
    found = await tx.value(
        "SELECT c.time_zone FROM discreet.contacts c WHERE c.id = %(contact)s",
        {"contact": getattr(tx.scope, "contact_id", None)},
    )
    return found or default
