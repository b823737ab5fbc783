"""Reminders: add one in a turn, list and cancel those of a scope, and, as the owner, everybody's.

One of another scope doesn't exist: the same answer as for an unknown id.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from discreet.contacts.labels import CONTACT_LABEL, party_label
from discreet.contacts.lookup import find_entry
from discreet.domain.audience import Released
from discreet.domain.errors import BadInput, Conflict, LimitReached, NotFound
from discreet.domain.ids import OwnerId, SessionId, TurnId
from discreet.domain.recurrence import HORIZON, checked_rule, next_due
from discreet.domain.text import checked_text
from discreet.schemas.reminders import MAX_REMINDER, Remind, Reminder
from discreet.scope import OwnerScope, ScopedDatabase, Transaction

__all__ = [
    "Reminder",
    "add_reminder",
    "cancel_own",
    "cancel_reminder",
    "list_own",
    "list_reminders",
]

MAX_LISTED = 500
LATE_GRACE = timedelta(minutes=1)
"""A time that passed while somebody asked for it is still taken, as now."""
NO_SUCH_REMINDER = "There is no such reminder."
_COLUMNS = "r.id, r.contact_id, r.text, r.rule, r.zone, r.due_at, r.created_at, a.name AS agent"
_OWN = f"""
    SELECT {_COLUMNS}, '' AS label, r.shared FROM discreet.reminders r
      JOIN discreet.agents a ON a.id = r.agent_id
     WHERE (%(all)s OR r.contact_id IS NULL AND NOT r.shared AND r.agent_id = %(agent)s)
     ORDER BY r.due_at, r.id LIMIT %(limit)s
"""
_ALL = f"""
    SELECT {_COLUMNS}, {CONTACT_LABEL.format(row="r")} AS label, r.shared
      FROM discreet.reminders r JOIN discreet.agents a ON a.id = r.agent_id
     WHERE (%(contact)s::uuid IS NULL OR r.contact_id = %(contact)s)
     ORDER BY r.due_at, r.id LIMIT %(limit)s
"""


async def add_reminder(
    tx: Transaction,
    session_id: SessionId,
    turn_id: TurnId,
    asked: Remind,
    released: Released,
    zone: str,
) -> Reminder:
    """Add a reminder to the route of a turn. ``zone``: the asking person's time zone.

    ``released``: the text of ``asked`` as the turn may say it.

    Raises:
        BadInput: the text, the time or the recurrence can't be used.
        LimitReached: this scope has too many already.
    """
    clock, now = ZoneInfo(zone), datetime.now(UTC)
    text = checked_text(released.text)
    if len(text) > MAX_REMINDER:
        raise BadInput("The reminder is too long.", hint="Leave out the links.")
    starts = asked.at if asked.at.tzinfo is None else asked.at.astimezone(clock)
    starts = starts.replace(tzinfo=None, microsecond=0)
    rule = checked_rule(asked.repeat, starts, clock)
    due = next_due(rule, starts, clock, now - (timedelta(0) if rule else LATE_GRACE))
    if due is None:
        raise BadInput(f"{starts:%Y-%m-%d %H:%M} has passed.", hint="Choose a time in the future.")
    if due > now + HORIZON:
        raise BadInput("That time is too far ahead.", hint="Choose a time within five years.")
    try:
        made = await tx.value(
            "SELECT gate.add_reminder(%(session)s, %(turn)s, %(text)s, %(rule)s, %(starts)s,"
            " %(zone)s, %(due)s)",
            {
                "session": session_id, "turn": turn_id, "text": text, "rule": rule,
                "starts": starts, "zone": zone, "due": due,
            },
        )  # fmt: skip
    except Conflict as error:
        raise LimitReached("There are too many reminders.", hint="Cancel one first.") from error
    return Reminder(
        id=made, agent="", contact_id=None, whose="", text=text, rule=rule, zone=zone,
        due_at=due, created_at=now,
    )  # fmt: skip


async def list_own(tx: Transaction, limit: int = MAX_LISTED) -> list[Reminder]:
    """Return the reminders of this scope; of the owner's, those made in their own conversation."""
    scope = tx.scope
    found = await tx.fetch(
        _OWN,
        {
            "all": not isinstance(scope, OwnerScope),
            "agent": getattr(scope, "agent_id", None),
            "limit": limit,
        },
    )
    return [_reminder(row) for row in found]


async def cancel_own(tx: Transaction, which: str) -> Reminder:
    """Cancel a reminder of this scope by its id, or by how the id begins.

    Raises:
        NotFound: there is none here.
        BadInput: several begin like this.
    """
    return await _cancel(tx, await list_own(tx), which)


async def list_reminders(
    db: ScopedDatabase, owner_id: OwnerId, who: str | None = None
) -> list[Reminder]:
    """Return everybody's reminders, or one contact's, the next one first.

    Raises:
        NotFound, BadInput: as for ``find_contact``.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        contact = None if who is None else (await find_entry(tx, who)).contact.id
        return [
            _reminder(row)
            for row in await tx.fetch(_ALL, {"contact": contact, "limit": MAX_LISTED})
        ]


async def cancel_reminder(db: ScopedDatabase, owner_id: OwnerId, which: str) -> Reminder:
    """Cancel anybody's reminder. The contact isn't told.

    Raises:
        NotFound, BadInput: as for ``cancel_own``.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = [_reminder(r) for r in await tx.fetch(_ALL, {"contact": None, "limit": MAX_LISTED})]
        return await _cancel(tx, found, which)


async def _cancel(tx: Transaction, known: list[Reminder], which: str) -> Reminder:
    wanted = which.strip().casefold()
    if not re.fullmatch(r"[0-9a-f]{6}[0-9a-f-]{0,30}", wanted):
        raise NotFound(NO_SUCH_REMINDER)
    found = [one for one in known if str(one.id).startswith(wanted)]
    if len(found) > 1:
        raise BadInput("Several reminders begin like this.", hint="Use more of the id.")
    if not found or not await tx.value("SELECT gate.cancel_reminder(%s)", (found[0].id,)):
        raise NotFound(NO_SUCH_REMINDER)
    return found[0]


def _reminder(row: dict[str, Any]) -> Reminder:
    values = {key: value for key, value in row.items() if key not in ("label", "shared")}
    return Reminder(whose=party_label(row["label"] or None, shared=row["shared"]), **values)


def short_id(reminder_id: UUID) -> str:
    """Return the beginning of an id, as people type it."""
    return str(reminder_id)[:8]
