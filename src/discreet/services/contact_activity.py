"""Counts of contacts' activity and settings, for the address book."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from discreet.contacts import Contact, Entry
from discreet.schemas import contacts as schemas
from discreet.scope import Transaction

# Only for the contacts shown, with one pass over each table: there is no index on the contact
# alone.
_ACTIVITY = """
    SELECT c.id, coalesce(s.sessions, 0) AS sessions, coalesce(s.messages, 0) AS messages,
           s.last_message_at, coalesce(m.memories, 0) AS memories,
           coalesce(s.waiting, 0) AS waiting, held.taken_over_at,
           EXISTS (SELECT FROM discreet.limit_hits h WHERE h.contact_id = c.id
                     AND h.until > clock_timestamp()) AS limited
      FROM unnest(%(ids)s::uuid[]) AS c (id)
      JOIN discreet.contacts held ON held.id = c.id
      LEFT JOIN (SELECT s.contact_id, count(*) AS sessions, sum(said.messages) AS messages,
                        sum(said.waiting) AS waiting,
                        max(s.last_message_at) AS last_message_at
                   FROM discreet.sessions s
                  CROSS JOIN LATERAL (SELECT count(*) AS messages, count(*) FILTER
                     (WHERE msg.direction = 'in' AND msg.state IN ('waiting', 'taken')) AS waiting
                                       FROM discreet.messages msg
                                       WHERE msg.session_id = s.id) said
                  WHERE s.agent_id = ANY(ARRAY(SELECT a.id FROM discreet.agents a))
                    AND s.party = ANY(%(ids)s) AND s.contact_id = ANY(%(ids)s)
                  GROUP BY s.contact_id) s
             ON s.contact_id = c.id
      LEFT JOIN (SELECT m.contact_id, count(*) AS memories FROM discreet.memories m
                  WHERE m.agent_id = ANY(ARRAY(SELECT a.id FROM discreet.agents a))
                    AND m.contact_id = ANY(%(ids)s) GROUP BY m.contact_id) m
             ON m.contact_id = c.id
"""


@dataclass(frozen=True, slots=True)
class ContactActivity:
    """A contact's entry and activity. Times are UTC-aware."""

    entry: Entry
    sessions: int
    messages: int
    memories: int
    last_message_at: datetime | None
    waiting: int
    taken_over_at: datetime | None
    limited: bool

    @property
    def contact(self) -> Contact:
        return self.entry.contact

    @property
    def states(self) -> tuple[str, ...]:
        """Notable states of the contact, for a glance; empty if there are none."""
        found = {
            "blocked": self.entry.blocked_at is not None,
            "stopped": self.entry.stopped_at is not None,
            "on hold": self.entry.on_hold_at is not None,
            "taken over": self.taken_over_at is not None,
            "limited": self.limited,
            f"{self.waiting} waiting": self.waiting > 0,
        }
        return tuple(state for state, holds in found.items() if holds)

    @property
    def shown(self) -> schemas.Contact:
        """The contact as every entry point shows it."""
        return schemas.Contact(
            id=self.contact.id,
            type=self.contact.type,
            name=self.contact.name,
            aliases=list(self.entry.aliases),
            addresses=list(self.contact.addresses),
            note=self.entry.note,
            blocked_at=self.entry.blocked_at,
            on_hold_at=self.entry.on_hold_at,
            created_at=self.contact.created_at,
            sessions=self.sessions,
            messages=self.messages,
            memories=self.memories,
            last_message_at=self.last_message_at,
            taken_over_at=self.taken_over_at,
            limited=self.limited,
            waiting=self.waiting,
            stopped_at=self.entry.stopped_at,
            labels=list(self.entry.labels),
        )


async def activity_of(tx: Transaction, entries: list[Entry]) -> list[ContactActivity]:
    """Count the activity of each contact."""
    ids = [entry.contact.id for entry in entries]
    counts = {row["id"]: row for row in await tx.fetch(_ACTIVITY, {"ids": ids})}
    return [
        ContactActivity(
            entry=entry,
            sessions=counts[entry.contact.id]["sessions"],
            messages=int(counts[entry.contact.id]["messages"]),
            memories=counts[entry.contact.id]["memories"],
            last_message_at=counts[entry.contact.id]["last_message_at"],
            waiting=int(counts[entry.contact.id]["waiting"]),
            taken_over_at=counts[entry.contact.id]["taken_over_at"],
            limited=counts[entry.contact.id]["limited"],
        )
        for entry in entries
    ]
