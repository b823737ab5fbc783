"""Create the example agent of a new installation."""

from __future__ import annotations

from discreet.domain.errors import Conflict
from discreet.domain.ids import OwnerId
from discreet.schemas.agents import AgentChange
from discreet.scope import OwnerScope, ScopedDatabase
from discreet.services.agents import create_agent

EXAMPLE_AGENT = "Ada"
EXAMPLE = AgentChange(
    role="assistant",
    instructions=(
        "You are friendly and brief. Remember what people tell you about themselves, and use it"
        " when they ask. If you don't know something, say so."
    ),
)


async def make_example_agent(db: ScopedDatabase, owner_id: OwnerId) -> str | None:
    """Create an example agent if the owner has none, and return its name.

    Only one is created, however many processes start.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        if await tx.value("SELECT EXISTS (SELECT 1 FROM discreet.agents)"):
            return None
    try:
        await create_agent(db, owner_id, EXAMPLE_AGENT, EXAMPLE)
    except Conflict:
        return None  # another process created it at the same time
    return EXAMPLE_AGENT
