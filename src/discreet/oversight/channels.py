"""Channels: the connections to platforms, each of which leads to an agent."""

from __future__ import annotations

from discreet.domain.errors import NotFound
from discreet.domain.ids import ChannelId
from discreet.scope import Rows


async def terminal_of(rows: Rows, agent: str | None) -> ChannelId:
    """The terminal of the agent of this name; None: of the agent that was made first.

    Raises:
        NotFound: the owner has no such agent.
    """
    channel_id = await rows.value(
        "SELECT c.id FROM discreet.channels c JOIN discreet.agents a ON a.id = c.agent_id"
        " WHERE c.platform = 'terminal' AND (%(agent)s::text IS NULL OR a.name = %(agent)s)"
        " ORDER BY a.created_at, a.id LIMIT 1",
        {"agent": agent},
    )
    if channel_id is None:
        raise NotFound(f"There is no agent {agent!a}.", hint="See: sb agents list")
    return ChannelId(channel_id)
