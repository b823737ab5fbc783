"""Wake sessions with waiting messages, and explain why nobody answers a message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from discreet.domain.ids import AgentId, ContactId, MessageId, OwnerId
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


@dataclass(frozen=True, slots=True)
class Silence:
    """Why nobody answers a message now."""

    state: Literal["paused", "blocked", "taken_over", "person_awaited", "held", "rejected"]
    agent: str
    contact_id: ContactId | None

    @property
    def shown(self) -> Literal["paused", "taken_over", "waiting", "stopped"] | None:
        """The state as the sender sees it; None: it looks like a slow model.

        A sender isn't told that an answer is read before it is sent, nor that they are blocked.
        """
        match self.state:
            case "paused":
                return "paused"
            case "taken_over" | "person_awaited":
                return "taken_over"
            case "held":
                return "waiting"
            case "rejected":
                return "stopped"
            case "blocked":
                return None

    def __str__(self) -> str:
        """Describe it and say what to do, in one line for the owner."""
        match self.state:
            case "paused":
                return (
                    f"{self.agent} is paused; it will answer after: sb agents resume {self.agent!r}"
                )
            case "blocked":
                return (
                    "You have blocked this contact; it gets an answer after: sb contacts unblock"
                    f" {self.contact_id}"
                )
            case "taken_over":
                return (
                    "You have taken this contact over and answer in person: sb takeover"
                    f" {self.contact_id}"
                )
            case "person_awaited":
                return (
                    "This contact asked for a person, and the agent waits for you: sb takeover"
                    f" {self.contact_id}"
                )
            case "held":
                return "The answer waits for your approval: sb drafts list"
            case "rejected":
                return "You rejected the answer, so none was sent."


async def silence_of(
    db: ScopedDatabase, owner_id: OwnerId, message_id: MessageId
) -> Silence | None:
    """Return why nobody answers a message now; None: nothing is wrong."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        row = await tx.fetch_one(
            """SELECT a.name AS agent, c.id AS contact_id,
                      CASE WHEN c.blocked_at IS NOT NULL THEN 'blocked'
                           WHEN m.command IS NOT NULL THEN NULL
                           WHEN a.paused_at IS NOT NULL THEN 'paused'
                           WHEN c.taken_over_at IS NOT NULL THEN 'taken_over'
                           WHEN EXISTS (SELECT FROM discreet.person_requests r
                                         JOIN discreet.sessions o ON o.id = r.session_id
                                        WHERE (o.agent_id, o.contact_id) = (s.agent_id, c.id)
                                          AND r.turn_id IS DISTINCT FROM m.turn_id
                                          AND r.is_awaited AND r.answered_at IS NULL
                                          AND r.ends_at > clock_timestamp()) THEN 'person_awaited'
                           ELSE (SELECT CASE h.state WHEN 'waiting' THEN 'held'
                                                     WHEN 'rejected' THEN 'rejected' END
                                   FROM discreet.held_answers h WHERE h.turn_id = m.turn_id)
                      END AS state
                 FROM discreet.messages m
                 JOIN discreet.sessions s ON s.id = m.session_id
                 JOIN discreet.agents a ON a.id = s.agent_id
                 LEFT JOIN discreet.contacts c ON c.id = s.contact_id
                WHERE m.id = %(message)s""",
            {"message": message_id},
        )
    return None if row is None or row["state"] is None else Silence(**row)
