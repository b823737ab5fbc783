"""Events, read in a scope, since the last one that the reader has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from discreet.domain.ids import AgentId
from discreet.schemas.events import Event, EventMessage
from discreet.scope import Transaction

__all__ = ["EventMark", "event_of", "events_after", "latest_mark", "mark_of_event"]

MAX_READ = 100

# Those of a transaction that still runs could come before others that are there already. But a
# transaction of another database counts too, and may take hours; ours take less than this.
_SETTLED = (
    "(e.tx < pg_snapshot_xmin(pg_current_snapshot())"
    " OR e.created_at < statement_timestamp() - interval '10 seconds')"
)
# An agent's program sees what its contacts see and what is about them; never the owner's own.
_OF_AGENT = (
    "(%(agent)s::uuid IS NULL"
    " OR (e.agent_id = %(agent)s AND (e.contact_id IS NOT NULL OR e.shared)))"
)


@dataclass(frozen=True, slots=True)
class EventMark:
    """A place in the order of events."""

    tx: str
    created_at: datetime
    id: UUID


async def latest_mark(tx: Transaction, agent_id: AgentId | None = None) -> EventMark | None:
    """Return the place of the newest event in this scope; None: there is no event."""
    row = await tx.fetch_one(
        f"SELECT e.tx::text AS tx, e.created_at, e.id FROM discreet.events e"
        f" WHERE {_SETTLED} AND {_OF_AGENT}"
        " ORDER BY e.tx DESC, e.created_at DESC, e.id DESC LIMIT 1",
        {"agent": agent_id},
    )
    return None if row is None else EventMark(**row)


async def mark_of_event(
    tx: Transaction, event_id: UUID, agent_id: AgentId | None = None
) -> EventMark | None:
    """Return the place of an event; None: this scope has none of this id, or no longer."""
    row = await tx.fetch_one(
        f"SELECT e.tx::text AS tx, e.created_at, e.id FROM discreet.events e"
        f" WHERE e.id = %(id)s AND {_OF_AGENT}",
        {"id": event_id, "agent": agent_id},
    )
    return None if row is None else EventMark(**row)


async def events_after(
    tx: Transaction,
    mark: EventMark | None,
    kinds: Sequence[str] = (),
    agent_id: AgentId | None = None,
    *,
    only_agent: UUID | None = None,
    limit: int = MAX_READ,
) -> list[tuple[EventMark, Event]]:
    """Return the next events of these kinds, or of all, with their places.

    ``agent_id``: read as this agent's program; ``only_agent``: leave out all others' events.
    """
    after = (
        "true"
        if mark is None
        else ("(e.tx, e.created_at, e.id) > (%(tx)s::xid8, %(created_at)s, %(id)s)")
    )
    found = await tx.fetch(
        f"""SELECT e.tx::text AS tx, e.id, e.kind, e.created_at, e.agent_id, e.contact_id,
                   e.session_id, e.message_id, e.data, m.direction, m.text, m.sender_name,
                   m.sender_address
              FROM discreet.events e
              LEFT JOIN discreet.messages m
                ON m.id = e.message_id AND e.kind IN ('message.received', 'message.sent')
             WHERE {after} AND {_SETTLED} AND {_OF_AGENT}
               AND (%(only)s::uuid IS NULL OR e.agent_id = %(only)s)
               AND (%(kinds)s::text[] = '{{}}' OR e.kind = ANY (%(kinds)s))
             ORDER BY e.tx, e.created_at, e.id LIMIT %(limit)s""",
        {
            "tx": None if mark is None else mark.tx,
            "created_at": None if mark is None else mark.created_at,
            "id": None if mark is None else mark.id,
            "agent": agent_id,
            "only": only_agent,
            "kinds": list(kinds),
            "limit": limit,
        },
    )
    return [(EventMark(row["tx"], row["created_at"], row["id"]), event_of(row)) for row in found]


def event_of(row: Mapping[str, Any]) -> Event:
    """Return a row as an event."""
    message = None
    if row["direction"] is not None:
        message = EventMessage(
            direction=row["direction"],
            text=row["text"],
            sender_name=row["sender_name"] or "",
            sender_address=row["sender_address"] or "",
        )
    fields = set(Event.model_fields) - {"message"}
    return Event(**{name: row[name] for name in fields}, message=message)
