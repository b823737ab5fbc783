"""The input of calls to tool servers: the servers with their secrets, and the current rights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from discreet.domain.errors import NotFound, SecretMissing
from discreet.domain.ids import AgentId, OwnerId
from discreet.postgres.sealing import NotSealedSo, seal, unseal
from discreet.scope import ContactScope, OwnerScope, ScopedDatabase, Transaction
from discreet.scope.scopes import SessionScope
from discreet.tools.identity import AskedBy, IdentityKey, PartyOfCall
from discreet.tools.sandbox import Protected
from discreet.tools.servers import ClientId, McpServer, ToolDescription
from discreet.tools.sessions import Key

__all__ = ["AllowedTool", "ToolAccess", "allowed_tools", "changed_tools", "load_server"]

_SERVER = """
SELECT s.id, s.owner_id, s.agent_id, s.name, s.url, s.command, s.shared, s.trusted, s.ports,
       s.readable, s.tells_addresses, s.signs_in, s.sealed
  FROM discreet.tool_servers s WHERE s.id = %(id)s
"""
_GOING_ON = """
SELECT s.id AS server_id, c.id AS contact_id
  FROM discreet.tool_servers s
  JOIN discreet.agents a ON a.id = s.agent_id AND a.paused_at IS NULL
  LEFT JOIN discreet.contacts c ON c.id = ANY (%(contacts)s)
   AND c.blocked_at IS NULL AND c.merged_into IS NULL
 WHERE s.id = ANY (%(servers)s)
"""
_ASKED_BY = """
SELECT a.id AS agent_id, a.name AS agent, c.type,
       ARRAY(SELECT l.label FROM discreet.contact_labels l WHERE l.contact_id = c.id
              ORDER BY l.label) AS labels,
       ARRAY(SELECT d.platform || ':' || d.platform_id FROM discreet.addresses d
              WHERE d.contact_id = c.id ORDER BY 1) AS addresses
  FROM discreet.agents a LEFT JOIN discreet.contacts c ON c.id = %(contact)s
 WHERE a.id = %(agent)s
"""

SERVERS = """
SELECT s.id, s.owner_id, s.agent_id, a.name AS agent, s.name, s.url, s.command, s.shared, s.trusted,
       s.ports, s.readable, s.tells_addresses, s.signs_in, s.sealed, s.offered, s.last_error,
       s.created_at
  FROM discreet.tool_servers s JOIN discreet.agents a ON a.id = s.agent_id
"""


@dataclass(frozen=True, slots=True)
class ToolAccess:
    """The parts needed to reach tool servers. ``key`` encrypts their secrets.

    ``folders``: where the processes of servers get their own folders. ``public_url``: where
    browsers reach this installation to connect accounts; None: nowhere.
    """

    db: ScopedDatabase
    owner_id: OwnerId
    key: bytes = field(repr=False)
    protected: Protected
    folders: Path
    public_url: str | None = None

    @property
    def identity_key(self) -> IdentityKey:
        """What signs the identity of who is asking."""
        return IdentityKey(self.key)

    async def still_allowed(self, keys: set[Key]) -> set[Key]:
        """Return the sessions that may go on: their server exists and their contact is welcome."""
        going_on: set[Key] = set()
        for owner_id in {self.owner_id, *(s.owner_id for _, s in keys if s is not None)}:
            contacts = {s.contact_id for _, s in keys if isinstance(s, ContactScope)}
            async with self.db.begin(OwnerScope(owner_id)) as tx:
                found = await tx.fetch(
                    _GOING_ON,
                    {"servers": [server for server, _ in keys], "contacts": list(contacts)},
                )
            servers = {row["server_id"] for row in found}
            welcome = {row["contact_id"] for row in found}
            going_on |= {
                (server, scope)
                for server, scope in keys
                if server in servers
                and (not isinstance(scope, ContactScope) or scope.contact_id in welcome)
            }
        return going_on


@dataclass(frozen=True, slots=True)
class AllowedTool:
    """A tool that a scope may use now."""

    server_id: UUID
    server: str
    tool: str
    called: str
    description: str
    schema: Mapping[str, Any]
    reads_only: bool
    confirm: str


async def allowed_tools(tx: Transaction) -> list[AllowedTool]:
    """Return the tools that the scope of ``tx`` may use with its agent, with the current rights."""
    return [AllowedTool(**row) for row in await tx.fetch("SELECT * FROM gate.allowed_tools()")]


async def asked_by(access: ToolAccess, scope: SessionScope) -> AskedBy:
    """Return the party of a call in this scope, as its server may know it.

    Raises:
        NotFound: the agent or the contact is gone.
    """
    contact_id = scope.contact_id if isinstance(scope, ContactScope) else None
    async with access.db.begin(OwnerScope(scope.owner_id)) as tx:
        row = await tx.fetch_one(_ASKED_BY, {"agent": scope.agent_id, "contact": contact_id})
    if row is None or (contact_id is not None and row["type"] is None):
        raise NotFound("The contact of this call is gone.")
    if isinstance(scope, OwnerScope):
        return AskedBy("owner", scope.owner_id, row["agent"], ("owner",))
    if contact_id is None:
        return AskedBy("shared", row["agent_id"], row["agent"])
    kind: PartyOfCall = "group" if row["type"] == "group" else "direct"
    return AskedBy(kind, contact_id, row["agent"], tuple(row["labels"]), tuple(row["addresses"]))


async def load_server(access: ToolAccess, owner_id: OwnerId, server_id: UUID) -> McpServer:
    """Return a server with its secrets.

    Raises:
        NotFound: the owner has no such server.
        SecretMissing: its secrets were encrypted with another key.
    """
    async with access.db.begin(OwnerScope(owner_id)) as tx:
        row = await tx.fetch_one(_SERVER, {"id": server_id})
    if row is None:
        raise NotFound("There is no such server.", hint="See: sb agents tools list")
    return server_of(access.key, row)


def server_of(key: bytes, row: Mapping[str, Any]) -> McpServer:
    """Return the server of a row, with its secrets.

    Raises:
        SecretMissing: its secrets were encrypted with another key.
    """
    secrets = _unsealed(key, row)
    return McpServer(
        id=row["id"],
        owner_id=OwnerId(row["owner_id"]),
        agent_id=AgentId(row["agent_id"]),
        name=row["name"],
        url=row["url"],
        command=tuple(row["command"]),
        shared=row["shared"],
        trusted=row["trusted"],
        ports=tuple(row["ports"]),
        readable=tuple(row["readable"]),
        tells_addresses=row["tells_addresses"],
        signs_in=row["signs_in"],
        client=ClientId(**secrets["client"]) if "client" in secrets else None,
        headers=secrets.get("headers", {}),
        environment=secrets.get("environment", {}),
    )


def sealed_secrets(key: bytes, server: McpServer) -> bytes | None:
    """Return a server's secrets encrypted; None: it has none."""
    secrets: dict[str, dict[str, str | None]] = {}
    if server.headers or server.environment:
        secrets = {"headers": dict(server.headers), "environment": dict(server.environment)}
    if server.client is not None:
        secrets["client"] = {"id": server.client.id, "secret": server.client.secret}
    if not secrets:
        return None
    text = json.dumps(secrets)
    return seal(key, text, *_bound_to(server.owner_id, server.agent_id, server.name))


def _unsealed(key: bytes, row: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    if row["sealed"] is None:
        return {}
    try:
        text = unseal(
            key, bytes(row["sealed"]), *_bound_to(row["owner_id"], row["agent_id"], row["name"])
        )
    except NotSealedSo:
        raise SecretMissing(
            f"The secrets of the server {row['name']} were stored with other credentials.",
            hint="Copy that server's credentials here (sb db invite, sb db join), or remove the"
            " server and add it again.",
        ) from None
    secrets: dict[str, dict[str, Any]] = json.loads(text)
    return secrets


def _bound_to(owner_id: UUID, agent_id: UUID, name: str) -> tuple[str, ...]:
    return str(owner_id), "tool server", str(agent_id), name


async def note_offered(
    access: ToolAccess, server: McpServer, offered: list[ToolDescription] | None
) -> None:
    """Hold back a server's tools if they differ from the approved ones.

    ``offered`` None: it wasn't asked.
    """
    if offered is None:
        return
    async with access.db.begin(OwnerScope(server.owner_id)) as tx:
        rows = await tx.fetch(
            "SELECT t.name, t.called, t.description, t.schema, t.reads_only FROM discreet.tools t"
            " WHERE t.server_id = %(id)s",
            {"id": server.id},
        )
        approved = [ToolDescription(**row) for row in rows]
        same = not changed_tools(approved, offered)
        await tx.execute(
            "UPDATE discreet.tool_servers SET offered = %(offered)s, last_error = ''"
            " WHERE id = %(id)s AND (offered IS DISTINCT FROM %(offered)s OR last_error <> '')",
            {
                "id": server.id,
                "offered": None if same else Jsonb([one.as_json() for one in offered]),
            },
        )


def changed_tools(
    approved: list[ToolDescription], offered: list[ToolDescription]
) -> dict[str, ToolDescription | None]:
    """Return the differences by tool name: the tool as offered now, or None if it is gone."""
    before = {one.name: one.as_json() for one in approved}
    now = {one.name: one for one in offered}
    changed: dict[str, ToolDescription | None] = {
        name: one for name, one in now.items() if before.get(name) != one.as_json()
    }
    return changed | dict.fromkeys(before.keys() - now.keys())


async def server_row(tx: Transaction, agent_id: AgentId, name: str) -> dict[str, Any]:
    row = await tx.fetch_one(
        SERVERS + " WHERE s.agent_id = %(agent)s AND s.name = %(name)s",
        {"agent": agent_id, "name": name},
    )
    if row is None:
        raise NotFound(f"There is no server {name!a}.", hint="See: sb agents tools list")
    return row
