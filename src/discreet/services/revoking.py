"""Take accounts back at their servers when they are deleted here (RFC 7009), as well as possible.

What is deleted here is gone, whatever the server says. It is asked afterwards, for a few seconds.
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
"""Seconds for all accounts that are deleted at once."""
MAX_REVOKED = 100


@dataclass(frozen=True, slots=True)
class _Held:
    """An account that is connected, before something is deleted."""

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
    """Take back the accounts that the block deletes, once it is over. Nothing of that is raised.

    Which it can be: those of ``contact`` or at ``server``, for their owner; else those of the
    scope. ``access`` None: none are taken back.
    """
    if access is None:
        yield
        return
    held = await _held(access, scope, contact, server)
    yield
    if not held:
        return
    asking = start(_revoke_gone(access, scope, held), "taking accounts back")
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
    asking = [start(_revoke(access, one), "taking an account back") for one in gone]
    await end(*asking, grace=REVOKE_SECONDS)


async def _revoke(access: ToolAccess, held: _Held) -> None:
    try:
        kept = unseal_kept(access, held.server, held.id, held.sealed)
        await revoke(held.server.url or "", kept, await check_for(held.server))
    except DiscreetError as error:
        log.warning("an account was not taken back at its server", error=type(error).__name__)
