"""Web chats: visitors of the owner's own pages, unknown or with a signed identity.

A visitor gets a contact's token, so the page uses the same API as every program, in the same scope.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from discreet.auth.scopes import resolve_contact
from discreet.auth.tokens import Bearer, authenticate, create_token, mint_token
from discreet.contacts.agent_names import full_name
from discreet.contacts.lookup import find_entry
from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, Conflict, DiscreetError, NotFound, Unauthorized
from discreet.domain.ids import AgentId, ContactId, OwnerId
from discreet.domain.text import plain_name
from discreet.postgres.sealing import NotSealedSo, seal, unseal
from discreet.schemas.web_chats import (
    AddedWebChat,
    OpenedChat,
    VisitorToOpen,
    WebChat,
    WebChatToAdd,
)
from discreet.scope import OwnerScope, ScopedDatabase, Transaction

__all__ = [
    "WebChatAccess",
    "add_web_chat",
    "get_web_chat",
    "list_web_chats",
    "move_web_chat",
    "open_web_chat",
    "remove_web_chat",
    "unreadable_chats",
]

SECRET_BYTES = 32
VISITOR_LASTS = timedelta(days=30)
MAX_IDENTITY_LASTS = timedelta(hours=24)
"""The longest validity of a signed identity, because a copy of it could be used as long."""
LEEWAY_SECONDS = 30
ANONYMOUS = "anon-"
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?")
_CHATS = """
    SELECT w.id, w.name, a.name AS agent, w.origins, w.created_at, w.agent_id, w.minter_id,
           w.sealed, w.public_key, a.memory_model = 'shared' AS shared,
           CASE WHEN w.public_key IS NULL THEN 'HS256' ELSE 'EdDSA' END AS algorithm
      FROM discreet.web_chats w JOIN discreet.agents a ON a.id = w.agent_id
"""


@dataclass(frozen=True, slots=True)
class WebChatAccess:
    """What web chats need. ``key``: the sealing key of the credentials file."""

    db: ScopedDatabase
    owner_id: OwnerId
    key: bytes


async def add_web_chat(access: WebChatAccess, request: WebChatToAdd) -> AddedWebChat:
    """Add a chat. Its secret is shown only once.

    Raises:
        BadInput: an origin or the public key is invalid.
        NotFound: there is no such agent.
        Conflict: there is a chat of this name, or the agent shares one memory with everybody.
    """
    origins = [_origin(one) for one in request.origins]
    if not origins:
        raise BadInput("A web chat needs a site to appear on.", hint="Add --origin https://...")
    if request.public_key is not None:
        _public_key(request.public_key)
    async with access.db.begin(OwnerScope(access.owner_id)) as tx:
        agent = await _find_agent(tx, request.agent)
    minter, _ = await create_token(
        access.db, access.owner_id, agent=agent["name"], name=f"web chat {request.name}"
    )
    chat_id = uuid4()
    text = base64.urlsafe_b64encode(os.urandom(SECRET_BYTES)).decode()
    is_shared_secret = request.public_key is None
    async with access.db.begin(OwnerScope(access.owner_id)) as tx:
        if await tx.value(
            "SELECT true FROM discreet.web_chats WHERE name = %(name)s", {"name": request.name}
        ):
            raise Conflict(
                f"There is already a web chat {request.name!a}.", hint="See: sb channels list"
            )
        await tx.execute(
            "INSERT INTO discreet.web_chats (id, agent_id, name, origins, sealed, public_key,"
            "  minter_id)"
            " SELECT %(id)s, t.agent_id, %(name)s, %(origins)s, %(sealed)s, %(public_key)s, t.id"
            "   FROM discreet.tokens t WHERE t.id = %(minter)s",
            {
                "id": chat_id,
                "name": request.name,
                "origins": origins,
                "sealed": seal(access.key, text, *_bound_to(access, chat_id))
                if is_shared_secret
                else None,
                "public_key": request.public_key,
                "minter": minter.id,
            },
        )
    chat = await get_web_chat(access.db, access.owner_id, chat_id)
    return AddedWebChat(secret=text if is_shared_secret else None, chat=chat)


async def list_web_chats(db: ScopedDatabase, owner_id: OwnerId) -> list[WebChat]:
    """Return the chats, oldest first."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch(_CHATS + " ORDER BY w.created_at, w.id")
    return [_chat(row) for row in found]


async def get_web_chat(db: ScopedDatabase, owner_id: OwnerId, chat_id: UUID) -> WebChat:
    """Return a chat.

    Raises:
        NotFound: there is none of this id.
    """
    return _chat(await _row(db, owner_id, chat_id))


async def remove_web_chat(db: ScopedDatabase, owner_id: OwnerId, name: str) -> WebChat:
    """Remove a chat, and revoke the tokens of its visitors. Their conversations are kept.

    Raises:
        NotFound: there is none of this name.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        row = await tx.fetch_one(_CHATS + " WHERE w.name = %(name)s", {"name": name})
        if row is None:
            raise NotFound(f"There is no web chat {name!a}.", hint="See: sb channels list")
        await tx.execute("DELETE FROM discreet.web_chats WHERE id = %(id)s", {"id": row["id"]})
        await _revoke(tx, row["minter_id"])
    return _chat(row)


async def move_web_chat(db: ScopedDatabase, owner_id: OwnerId, name: str, agent: str) -> WebChat:
    """Let another agent answer in a chat. Its visitors are signed out and start over.

    Raises:
        NotFound: there is no such chat or agent.
        Conflict: the agent shares one memory with everybody.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        await _find_agent(tx, agent)
    made, _ = await create_token(db, owner_id, agent=agent, name=f"web chat {name}")
    async with db.begin(OwnerScope(owner_id)) as tx:
        row = await tx.fetch_one(
            _CHATS + " WHERE w.name = %(name)s FOR UPDATE OF w", {"name": name}
        )
        if row is None:
            raise NotFound(f"There is no web chat {name!a}.", hint="See: sb channels list")
        await tx.execute(
            "UPDATE discreet.web_chats w SET agent_id = t.agent_id, minter_id = t.id"
            "  FROM discreet.tokens t WHERE w.id = %(id)s AND t.id = %(minter)s",
            {"id": row["id"], "minter": made.id},
        )
        await _revoke(tx, row["minter_id"])
    return await get_web_chat(db, owner_id, row["id"])


async def unreadable_chats(access: WebChatAccess) -> set[UUID]:
    """Return the chats whose secret can't be read with the key of this home."""
    async with access.db.begin(OwnerScope(access.owner_id)) as tx:
        found = await tx.fetch(_CHATS + " WHERE w.sealed IS NOT NULL")
    unreadable = set()
    for row in found:
        try:
            unseal(access.key, bytes(row["sealed"]), *_bound_to(access, row["id"]))
        except NotSealedSo:
            unreadable.add(row["id"])
    return unreadable


async def _find_agent(tx: Transaction, name: str | None) -> Mapping[str, Any]:
    """Return an agent that may be open to strangers; None: the first one."""
    if name is not None:
        name = await full_name(tx, name)
    agent = await tx.fetch_one(
        "SELECT name, memory_model FROM discreet.agents"
        " WHERE %(name)s::text IS NULL OR name = %(name)s ORDER BY created_at, id LIMIT 1",
        {"name": name},
    )
    if agent is None:
        raise NotFound("There is no such agent.", hint="See: sb agents list")
    if agent["memory_model"] == "shared":
        raise Conflict(
            f"{agent['name']} shares one memory with everybody, so it can't be open to strangers."
        )
    return agent


async def _revoke(tx: Transaction, minter_id: UUID | None) -> None:
    await tx.execute(
        "UPDATE discreet.tokens SET revoked_at = coalesce(revoked_at, clock_timestamp())"
        " WHERE id = %(minter)s OR minted_by = %(minter)s",
        {"minter": minter_id},
    )


async def open_web_chat(access: WebChatAccess, chat_id: UUID, request: VisitorToOpen) -> OpenedChat:
    """Return a token for a visitor.

    An unknown visitor who proves who they are keeps what they said: the two contacts are linked,
    which the owner can undo.

    Raises:
        NotFound: there is no such chat.
        Unauthorized: the identity isn't signed for this chat, has expired, or lasts too long.
        Forbidden, TooManyRequests: see ``discreet.auth.tokens.mint_token``.
    """
    row = await _row(access.db, access.owner_id, chat_id)
    if row["shared"]:
        raise NotFound("There is no such chat.")
    minter = Bearer(row["minter_id"], access.owner_id, AgentId(row["agent_id"]), None, False)
    if request.identity is None:
        who = Address.parse(f"web:{row['name']}/{ANONYMOUS}{secrets.token_hex(16)}")
        entry = await resolve_contact(access.db, minter, who, auto_create=True)
        contact_id, lasts = entry.contact.id, VISITOR_LASTS
    else:
        claims = _claims_of(access, row, request.identity)
        who = Address.parse(f"web:{row['name']}/{claims['sub']}")
        name = plain_name(str(claims.get("name", "")))[:100]
        entry = await resolve_contact(access.db, minter, who, auto_create=True, name=name)
        contact_id = entry.contact.id
        lasts = timedelta(seconds=max(60, claims["exp"] - datetime.now(UTC).timestamp()))
        await _link(access, row, contact_id, request.visitor)
    _, token, expires_at = await mint_token(access.db, minter, contact_id, lasts)
    return OpenedChat(token=token, expires_at=expires_at, known=request.identity is not None)


async def _link(
    access: WebChatAccess, row: Mapping[str, Any], contact_id: ContactId, visitor: str | None
) -> None:
    """Link the unknown visitor of a token, if it is one of this chat, to a contact."""
    if visitor is None:
        return
    try:
        bearer = await authenticate(access.db, visitor)
    except Unauthorized:
        return
    mine = bearer.owner_id == access.owner_id and bearer.agent_id == row["agent_id"]
    if not mine or bearer.contact_id is None or bearer.contact_id == contact_id:
        return
    async with access.db.begin(OwnerScope(access.owner_id)) as tx:
        addresses = (await find_entry(tx, str(bearer.contact_id))).contact.addresses
        prefix = f"web:{row['name']}/{ANONYMOUS}"
        if not addresses or not all(one.startswith(prefix) for one in addresses):
            return
    try:
        async with access.db.begin(OwnerScope(access.owner_id)) as tx:
            await tx.execute(
                "SELECT gate.link_visitor(%(known)s, %(visitor)s)",
                {"known": contact_id, "visitor": bearer.contact_id},
            )
    except Conflict:
        # Taken over, say: then they stay two, and the owner can link them later.
        return


def _claims_of(access: WebChatAccess, row: Mapping[str, Any], identity: str) -> dict[str, Any]:
    import jwt

    try:
        if row["public_key"] is None:
            key: Any = unseal(access.key, bytes(row["sealed"]), *_bound_to(access, row["id"]))
        else:
            key = _public_key(row["public_key"])
        # The chat determines the algorithm, not the header.
        claims: dict[str, Any] = jwt.decode(
            identity,
            key,
            algorithms=[row["algorithm"]],
            audience=str(row["id"]),
            leeway=LEEWAY_SECONDS,
            options={"require": ["sub", "exp", "aud"]},
        )
    except NotSealedSo:
        raise Unauthorized("The secret of this chat can't be read on this server.") from None
    except jwt.PyJWTError:
        raise Unauthorized("This identity is invalid, expired, or not for this chat.") from None
    subject, until = claims["sub"], claims["exp"]
    if not isinstance(claims["aud"], str) or not isinstance(until, int):
        raise Unauthorized("This identity is not valid.")
    if until > (datetime.now(UTC) + MAX_IDENTITY_LASTS).timestamp() + LEEWAY_SECONDS:
        raise Unauthorized("This identity is valid for too long. The maximum is 24 hours.")
    if not subject or subject.startswith(ANONYMOUS) or len(subject) > 200:
        raise Unauthorized("The subject of this identity can't be used.")
    try:
        Address.parse(f"web:{row['name']}/{subject}")
    except DiscreetError:
        raise Unauthorized("The subject of this identity can't be used.") from None
    return claims


def _public_key(pem: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem.encode())
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise BadInput("The public key must be an Ed25519 key in PEM format.")
    return key


def _origin(text: str) -> str:
    origin = text.strip().rstrip("/").lower()
    if not _ORIGIN.fullmatch(origin):
        raise BadInput(f"{text[:100]!a} is not an origin.", hint="Like https://shop.example")
    return origin


def _bound_to(access: WebChatAccess, chat_id: UUID) -> tuple[str, str, str]:
    return str(access.owner_id), "web chat", str(chat_id)


async def _row(db: ScopedDatabase, owner_id: OwnerId, chat_id: UUID) -> Mapping[str, Any]:
    async with db.begin(OwnerScope(owner_id)) as tx:
        row = await tx.fetch_one(_CHATS + " WHERE w.id = %(id)s", {"id": chat_id})
    if row is None:
        raise NotFound("There is no such chat.", hint="See: sb channels list")
    return row


def _chat(row: Mapping[str, Any]) -> WebChat:
    return WebChat(**{name: row[name] for name in WebChat.model_fields})
