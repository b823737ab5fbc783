"""The browser's part of connecting an account: a link is opened, and the browser comes back.

The holder of a link is unknown. So a link names the contact that it serves and works once, and a
sign-in takes effect only after its code was sent in the chat of the link.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from discreet.contacts.labels import CONTACT_LABEL
from discreet.domain.errors import DiscreetError, NotFound
from discreet.domain.ids import AgentId, ContactId, OwnerId
from discreet.scope import OwnerScope, WorkScope
from discreet.scope.scopes import ContactScope, SessionScope
from discreet.services.connections import LINK_LASTS, digest, host_of, plain_code, throw_away
from discreet.services.kept_tokens import check_for, revoke_kept, seal_kept, unseal_kept
from discreet.services.tool_access import ToolAccess, load_server
from discreet.tools.oauth import SignInLost, begin, finish

__all__ = ["ConnectionView", "Opened", "SignedIn", "come_back", "open_link", "preview"]

CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""None that look alike."""
GONE = "This link is no longer valid. It was used or has expired."
_PARTY = f"""
SELECT a.name AS agent, s.name AS server, s.url, c.type,
       {CONTACT_LABEL.format(row="given")} AS label,
       (SELECT d.platform || ':' || d.platform_id FROM discreet.addresses d
         WHERE d.contact_id = given.contact_id
         ORDER BY d.created_at, d.platform, d.platform_id LIMIT 1) AS address
  FROM (SELECT %(contact)s::uuid AS contact_id) given
  JOIN discreet.tool_servers s ON s.id = %(server)s
  JOIN discreet.agents a ON a.id = s.agent_id
  LEFT JOIN discreet.contacts c ON c.id = given.contact_id
"""


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """Whom a connection will serve: the agent, the server, and in whose conversation."""

    agent: str
    server: str
    host: str
    whose: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The address of the sign-in, and the cookie with which the browser must return."""

    url: str
    cookie: str
    secret: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A sign-in that waits for its code to be sent in the chat."""

    party: ConnectionView
    code: str


async def preview(access: ToolAccess, link: str) -> ConnectionView:
    """Return the party that a link will serve. It changes nothing.

    Raises:
        NotFound: the link is unknown, used or expired.
    """
    async with access.db.begin(WorkScope()) as tx:
        row = await tx.fetch_one("SELECT * FROM gate.find_connection_by_link(%s)", (digest(link),))
    if row is None:
        raise NotFound(GONE)
    return await _party(access, row)


async def open_link(access: ToolAccess, link: str) -> Opened:
    """Use a link up, and return where to sign in.

    Raises:
        NotFound: the link is unknown, used or expired.
        BadInput, Unavailable: one can't sign in at the server; the link is used up.
    """
    secret = secrets.token_urlsafe(32)
    hashes = {"link": digest(link), "browser": digest(secret), "valid": LINK_LASTS}
    async with access.db.begin(WorkScope()) as tx:
        row = await tx.fetch_one(
            "SELECT * FROM gate.redeem_connection_link(%(link)s, %(browser)s)", hashes
        )
    if row is None:
        raise NotFound(GONE)
    try:
        server = await load_server(access, OwnerId(row["owner_id"]), row["server_id"])
        began = await begin(
            server.url or "", callback_of(access), await check_for(server), server.client
        )
    except DiscreetError:
        await throw_away(access.db, _scope(row), row["id"])
        raise
    kept = seal_kept(access, server, row["id"], began.kept)
    async with access.db.begin(WorkScope()) as tx:
        stored = await tx.value(
            "SELECT gate.begin_sign_in(%(link)s, %(browser)s, %(state)s, %(kept)s, %(valid)s)",
            {**hashes, "state": digest(began.state), "kept": kept},
        )
    if not stored:
        raise NotFound(GONE)
    return Opened(began.url, cookie_of(began.state), secret)


async def come_back(
    access: ToolAccess, state: str, secret: str, code: str | None, issuer: str | None
) -> SignedIn:
    """Finish a sign-in, and return the code that has to be sent in the chat.

    ``secret``: of the browser's cookie; ``code``: from the authorization server; None: access
    was denied.

    Raises:
        NotFound: it is another browser, or the sign-in is unknown, finished or expired.
        SignInLost, Unavailable: there are no tokens. The sign-in is thrown away.
    """
    hashes = {"state": digest(state), "browser": digest(secret), "valid": LINK_LASTS}
    async with access.db.begin(WorkScope()) as tx:
        row = await tx.fetch_one(
            "SELECT * FROM gate.resume_sign_in(%(state)s, %(browser)s)", hashes
        )
    if row is None:
        raise NotFound(GONE)
    try:
        if code is None:
            raise SignInLost("you didn't allow it")
        server = await load_server(access, OwnerId(row["owner_id"]), row["server_id"])
        kept = unseal_kept(access, server, row["id"], row["sealed"])
        kept = await finish(server.url or "", kept, code, issuer, await check_for(server))
        shown = _new_code()
        async with access.db.begin(WorkScope()) as tx:
            stored = await tx.value(
                "SELECT gate.finish_sign_in(%(state)s, %(browser)s, %(kept)s, %(code)s, %(valid)s)",
                {
                    **hashes,
                    "kept": seal_kept(access, server, row["id"], kept),
                    "code": digest(plain_code(shown)),
                },
            )
        if not stored:
            await revoke_kept(server, kept)
            raise NotFound(GONE)
        return SignedIn(await _party(access, row), shown)
    except (SignInLost, DiscreetError):
        await throw_away(access.db, _scope(row), row["id"])
        raise


def callback_of(access: ToolAccess) -> str:
    """Return the address to which browsers come back."""
    return f"{access.public_url}/connect/back"


def cookie_of(state: str) -> str:
    """Return the name of the cookie of one sign-in, so that two in one browser don't collide."""
    return f"discreet_connect_{digest(state).hex()[:12]}"


def _new_code() -> str:
    letters = "".join(secrets.choice(CODE_LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def _scope(row: Mapping[str, Any]) -> SessionScope:
    owner, agent = OwnerId(row["owner_id"]), AgentId(row["agent_id"])
    if row["contact_id"] is None:
        return OwnerScope(owner, agent)
    return ContactScope(owner, agent, ContactId(row["contact_id"]))


async def _party(access: ToolAccess, row: Mapping[str, Any]) -> ConnectionView:
    async with access.db.begin(OwnerScope(OwnerId(row["owner_id"]))) as tx:
        found = await tx.fetch_one(
            _PARTY, {"server": row["server_id"], "contact": row["contact_id"]}
        )
    if found is None:
        raise NotFound(GONE)
    whose = found["label"]
    if whose is None:
        whose = "the owner of this agent"
    elif found["address"] and found["address"] != whose:
        whose = f"{whose} ({found['address']})"
    if found["type"] == "group":
        whose = f"everybody in the group {whose}"
    return ConnectionView(found["agent"], found["server"], host_of(found["url"]), whose)
