"""What was withheld from the agent is looked at again."""

from __future__ import annotations

from discreet.domain.ids import AgentId, ContactId
from discreet.scope import Rows


async def wake_waiting(
    rows: Rows, *, agent_id: AgentId | None = None, contact_id: ContactId | None = None
) -> None:
    """Wakes every session of an agent, or of a contact, in which messages wait."""
    await rows.execute(
        """SELECT gate.wake_session(s.id, NULL) FROM discreet.sessions s
            WHERE (%(agent)s::uuid IS NULL OR s.agent_id = %(agent)s)
              AND (%(contact)s::uuid IS NULL OR s.contact_id = %(contact)s)
              AND EXISTS (SELECT FROM discreet.messages m
                           WHERE m.session_id = s.id AND m.state IN ('waiting', 'taken'))
            ORDER BY s.id""",
        {"agent": agent_id, "contact": contact_id},
    )
