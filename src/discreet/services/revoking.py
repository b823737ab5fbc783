"""Revoke the tokens of deleted accounts at their servers (RFC 7009), on a best-effort basis.

The account is deleted here first, whatever the server answers. The server then has a few seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from discreet.domain.concurrency import end, start
from discreet.domain.errors import DiscreetError
from discreet.domain.ids import AgentId, ContactId, OwnerId
from discreet.scope import WorkScope
from discreet.scope.scopes import SessionScope
from discreet.services import kept_tokens
from discreet.services.connections import MINE
from discreet.services.kept_tokens import revoke_kept, unseal_kept
from discreet.services.tool_access import ToolAccess, load_server
from discreet.tools.oauth import Kept
from discreet.tools.servers import McpServer

__all__ = ["revoke_expired", "revoking"]

log = structlog.get_logger(__name__)

AT_ONCE = 20
"""Accounts that are revoked at the same time."""
MAX_EXPIRED = 200
"""Sign-ins without their code that one call of ``revoke_expired`` revokes."""


@dataclass(frozen=True, slots=True)
class _Held:
    """An account, as it was before the deletion."""

    id: UUID
    server: McpServer
    kept: Kept


@asynccontextmanager
async def revoking(
    access: ToolAccess | None,
    scope: SessionScope,
    *,
    contact: ContactId | None = None,
    server: UUID | None = None,
    agent: AgentId | None = None,
) -> AsyncIterator[None]:
    """Revoke the accounts that the block deletes, after it ends. Failures are only logged.

    The candidates are those of ``contact``, at ``server`` or of ``agent`` (in the owner's scope),
    or else those of the scope itself. With ``access`` None nothing is revoked.
    """
    if access is None:
        yield
        return
    held = await _held_by(access, scope, contact, server, agent)
    yield
    if held:
        async with access.db.begin(scope) as tx:
            rows = await tx.fetch(
                "SELECT c.id FROM discreet.connections c WHERE c.id = ANY (%(ids)s)",
                {"ids": [one.id for one in held]},
            )
        left = {row["id"] for row in rows}
        await _revoke([one for one in held if one.id not in left])


async def revoke_expired(access: ToolAccess) -> None:
    """Delete and revoke sign-ins whose code was not sent in the chat, or not in time."""
    async with access.db.begin(WorkScope()) as tx:
        rows = await tx.fetch("SELECT * FROM gate.take_expired_sign_ins(%s)", (MAX_EXPIRED,))
    await _revoke(await _opened(access, rows))


async def _held_by(
    access: ToolAccess,
    scope: SessionScope,
    contact: ContactId | None,
    server: UUID | None,
    agent: AgentId | None,
) -> list[_Held]:
    given = {"contact_id": contact, "server_id": server, "agent_id": agent}
    named = [f"c.{column} = %({column})s" for column, value in given.items() if value is not None]
    async with access.db.begin(scope) as tx:
        rows = await tx.fetch(
            "SELECT c.id, c.owner_id, c.server_id, c.sealed FROM discreet.connections c"
            f" WHERE c.state IN ('signed_in', 'connected') AND {' AND '.join(named) or MINE}",
            given,
        )
    return await _opened(access, rows)


async def _opened(access: ToolAccess, rows: Iterable[Mapping[str, Any]]) -> list[_Held]:
    """Decrypt accounts. Those of other credentials are left out: their tokens can't be read."""
    servers: dict[UUID, McpServer] = {}
    held = []
    for row in rows:
        server_id = row["server_id"]
        try:
            if server_id not in servers:
                owner_id = OwnerId(row["owner_id"])
                servers[server_id] = await load_server(access, owner_id, server_id)
            server = servers[server_id]
            kept = unseal_kept(access, server, row["id"], bytes(row["sealed"]))
        except DiscreetError:
            continue
        held.append(_Held(row["id"], server, kept))
    return held


async def _revoke(held: list[_Held]) -> None:
    """Revoke accounts, as many as their servers manage in the time for one."""
    free = asyncio.Semaphore(AT_ONCE)
    asked = 0

    async def one(account: _Held) -> None:
        nonlocal asked
        async with free:
            await revoke_kept(account.server, account.kept)
            asked += 1

    asking = [start(one(account), "revoking an account") for account in held]
    await end(*asking, grace=kept_tokens.REVOKE_SECONDS)
    if asked < len(held):
        log.warning("there was no time to revoke some accounts", accounts=len(held) - asked)
