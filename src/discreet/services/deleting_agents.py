"""Delete an agent: what becomes of its contacts is part of the request."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from discreet.auth.channel_secrets import drop_secret
from discreet.domain.errors import BadInput
from discreet.domain.ids import AgentId, OwnerId
from discreet.postgres.backup_list import backups_made
from discreet.schemas import links
from discreet.schemas.agents import AgentDeleted, AgentToDelete
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.services.lost_races import retry_lost_races
from discreet.services.revoking import revoking
from discreet.services.tool_access import ToolAccess
from discreet.settings import line_history

__all__ = ["delete_agent"]


class _NotMeant(Exception):
    """Rolls back a preview."""


async def delete_agent(
    db: ScopedDatabase,
    owner_id: OwnerId,
    agent_id: AgentId,
    request: AgentToDelete,
    home: Path,
    tools: ToolAccess | None = None,
) -> AgentDeleted:
    """Delete an agent with its conversations, memories, channels, tokens and reference texts.

    ``keep``: its contacts stay in the address book. ``move``: another agent gets its conversations,
    memories and channels. ``erase``: contacts that no other agent knows are erased. A preview does
    the same, counts, and rolls back. ``tools``: used to revoke the accounts that were connected at
    its tool servers.

    Raises:
        NotFound: the owner has no such agent.
        BadInput: another agent is needed to move to, or given without that.
        Conflict: it is the only agent, has branches, or an answer is being sent; or the agents
            differ in their memory model.
    """
    if (request.contacts == "move") != (request.to_agent_id is not None):
        raise BadInput(
            "Moving its contacts needs another agent, and nothing else does.",
            hint="See: sb agents delete --help",
        )
    taker = None if request.to_agent_id is None else AgentId(request.to_agent_id)

    async def work() -> Mapping[str, Any]:
        async with db.begin(OwnerScope(owner_id)) as tx:
            return await _delete(tx, agent_id, taker, erase=request.contacts == "erase")

    if request.preview:
        with suppress(_NotMeant):
            async with db.begin(OwnerScope(owner_id)) as tx:
                row = await _delete(tx, agent_id, taker, erase=request.contacts == "erase")
                raise _NotMeant
        return AgentDeleted(receipt=None, counts=_counted(row), backups=[])
    async with revoking(tools, OwnerScope(owner_id), agent=agent_id):
        row = await retry_lost_races(work)
    line_history(home).unlink(missing_ok=True)
    backups = [links.Backup(file=str(one.file), made_at=one.made_at) for one in backups_made(home)]
    return AgentDeleted(receipt=row["id"], counts=_counted(row), backups=backups)


async def _delete(
    tx: Transaction, agent_id: AgentId, taker: AgentId | None, *, erase: bool
) -> Mapping[str, Any]:
    """Return the receipt. Nothing new begins for these agents until the transaction ends."""
    values = {"agent": agent_id, "taker": taker, "erase": erase}
    await tx.fetch(
        "SELECT id FROM discreet.agents WHERE id IN (%(agent)s, %(taker)s::uuid) ORDER BY id"
        " FOR UPDATE",
        values,
    )
    texts = await tx.fetch(
        "DELETE FROM discreet.passages WHERE agent_id = %(agent)s RETURNING id", values
    )
    rules = await tx.fetch(
        "DELETE FROM discreet.retention WHERE agent_id = %(agent)s RETURNING kind", values
    )
    if taker is None:
        for row in await tx.fetch(
            "SELECT platform, account FROM discreet.channels WHERE agent_id = %(agent)s"
            " AND closed_at IS NULL AND parent_id IS NULL AND platform <> 'terminal'",
            values,
        ):
            await drop_secret(tx, row["platform"], row["account"])
    receipt = await tx.value("SELECT gate.delete_agent(%(agent)s, %(taker)s, %(erase)s)", values)
    found = await tx.fetch_one(
        "SELECT id, counts FROM discreet.erasures WHERE id = %(id)s", {"id": receipt}
    )
    assert found is not None  # noqa: S101 - written in this transaction
    return {
        "id": found["id"],
        "counts": {**found["counts"], "passages": len(texts), "retention": len(rules)},
    }


def _counted(row: Mapping[str, Any]) -> dict[str, int]:
    return {kind: many for kind, many in sorted(row["counts"].items()) if many}
