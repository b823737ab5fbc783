"""Wake sessions with waiting messages, and explain why nobody answers."""

from __future__ import annotations

from discreet.domain.ids import AgentId, ContactId, OwnerId, SessionId
from discreet.scope import OwnerScope, ScopedDatabase, Transaction


async def wake_waiting(
    tx: Transaction, *, agent_id: AgentId | None = None, contact_id: ContactId | None = None
) -> None:
    """Wake every session of an agent or a contact that has waiting messages."""
    await tx.execute(
        """SELECT gate.wake_session(s.id, NULL) FROM discreet.sessions s
            WHERE (%(agent)s::uuid IS NULL OR s.agent_id = %(agent)s)
              AND (%(contact)s::uuid IS NULL OR s.contact_id = %(contact)s)
              AND EXISTS (SELECT FROM discreet.messages m
                           WHERE m.session_id = s.id AND m.state IN ('waiting', 'taken'))
            ORDER BY s.id""",
        {"agent": agent_id, "contact": contact_id},
    )


async def why_silent(db: ScopedDatabase, owner_id: OwnerId, session_id: SessionId) -> str | None:
    """Return, in one line, why nobody answers in a session now and what to do; None: no problem."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        row = await tx.fetch_one(
            """SELECT a.name, a.paused_at, c.id AS contact_id, c.blocked_at, c.taken_over_at,
                      EXISTS (SELECT FROM discreet.held_answers h
                               WHERE h.session_id = s.id AND h.state = 'waiting') AS is_held,
                      EXISTS (SELECT FROM discreet.person_requests r
                               JOIN discreet.sessions o ON o.id = r.session_id
                              WHERE o.contact_id = c.id AND r.is_awaited
                                AND r.answered_at IS NULL AND r.ends_at > clock_timestamp())
                        AS asks
                 FROM discreet.sessions s JOIN discreet.agents a ON a.id = s.agent_id
                 LEFT JOIN discreet.contacts c ON c.id = s.contact_id
                WHERE s.id = %(session)s""",
            {"session": session_id},
        )
    if row is None:
        return None
    if row["paused_at"] is not None:
        return f"{row['name']} is paused; it will answer after: sb agents resume {row['name']!r}"
    if row["blocked_at"] is not None:
        return (
            "You have blocked this contact; it gets an answer after: sb contacts unblock"
            f" {row['contact_id']}"
        )
    if row["taken_over_at"] is not None:
        return (
            "You have taken this contact over and answer in person: sb takeover"
            f" {row['contact_id']}"
        )
    if row["asks"]:
        return (
            "This contact asked for a person, and the agent waits for you: sb takeover"
            f" {row['contact_id']}"
        )
    if row["is_held"]:
        return "The answer waits for your approval: sb drafts list"
    return None
