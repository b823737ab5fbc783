"""Servers whose tools an agent may use: add, list, test and remove them; say who may use them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from discreet.domain.errors import BadInput, Conflict, DiscreetError, NotFound, Unavailable
from discreet.domain.ids import AgentId, OwnerId
from discreet.schemas.tools import (
    CommandToAdd,
    ServerTool,
    SigningKeys,
    ToolChange,
    ToolChangesToApprove,
    ToolRights,
    ToolServer,
    ToolServerList,
    ToolServerToAdd,
)
from discreet.scope import OwnerScope, Transaction
from discreet.services.connections import Account, account_of
from discreet.services.kept_tokens import check_for
from discreet.services.revoking import revoking
from discreet.services.tool_access import (
    SERVERS,
    ToolAccess,
    changed_tools,
    note_offered,
    sealed_secrets,
    server_of,
    server_row,
)
from discreet.services.tool_server_checks import checked_server
from discreet.tools import sandbox
from discreet.tools.client import Lost, NoReplyInTime, ServerSession
from discreet.tools.oauth import look
from discreet.tools.servers import McpServer, ToolDescription

__all__ = [
    "add_tool_server",
    "allow_tools",
    "approve_tools",
    "get_tool_server",
    "list_tool_servers",
    "remove_tool_server",
    "signing_keys",
    "test_tool_server",
]

_TOOLS = """
SELECT t.name, t.called, t.description, t.schema, t.reads_only, t.allowed, t.labels, t.in_groups,
       t.confirm
  FROM discreet.tools t WHERE t.server_id = %(id)s ORDER BY t.name
"""
_INSERT_SERVER = """
INSERT INTO discreet.tool_servers
  (agent_id, name, url, command, shared, trusted, ports, readable, tells_addresses, signs_in,
   sealed)
VALUES (%(agent_id)s, %(name)s, %(url)s, %(command)s, %(shared)s, %(trusted)s, %(ports)s,
        %(readable)s, %(tells_addresses)s, %(signs_in)s, %(sealed)s)
RETURNING id
"""
_INSERT_TOOL = """
INSERT INTO discreet.tools AS tools
  (server_id, name, called, description, schema, reads_only, confirm)
VALUES (%(server)s, %(name)s, %(called)s, %(description)s, %(schema)s, %(reads_only)s,
        CASE WHEN %(reads_only)s THEN 'never' ELSE 'contact' END)
ON CONFLICT (server_id, name, owner_id) DO UPDATE SET called = excluded.called,
  description = excluded.description, schema = excluded.schema, reads_only = excluded.reads_only,
  confirm = CASE WHEN tools.reads_only AND NOT excluded.reads_only THEN 'contact'
                 ELSE tools.confirm END,
  approved_at = clock_timestamp()
"""
_ALLOW = """
UPDATE discreet.tools t
   SET allowed = coalesce(%(allowed)s, t.allowed),
       labels = CASE WHEN %(allowed)s::text IS NULL THEN t.labels ELSE %(labels)s END,
       in_groups = coalesce(%(in_groups)s, t.in_groups),
       confirm = coalesce(%(confirm)s, t.confirm)
 WHERE t.server_id = %(id)s AND (%(all)s OR t.name = ANY (%(tools)s) OR t.called = ANY (%(tools)s))
RETURNING t.name, t.called
"""


async def add_tool_server(
    access: ToolAccess, owner_id: OwnerId, agent_id: AgentId, given: ToolServerToAdd | CommandToAdd
) -> ToolServer:
    """Add a server and keep the descriptions of its tools. Nobody may use them yet.

    Raises:
        BadInput: its URL, program or files can't be used, or no sandbox works here.
        Conflict: the agent has a server of this name.
        Unavailable: it doesn't answer as an MCP server does.
    """
    server = checked_server(owner_id, agent_id, given)
    async with access.db.begin(OwnerScope(owner_id)) as tx:
        if await tx.value(
            "SELECT true FROM discreet.tool_servers WHERE agent_id = %(agent)s AND name = %(name)s",
            {"agent": agent_id, "name": given.name},
        ):
            raise _name_is_taken(given.name)
    offered = await _tools_to_begin_with(access, server)
    sealed = sealed_secrets(access.key, server)
    row = {
        "agent_id": agent_id,
        "name": server.name,
        "url": server.url,
        "command": list(server.command),
        "shared": server.shared,
        "trusted": server.trusted,
        "ports": list(server.ports),
        "readable": list(server.readable),
        "tells_addresses": server.tells_addresses,
        "signs_in": server.signs_in,
        "sealed": sealed,
    }
    try:
        async with access.db.begin(OwnerScope(owner_id)) as tx:
            server_id = await tx.value(_INSERT_SERVER, row)
            await _store_tools(tx, server_id, offered)
            return await _get(access, tx, server_id)
    except UniqueViolation:
        raise _name_is_taken(given.name) from None


async def list_tool_servers(
    access: ToolAccess, owner_id: OwnerId, agent_id: AgentId | None = None
) -> ToolServerList:
    """Return the servers of an agent, or of all."""
    async with access.db.begin(OwnerScope(owner_id)) as tx:
        rows = await tx.fetch(
            SERVERS + " WHERE %(agent)s::uuid IS NULL OR s.agent_id = %(agent)s"
            " ORDER BY a.name, s.name",
            {"agent": agent_id},
        )
        return ToolServerList(items=[await _shown(access, tx, row) for row in rows])


async def get_tool_server(
    access: ToolAccess, owner_id: OwnerId, agent_id: AgentId, name: str
) -> ToolServer:
    """Return a server of an agent.

    Raises:
        NotFound: the agent has none of this name.
    """
    async with access.db.begin(OwnerScope(owner_id)) as tx:
        return await _shown(access, tx, await server_row(tx, agent_id, name))


async def test_tool_server(
    access: ToolAccess, owner_id: OwnerId, agent_id: AgentId, name: str
) -> ToolServer:
    """Ask a server for its tools. What differs from what was approved is held back.

    Raises:
        NotFound: the agent has none of this name.
        BadInput, Unavailable: as for ``add_tool_server``.
    """
    async with access.db.begin(OwnerScope(owner_id)) as tx:
        row = await server_row(tx, agent_id, name)
    server = server_of(access.key, row)
    try:
        account = await account_of(access, OwnerScope(owner_id, agent_id), server)
        offered = await _ask_for_tools(access, server, account)
    except DiscreetError as error:
        async with access.db.begin(OwnerScope(owner_id)) as tx:
            await tx.execute(
                "UPDATE discreet.tool_servers SET last_error = %(error)s WHERE id = %(id)s",
                {"id": server.id, "error": error.message[:500]},
            )
        raise
    await note_offered(access, server, offered)
    return await get_tool_server(access, owner_id, agent_id, name)


async def remove_tool_server(
    access: ToolAccess, owner_id: OwnerId, agent_id: AgentId, name: str
) -> ToolServer:
    """Remove a server. Its sessions end within seconds, and its secrets and accounts are deleted.

    Raises:
        NotFound: the agent has none of this name.
    """
    owner = OwnerScope(owner_id)
    async with access.db.begin(owner) as tx:
        server_id = (await server_row(tx, agent_id, name))["id"]
    async with (
        revoking(access, owner, server=server_id),
        access.db.begin(owner) as tx,
    ):
        shown = await _shown(access, tx, await server_row(tx, agent_id, name))
        await tx.execute("DELETE FROM discreet.tool_servers WHERE id = %(id)s", {"id": shown.id})
    return shown


async def approve_tools(
    access: ToolAccess,
    owner_id: OwnerId,
    agent_id: AgentId,
    name: str,
    given: ToolChangesToApprove,
) -> ToolServer:
    """Approve exactly the changes that were shown. Nobody may use a new tool yet.

    Raises:
        NotFound: the agent has no such server.
        Conflict: there are no changes, or others by now.
    """
    async with access.db.begin(OwnerScope(owner_id)) as tx:
        row = await server_row(tx, agent_id, name)
        shown = await _shown(access, tx, row)
        if shown.digest is None:
            raise Conflict(f"The server {name} offers what you approved.")
        if shown.digest != given.digest:
            raise Conflict(
                f"The server {name} has changed its tools since.",
                hint="Read it again: sb agents tools show",
            )
        offered = [ToolDescription(**one) for one in row["offered"]]
        await _store_tools(tx, shown.id, offered)
        await tx.execute(
            "UPDATE discreet.tool_servers SET offered = NULL WHERE id = %(id)s", {"id": shown.id}
        )
        return await _get(access, tx, shown.id)


def signing_keys(access: ToolAccess) -> SigningKeys:
    """Return the public keys with which tool servers verify the signed identity."""
    return SigningKeys(**access.identity_key.public_keys())


async def allow_tools(
    access: ToolAccess, owner_id: OwnerId, agent_id: AgentId, name: str, given: ToolRights
) -> ToolServer:
    """Set who may use which tools of a server. It applies from the next call.

    Raises:
        NotFound: the agent has no such server, or the server no such tool.
        BadInput: labels are missing, or given without being asked for.
    """
    if (given.allowed == "labels") != bool(given.labels):
        raise BadInput("Give labels together with the right 'labels', or give neither.")
    async with access.db.begin(OwnerScope(owner_id)) as tx:
        row = await server_row(tx, agent_id, name)
        found = await tx.fetch(
            _ALLOW,
            {
                "id": row["id"],
                "all": not given.tools,
                "tools": given.tools,
                "allowed": given.allowed,
                "labels": sorted(set(given.labels)),
                "in_groups": given.in_groups,
                "confirm": given.confirm,
            },
        )
        known = {text for one in found for text in (one["name"], one["called"])}
        if missing := [tool for tool in given.tools if tool not in known]:
            raise NotFound(
                f"The server {name} has no tool {missing[0]!a}.", hint="See: sb agents tools show"
            )
        return await _get(access, tx, row["id"])


async def _tools_to_begin_with(access: ToolAccess, server: McpServer) -> list[ToolDescription]:
    """Return the tools of a new server; none if it shows them only to somebody who signed in."""
    try:
        return await _ask_for_tools(access, server)
    except Unavailable:
        if not server.signs_in:
            raise
    await look(server.url or "", await check_for(server))
    return []


async def _ask_for_tools(
    access: ToolAccess, server: McpServer, account: Account | None = None
) -> list[ToolDescription]:
    if server.url is None:
        sandbox.check_server(server, access.protected)
        if not server.trusted and not sandbox.can_confine(server):
            raise BadInput(
                "No sandbox works on this machine"
                + (" for a server that uses the network." if server.ports else "."),
                hint="With --trust it runs without one. It can then read everything that you can, "
                "including this installation's credentials, and with them everybody's "
                "conversations.",
            )
    session = ServerSession(server, account)
    try:
        await session.open(access.protected, access.folders)
        return await session.tools()
    except (Lost, NoReplyInTime):
        raise Unavailable(
            f"The server {server.name} did not list its tools.",
            hint="Is it an MCP server, and is it running?",
        ) from None
    finally:
        await session.close()


async def _store_tools(tx: Transaction, server_id: UUID, tools: list[ToolDescription]) -> None:
    await tx.execute(
        "DELETE FROM discreet.tools WHERE server_id = %(id)s AND name <> ALL (%(names)s)",
        {"id": server_id, "names": [tool.name for tool in tools]},
    )
    for tool in tools:
        row = {**tool.as_json(), "server": server_id, "schema": Jsonb(dict(tool.schema))}
        await tx.execute(_INSERT_TOOL, row)


async def _get(access: ToolAccess, tx: Transaction, server_id: UUID) -> ToolServer:
    row = await tx.fetch_one(SERVERS + " WHERE s.id = %(id)s", {"id": server_id})
    if row is None:
        raise NotFound("There is no such server.", hint="See: sb agents tools list")
    return await _shown(access, tx, row)


async def _shown(access: ToolAccess, tx: Transaction, row: Mapping[str, Any]) -> ToolServer:
    tools = await tx.fetch(_TOOLS, {"id": row["id"]})
    try:
        server = server_of(access.key, row)
        secrets = sorted([*server.headers, *server.environment])
    except DiscreetError:
        secrets = ["(not readable here)"]
    changes: list[ToolChange] = []
    if row["offered"] is not None:
        fields = ("name", "called", "description", "schema", "reads_only")
        approved = [ToolDescription(**{name: tool[name] for name in fields}) for tool in tools]
        offered = [ToolDescription(**one) for one in row["offered"]]
        names = {tool.name for tool in approved}
        changes = [
            ToolChange(
                tool=name,
                kind="gone" if now is None else "changed" if name in names else "new",
                description=None if now is None else now.description,
                arguments=None if now is None else dict(now.schema),
            )
            for name, now in sorted(changed_tools(approved, offered).items())
        ]
    return ToolServer(
        **{
            name: row[name]
            for name in ("id", "agent", "name", "url", "command", "shared", "trusted", "ports")
        },
        readable=row["readable"],
        tells_addresses=row["tells_addresses"],
        signs_in=row["signs_in"],
        secrets=secrets,
        tools=[_tool(one) for one in tools],
        changes=changes,
        digest=_digest(row["offered"]) if changes else None,
        last_error=row["last_error"],
        created_at=row["created_at"],
    )


def _tool(row: Mapping[str, Any]) -> ServerTool:
    fields = {name: value for name, value in row.items() if name != "schema"}
    return ServerTool(**fields, arguments=row["schema"])


def _digest(offered: Any) -> str:
    return hashlib.sha256(json.dumps(offered, sort_keys=True).encode()).hexdigest()[:16]


def _name_is_taken(name: str) -> Conflict:
    return Conflict(f"This agent already has a server {name!a}.", hint="Choose another name.")
