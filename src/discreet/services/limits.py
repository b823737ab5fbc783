"""Limits on what contacts may use, and who exceeded them."""

from __future__ import annotations

from datetime import timedelta

from discreet.contacts.labels import CONTACT_LABEL
from discreet.domain.errors import BadInput
from discreet.domain.ids import ContactId, OwnerId
from discreet.schemas.limits import ContactLimits, LimitHit
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.services.contacts import find_contact

__all__ = ["ContactLimits", "get_limits", "recent_limit_hits", "reset_limits", "set_limits"]

LOOK_BACK = timedelta(days=1)
_MAX_SHOWN = 20


async def get_limits(db: ScopedDatabase, owner_id: OwnerId, who: str | None) -> ContactLimits:
    """Return a contact's limits; None: the limits of everyone without their own.

    Raises:
        NotFound, BadInput: as for ``find_contact``.
    """
    contact_id = await _contact_id(db, owner_id, who)
    async with db.begin(OwnerScope(owner_id)) as tx:
        return await _limits(tx, contact_id)


async def set_limits(
    db: ScopedDatabase, owner_id: OwnerId, who: str | None, limits: ContactLimits
) -> ContactLimits:
    """Set the limits that are given, from the next message on, and return those in force.

    Raises:
        NotFound, BadInput: as for ``find_contact``; or a number isn't positive.
    """
    numbers = (limits.messages_a_minute, limits.waiting, limits.tokens_a_day)
    if any(number is not None and number < 1 for number in numbers):
        raise BadInput("A limit must be at least 1.", hint="To allow nothing: sb contacts block")
    if limits.money_a_day is not None and not (
        limits.money_a_day.is_finite() and limits.money_a_day > 0
    ):
        raise BadInput(
            "A limit in money must be more than 0.", hint="To allow nothing: sb contacts block"
        )
    contact_id = await _contact_id(db, owner_id, who)
    async with db.begin(OwnerScope(owner_id)) as tx:
        await tx.execute(
            """INSERT INTO discreet.limits AS l
                 (contact_id, messages_a_minute, waiting, tokens_a_day, money_a_day)
               VALUES (%(contact)s, %(messages_a_minute)s, %(waiting)s, %(tokens_a_day)s,
                       %(money_a_day)s)
               ON CONFLICT (owner_id, contact_id) DO UPDATE SET
                 messages_a_minute = coalesce(excluded.messages_a_minute, l.messages_a_minute),
                 waiting = coalesce(excluded.waiting, l.waiting),
                 tokens_a_day = coalesce(excluded.tokens_a_day, l.tokens_a_day),
                 money_a_day = coalesce(excluded.money_a_day, l.money_a_day)""",
            {"contact": contact_id, **limits.model_dump()},
        )
        await _end_silence(tx, contact_id)
        return await _limits(tx, contact_id)


async def reset_limits(db: ScopedDatabase, owner_id: OwnerId, who: str | None) -> ContactLimits:
    """Reset the limits of a contact, or of everyone, and return those in force.

    Raises:
        NotFound, BadInput: as for ``find_contact``.
    """
    contact_id = await _contact_id(db, owner_id, who)
    async with db.begin(OwnerScope(owner_id)) as tx:
        await tx.execute(
            "DELETE FROM discreet.limits WHERE contact_id IS NOT DISTINCT FROM %(contact)s",
            {"contact": contact_id},
        )
        await _end_silence(tx, contact_id)
        return await _limits(tx, contact_id)


async def recent_limit_hits(tx: Transaction) -> tuple[LimitHit, ...]:
    """Return the contacts that reached a limit of their own within a day, newest first."""
    found = await tx.fetch(
        f"""SELECT a.name AS agent, {CONTACT_LABEL.format(row="h")} AS whose,
                   h.kind, h.refused, h.since, h.until
              FROM discreet.limit_hits h JOIN discreet.agents a ON a.id = h.agent_id
             WHERE h.since > clock_timestamp() - %(look_back)s AND h.kind <> 'budget'
             ORDER BY h.since DESC LIMIT %(limit)s""",
        {"look_back": LOOK_BACK, "limit": _MAX_SHOWN},
    )
    return tuple(LimitHit(**row) for row in found)


async def _contact_id(db: ScopedDatabase, owner_id: OwnerId, who: str | None) -> ContactId | None:
    return None if who is None else (await find_contact(db, owner_id, who)).contact.id


async def _limits(tx: Transaction, contact_id: ContactId | None) -> ContactLimits:
    row = await tx.fetch_one("SELECT * FROM gate.show_limits(%(contact)s)", {"contact": contact_id})
    return ContactLimits(**row) if row else ContactLimits()


async def _end_silence(tx: Transaction, contact_id: ContactId | None) -> None:
    await tx.execute(
        "DELETE FROM discreet.limit_hits"
        " WHERE %(contact)s::uuid IS NULL OR contact_id = %(contact)s",
        {"contact": contact_id},
    )
