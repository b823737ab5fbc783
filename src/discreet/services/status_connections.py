"""Channels, webhooks and tool servers that need the owner's attention."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from discreet.scope import Transaction
from discreet.services.status_turns import MAX_SHOWN


@dataclass(frozen=True, slots=True)
class DeafChannel:
    """A channel that can't receive, and the reason ``why``."""

    platform: str
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class ToolServerNote:
    """A server of an agent that needs attention, or was given more than usual.

    ``changes``: it offers something that wasn't approved; ``error``: why its last test failed.
    """

    agent: str
    name: str
    shared: bool
    trusted: bool
    changes: bool
    error: str


@dataclass(frozen=True, slots=True)
class FailingWebhook:
    """A webhook that doesn't take events. ``is_disabled``: none is sent there any more."""

    id: UUID
    url: str
    why: str
    is_disabled: bool


async def tool_servers(tx: Transaction) -> tuple[ToolServerNote, ...]:
    """Return tool servers that need attention or were given more than usual."""
    found = await tx.fetch(
        """SELECT a.name AS agent, s.name, s.shared, s.trusted, s.offered IS NOT NULL AS changes,
                  s.last_error AS error
             FROM discreet.tool_servers s JOIN discreet.agents a ON a.id = s.agent_id
            WHERE s.shared OR s.trusted OR s.offered IS NOT NULL OR s.last_error <> ''
            ORDER BY a.name, s.name LIMIT %(limit)s""",
        {"limit": MAX_SHOWN},
    )
    return tuple(ToolServerNote(**row) for row in found)


async def failing_webhooks(tx: Transaction) -> tuple[FailingWebhook, ...]:
    """Return webhooks that haven't taken events for five minutes."""
    found = await tx.fetch(
        "SELECT id, url, coalesce(last_error, '') AS why, disabled_at IS NOT NULL AS is_disabled"
        " FROM discreet.webhooks WHERE failing_since < clock_timestamp() - interval '5 minutes'"
        " ORDER BY failing_since LIMIT %(limit)s",
        {"limit": MAX_SHOWN},
    )
    return tuple(FailingWebhook(**row) for row in found)


async def deaf(tx: Transaction) -> tuple[DeafChannel, ...]:
    """Return channels that can't receive."""
    found = await tx.fetch(
        "SELECT c.platform, c.name, CASE WHEN s.platform IS NOT NULL THEN c.last_error"
        "   ELSE 'its token is missing: sb channels add ' || c.platform END AS why"
        "  FROM discreet.channels c"
        "  LEFT JOIN discreet.channel_secrets s USING (owner_id, platform, account)"
        " WHERE c.closed_at IS NULL AND c.parent_id IS NULL AND c.platform <> 'terminal'"
        "   AND (c.last_error <> '' OR s.platform IS NULL)"
        " ORDER BY c.created_at, c.id LIMIT %(limit)s",
        {"limit": MAX_SHOWN},
    )
    return tuple(DeafChannel(**row) for row in found)
