"""Revoke the tokens of deleted accounts at their servers (RFC 7009), on a best-effort basis.

The account is deleted here first, whatever the server answers. The server then has a few seconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import structlog

from discreet.domain.concurrency import end, start
from discreet.domain.errors import DiscreetError
from discreet.domain.ids import ContactId
from discreet.scope.scopes import SessionScope
from discreet.services.connections import MINE, check_for, unseal_kept
from discreet.services.tool_access import ToolAccess, load_server
from discreet.tools.oauth import revoke
from discreet.tools.servers import McpServer

__all__ = ["revoking"]

log = structlog.get_logger(__name__)

REVOKE_SECONDS = 5.0
"""Seconds for all accounts deleted together."""
MAX_REVOKED = 100


@dataclass(frozen=True, slots=True)
class _Held:
    """A connected account, as it was before the deletion."""

    id: UUID
    server: McpServer
    sealed: bytes


@asynccontextmanager
async def revoking(
    access: ToolAccess | None,
    scope: SessionScope,
    *,
    contact: ContactId | None = None,
    server: UUID | None = None,
) -> AsyncIterator[None]:
    """Revoke the accounts that the block deletes, after it ends. Failures are only logged.

    The candidates are those of ``contact`` or at ``server`` (in the owner's scope), or else those
    of the scope itself. With ``access`` None nothing is revoked.
    """
    if access is None:
        yield
        return
    held = await _held(access, scope, contact, server)
    yield
    if not held:
        return
    asking = start(_revoke_gone(access, scope, held), "revoking accounts")
    await end(asking, grace=REVOKE_SECONDS)


async def _held(
    access: ToolAccess, scope: SessionScope, contact: ContactId | None, server: UUID | None
) -> list[_Held]:
    which = "c.contact_id = %(contact)s" if contact is not None else MINE
    which = "c.server_id = %(server)s" if server is not None else which
    async with access.db.begin(scope) as tx:
        rows = await tx.fetch(
            "SELECT c.id, c.server_id, c.sealed FROM discreet.connections c"
            f" WHERE c.state IN ('signed_in', 'connected') AND {which} LIMIT %(most)s",
            {"contact": contact, "server": server, "most": MAX_REVOKED},
        )
    held = []
    for row in rows:
        try:
            known = await load_server(access, scope.owner_id, row["server_id"])
        except DiscreetError:
            continue  # its secrets are of other credentials, as the account's are
        held.append(_Held(row["id"], known, bytes(row["sealed"])))
    return held


async def _revoke_gone(access: ToolAccess, scope: SessionScope, held: list[_Held]) -> None:
    async with access.db.begin(scope) as tx:
        rows = await tx.fetch(
            "SELECT c.id FROM discreet.connections c WHERE c.id = ANY (%(ids)s)",
            {"ids": [one.id for one in held]},
        )
    left = {row["id"] for row in rows}
    gone = [one for one in held if one.id not in left]
    asking = [start(_revoke(access, one), "revoking an account") for one in gone]
    await end(*asking, grace=REVOKE_SECONDS)


async def _revoke(access: ToolAccess, held: _Held) -> None:
    try:
        kept = unseal_kept(access, held.server, held.id, held.sealed)
        await revoke(held.server.url or "", kept, await check_for(held.server))
    except DiscreetError as error:
        log.warning("an account could not be revoked at its server", error=type(error).__name__)
