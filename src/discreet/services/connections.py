"""Accounts that contacts connect at the servers of tools: offered, entered, used, disconnected.

A tool of a server that wants an account is used with the account of the scope that asks, and with
no other. ``discreet.services.connecting`` has the pages on which somebody signs in.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from discreet.domain.errors import BadInput, DiscreetError, NotFound
from discreet.domain.ids import ContactId
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.scope.scopes import ContactScope, SessionScope
from discreet.services.kept_tokens import check_for, revoke_kept, seal_kept, unseal_kept
from discreet.services.tool_access import ToolAccess
from discreet.tools.oauth import Kept, SignInLost, renew
from discreet.tools.servers import McpServer

__all__ = [
    "Account",
    "Connection",
    "account_of",
    "disconnect",
    "enter_code",
    "list_connections",
    "offer_account",
]

LINK_LASTS = timedelta(minutes=10)
"""How long a link can be opened, a sign-in may take, and its code can be sent.

``gate.offer_connection`` has the same for links.
"""
RENEWING = timedelta(seconds=30)
"""How long other processes wait for the one that gets a new token.

``gate.claim_token_renewal`` lets one process do it for so long.
"""
POLL_SECONDS = 0.1
NO_PUBLIC_URL = (
    "needs your account, but no account can be connected because this installation has no public "
    "address (DISCREET_PUBLIC_URL)."
)
NOT_IN_GROUPS = (
    "needs an account. In a group I can only use the group's own, which my owner can connect."
)
MINE = """
    c.agent_id = (SELECT s.agent_id FROM gate.scope() s)
AND c.party = (SELECT s.party FROM gate.scope() s)
"""


@dataclass(frozen=True, slots=True)
class Connection:
    """An account that this scope has connected, or can: then ``connected_at`` is None."""

    server: str
    host: str
    connected_at: datetime | None


@dataclass(frozen=True, slots=True)
class Account:
    """The connected account of one scope, which gives the tokens for requests to its server."""

    access: ToolAccess
    scope: SessionScope
    server: McpServer
    id: UUID

    async def token(self) -> str | None:
        """Return a token that can be used now; None: there is none.

        It is read again for each request, so a disconnected account isn't used again.
        """
        async with self.access.db.begin(self.scope) as tx:
            sealed = await self._sealed(tx)
        if sealed is None:
            return None
        kept = self._open(sealed)
        return kept.access_token if kept.is_fresh else await self.renewed(kept.access_token)

    async def renewed(self, refused: str) -> str | None:
        """Return another token than the one that was refused or has expired; None: there is none.

        One process gets it, because many servers accept what renews a token only once. An account
        whose access was taken back is disconnected.
        """
        until = time.monotonic() + RENEWING.total_seconds()
        while True:
            async with self.access.db.begin(self.scope) as tx:
                sealed = await self._sealed(tx)
                if sealed is None:
                    return None
                kept = self._open(sealed)
                if kept.access_token != refused:
                    return kept.access_token
                is_mine = await tx.value(
                    "SELECT gate.claim_token_renewal(%(id)s, %(seen)s)",
                    {"id": self.id, "seen": sealed},
                )
            if is_mine:
                return await self._renew(kept)
            if time.monotonic() > until:
                return None
            await asyncio.sleep(POLL_SECONDS)

    async def exists(self) -> bool:
        """Return whether it is still connected."""
        async with self.access.db.begin(self.scope) as tx:
            return await self._sealed(tx) is not None

    async def _renew(self, kept: Kept) -> str | None:
        try:
            new = await renew(self.server.url or "", kept, await check_for(self.server))
        except SignInLost:
            await throw_away(self.access.db, self.scope, self.id)
            return None
        except DiscreetError:
            await self._keep(None)
            return None
        if await self._keep(seal_kept(self.access, self.server, self.id, new)):
            return new.access_token
        # It was disconnected meanwhile, with the tokens before these.
        await revoke_kept(self.server, new)
        return None

    async def _keep(self, sealed: bytes | None) -> bool:
        async with self.access.db.begin(self.scope) as tx:
            return bool(await tx.value("SELECT gate.store_tokens(%s, %s)", (self.id, sealed)))

    async def _sealed(self, tx: Transaction) -> bytes | None:
        sealed: bytes | None = await tx.value(
            "SELECT c.sealed FROM discreet.connections c"
            f" WHERE c.id = %(id)s AND c.state = 'connected' AND {MINE}",
            {"id": self.id},
        )
        return sealed

    def _open(self, sealed: bytes) -> Kept:
        return unseal_kept(self.access, self.server, self.id, sealed)


async def account_of(access: ToolAccess, scope: SessionScope, server: McpServer) -> Account | None:
    """Return the account that this scope has connected at a server; None: it has none."""
    async with access.db.begin(scope) as tx:
        found = await tx.value(
            "SELECT c.id FROM discreet.connections c"
            f" WHERE c.server_id = %(server)s AND c.state = 'connected' AND {MINE}"
            " ORDER BY c.connected_at DESC LIMIT 1",
            {"server": server.id},
        )
    return None if found is None else Account(access, scope, server, found)


async def offer_account(
    access: ToolAccess, scope: SessionScope, server: McpServer, group: ContactId | None = None
) -> str:
    """Return a link to connect an account, which works once and for ten minutes.

    ``group``: the owner connects the account of a group.

    Raises:
        BadInput: there is no public address, or this scope can't have a link.
    """
    if access.public_url is None:
        raise BadInput(f"{server.name} {NO_PUBLIC_URL}")
    if not isinstance(scope, ContactScope | OwnerScope):
        raise BadInput(f"{server.name} {NOT_IN_GROUPS}")
    link = secrets.token_urlsafe(32)
    async with access.db.begin(scope) as tx:
        outcome = await tx.value(
            "SELECT gate.offer_connection(%(server)s, %(group)s, %(link)s)",
            {"server": server.id, "group": group, "link": digest(link)},
        )
    if outcome != "offered":
        raise BadInput(f"{server.name} {NOT_IN_GROUPS}")
    return f"{access.public_url}/connect/{link}"


@dataclass(frozen=True, slots=True)
class EnteredCode:
    """The outcome of a code, and the reply to it."""

    is_connected: bool
    text: str


async def enter_code(
    tx: Transaction, typed: str, group: ContactId | None = None
) -> EnteredCode | None:
    """Try the code that a browser showed; None: no code is waited for here.

    ``group``: as for ``offer_account``.
    """
    row = await tx.fetch_one(
        "SELECT * FROM gate.enter_connection_code(%(code)s, %(group)s)",
        {"code": digest(plain_code(typed)), "group": group},
    )
    if row is None or row["outcome"] == "none":
        return None
    if row["outcome"] == "wrong":
        text = "That isn't the code on the page. Nothing was connected."
        return EnteredCode(is_connected=False, text=text)
    found = await tx.fetch_one(
        "SELECT s.name, s.url FROM gate.connectable_servers() s WHERE s.server_id = %(id)s",
        {"id": row["server"]},
    )
    name = "" if found is None else f" at {found['name']} ({host_of(found['url'])})"
    text = f"Your account{name} is connected. Ask me again for what you wanted."
    return EnteredCode(is_connected=True, text=text)


async def list_connections(tx: Transaction) -> list[Connection]:
    """Return the servers at which this scope has connected an account, or can."""
    rows = await tx.fetch(
        "SELECT s.name, s.url, max(c.connected_at) AS connected_at"
        "  FROM gate.connectable_servers() s"
        " LEFT JOIN discreet.connections c ON c.server_id = s.server_id"
        f"  AND c.state = 'connected' AND {MINE} GROUP BY s.name, s.url ORDER BY s.name"
    )
    return [Connection(row["name"], host_of(row["url"]), row["connected_at"]) for row in rows]


async def disconnect(tx: Transaction, name: str) -> None:
    """Delete the tokens of this scope's account at a server, and a sign-in that has begun.

    Raises:
        NotFound: it has none.
    """
    gone = await tx.value(
        "SELECT count(*) FILTER (WHERE gate.end_connection(c.id)) FROM discreet.connections c"
        " JOIN gate.connectable_servers() s ON s.server_id = c.server_id"
        f" WHERE s.name = %(name)s AND {MINE}",
        {"name": name},
    )
    if not gone:
        raise NotFound(f"No account is connected at {name!a}.", hint="See: /connections")


async def throw_away(db: ScopedDatabase, scope: SessionScope, connection: UUID) -> None:
    """Throw a sign-in away."""
    async with db.begin(scope) as tx:
        await tx.execute("SELECT gate.end_connection(%s)", (connection,))


def digest(secret: str) -> bytes:
    """Return the stored form of a link or a code."""
    return hashlib.sha256(secret.encode()).digest()


def plain_code(typed: str) -> str:
    """Return a code without what people type around it."""
    return "".join(c for c in typed.upper() if c.isalnum())


def host_of(url: str | None) -> str:
    """Return the host of a server's URL, as people know it."""
    return urlsplit(url or "").hostname or ""
