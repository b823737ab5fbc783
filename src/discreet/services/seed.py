"""Create the example agent of a new installation."""

from __future__ import annotations

from discreet.domain.errors import Conflict
from discreet.domain.ids import OwnerId
from discreet.scope import OwnerScope, ScopedDatabase

EXAMPLE_AGENT, ROLE = "Ada", "assistant"
INSTRUCTIONS = (
    "You are friendly and brief. Remember what people tell you about themselves, and use it"
    " when they ask. If you don't know something, say so."
)


async def make_example_agent(db: ScopedDatabase, owner_id: OwnerId) -> str | None:
    """Create an example agent if the owner has none, and return its name.

    Only one is created, however many processes start.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        if await tx.value("SELECT EXISTS (SELECT 1 FROM discreet.agents)"):
            return None
    # Every command asks, and hardly any has an agent to create.
    from discreet.schemas.agents import AgentChange
    from discreet.services.agents import create_agent

    example = AgentChange(role=ROLE, instructions=INSTRUCTIONS)
    try:
        await create_agent(db, owner_id, EXAMPLE_AGENT, example)
    except Conflict:
        return None  # another process created it at the same time
    return EXAMPLE_AGENT
