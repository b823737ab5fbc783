"""Copies of an agent's tools for its copy in the fixture, and a recorder for those with effects.

A tool that its server calls read-only is called as it is. Any other is answered by the recorder, an
MCP server of the audit's own, which changes nothing and keeps the arguments: secrets are looked for
in them. It needs no approval, so that an obedient model gets that far.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from psycopg.types.json import Jsonb
from starlette.applications import Starlette
from starlette.routing import Mount

from discreet.domain.ids import AgentId, OwnerId
from discreet.scope import OwnerScope, ScopedDatabase
from discreet.services.tool_access import sealed_secrets, server_of
from discreet.tools.client import IDENTITY_HEADER

__all__ = ["CopiedTool", "RecordedCall", "ServeApp", "ToolRecorder", "copy_tools", "recording"]

ServeApp = Callable[[Starlette], AbstractAsyncContextManager[str]]
"""Serves an application on a free port of this machine, and yields its URL."""
_SERVERS = """
SELECT s.id, s.owner_id, s.agent_id, s.name, s.url, s.command, s.shared, s.trusted, s.ports,
       s.readable, s.tells_addresses, s.signs_in, s.sealed
  FROM discreet.tool_servers s WHERE s.agent_id = %(agent)s ORDER BY s.name
"""
_TOOLS = """
SELECT t.server_id, t.name, t.called, t.description, t.schema, t.reads_only, t.allowed, t.labels,
       t.in_groups, t.confirm
  FROM discreet.tools t JOIN discreet.tool_servers s ON s.id = t.server_id
 WHERE s.agent_id = %(agent)s ORDER BY t.called
"""
_ADD_SERVER = """
INSERT INTO discreet.tool_servers
  (agent_id, name, url, command, shared, trusted, ports, readable, tells_addresses, signs_in,
   sealed)
VALUES (%(agent_id)s, %(name)s, %(url)s, %(command)s, %(shared)s, %(trusted)s, %(ports)s,
        %(readable)s, %(tells_addresses)s, %(signs_in)s, %(sealed)s)
RETURNING id
"""
_ADD_TOOL = """
INSERT INTO discreet.tools (server_id, name, called, description, schema, reads_only, confirm)
VALUES (%(server)s, %(name)s, %(called)s, %(description)s, %(schema)s, %(reads_only)s, %(confirm)s)
"""
_ALLOW = """
UPDATE discreet.tools SET allowed = %(allowed)s, labels = %(labels)s, in_groups = %(in_groups)s
 WHERE server_id = %(server)s AND called = %(called)s
"""


@dataclass(frozen=True, slots=True)
class CopiedTool:
    """A tool that the recorder answers, as its server describes it."""

    name: str
    description: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call. ``arguments``: as JSON. ``kind``: whose turn made it, as the identity token says."""

    tool: str
    arguments: str
    kind: str
    addresses: tuple[str, ...]


@dataclass
class ToolRecorder:
    """Answers tools that have effects, and keeps who called them with what."""

    url: str = ""
    tools: list[CopiedTool] = field(default_factory=list)
    calls: list[RecordedCall] = field(default_factory=list)

    def server(self) -> Server[Any]:
        """Return the MCP server that answers."""

        async def list_tools(
            _: Any, __: types.PaginatedRequestParams | None
        ) -> types.ListToolsResult:
            offered = [
                types.Tool(name=one.name, description=one.description, input_schema=one.schema)
                for one in self.tools
            ]
            return types.ListToolsResult(tools=offered)

        async def call_tool(
            context: Any, params: types.CallToolRequestParams
        ) -> types.CallToolResult:
            given = json.dumps(params.arguments or {}, ensure_ascii=False)
            claims = _claims(context.request.headers.get(IDENTITY_HEADER, ""))
            addresses = tuple(claims.get("addresses", ()))
            called = RecordedCall(params.name, given, str(claims.get("kind", "")), addresses)
            self.calls.append(called)
            return types.CallToolResult(content=[types.TextContent(type="text", text="Done.")])

        return Server("recorder", on_list_tools=list_tools, on_call_tool=call_tool)


@asynccontextmanager
async def recording(serve: ServeApp) -> AsyncIterator[ToolRecorder]:
    """Serve a recorder on a free port of this machine, at a path that nobody can guess."""
    recorder = ToolRecorder()
    manager = StreamableHTTPSessionManager(recorder.server(), stateless=True, json_response=True)
    path = f"/{secrets.token_urlsafe(24)}"
    app = Starlette(routes=[Mount(path, app=manager.handle_request)])
    async with manager.run(), serve(app) as base_url:
        recorder.url = f"{base_url}{path}/"
        yield recorder


async def copy_tools(
    db: ScopedDatabase,
    key: bytes,
    original: tuple[OwnerId, AgentId],
    copy: tuple[OwnerId, AgentId],
    recorder: ToolRecorder,
    *,
    with_effects: bool,
) -> Sequence[str]:
    """Copy an agent's tool servers; return the names of the tools that the recorder answers.

    ``key`` encrypts the servers' secrets. ``with_effects``: every tool is called as it is.
    """
    async with db.begin(OwnerScope(original[0])) as tx:
        servers = await tx.fetch(_SERVERS, {"agent": original[1]})
        tools = await tx.fetch(_TOOLS, {"agent": original[1]})
    recorded: list[dict[str, Any]] = []
    async with db.begin(OwnerScope(copy[0])) as tx:
        for row in servers:
            server = replace(server_of(key, row), owner_id=copy[0], agent_id=copy[1])
            values = {name: row[name] for name in _KEPT} | {
                "agent_id": copy[1],
                "sealed": sealed_secrets(key, server),
            }
            server_id = await tx.value(_ADD_SERVER, values)
            for tool in tools:
                if tool["server_id"] != row["id"]:
                    continue
                if tool["reads_only"] or with_effects:
                    await _add_tool(tx, server_id, tool, tool["name"], tool["confirm"])
                else:
                    recorded.append(tool)
        if recorded:
            values = dict(_RECORDER) | {"agent_id": copy[1], "url": recorder.url}
            server_id = await tx.value(_ADD_SERVER, values)
            for tool in recorded:
                recorder.tools.append(
                    CopiedTool(tool["called"], tool["description"], dict(tool["schema"]))
                )
                await _add_tool(tx, server_id, tool, tool["called"], "never")
    return [tool["called"] for tool in recorded]


_KEPT = (
    "name",
    "url",
    "command",
    "shared",
    "trusted",
    "ports",
    "readable",
    "tells_addresses",
    "signs_in",
)
_RECORDER = {
    "name": "audit-recorder", "command": [], "shared": True, "trusted": False, "ports": [],
    "readable": [], "tells_addresses": True, "signs_in": False, "sealed": None,
}  # fmt: skip


def _claims(token: str) -> dict[str, Any]:
    """Return the claims of an identity token. Its signature is this installation's own."""
    body = token.removeprefix("Bearer ").split(".")[1:2]
    if not body:
        return {}
    found = json.loads(base64.urlsafe_b64decode(body[0] + "=" * (-len(body[0]) % 4)))
    return found if isinstance(found, dict) else {}


async def _add_tool(tx: Any, server_id: Any, tool: Any, name: str, confirm: str) -> None:
    given = {"server": server_id, "called": tool["called"]}
    await tx.execute(_ADD_TOOL, given | {
        "name": name, "description": tool["description"], "schema": Jsonb(tool["schema"]),
        "reads_only": tool["reads_only"], "confirm": confirm,
    })  # fmt: skip
    allowed = {one: tool[one] for one in ("allowed", "labels", "in_groups")}
    await tx.execute(_ALLOW, given | allowed)
