"""Access tokens for programs, and the scope that each of them carries.

A token is looked up at every call and kept nowhere, so that one that is revoked is refused at once
by every process.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from discreet.contacts.labels import CONTACT_LABEL
from discreet.contacts.lookup import find_entry
from discreet.domain.errors import BadInput, Forbidden, NotFound, Unauthorized
from discreet.domain.ids import AgentId, ContactId, OwnerId
from discreet.domain.text import plain_name
from discreet.scope import OwnerScope, ScopedDatabase, WorkScope
from discreet.scope.scopes import SessionScope, session_scope

TokenKind = Literal["owner", "agent", "contact"]

MARK = "sb_"
"""What every token begins with, so that a leaked one is recognised."""
SHOWN_CHARACTERS = len(MARK) + 6
"""Characters of a token that are kept, to tell one from another in a list; 36 bits of 256."""
MAX_LIFETIME = timedelta(days=3650)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is listed; what it is called in full was shown once and is kept nowhere.

    ``of``: the contact's label or the agent's name; empty for the owner's.
    """

    id: UUID
    name: str
    prefix: str
    kind: TokenKind
    of: str
    agent: str | None
    contact_id: ContactId | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @property
    def is_valid(self) -> bool:
        """Whether it opens anything, as of now."""
        return self.revoked_at is None and (
            self.expires_at is None or self.expires_at > datetime.now(UTC)
        )


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who shows a token. ``shared``: the agent shares one memory among all who talk to it.
    ``token_id`` None: nobody showed one, and whoever runs the installation says who it is."""

    token_id: UUID | None
    owner_id: OwnerId
    agent_id: AgentId | None
    contact_id: ContactId | None
    shared: bool

    @property
    def kind(self) -> TokenKind:
        """What kind of token it is."""
        if self.contact_id is not None:
            return "contact"
        return "owner" if self.agent_id is None else "agent"

    @property
    def scope(self) -> SessionScope:
        """The scope that the token carries, and never more. A contact's is the contact's own, or
        with an agent that shares its memory what all of them share.

        Raises:
            Forbidden: it carries none of its own, as an agent's.
        """
        if self.kind == "agent":
            # It may work for any contact of its agent, so for none that isn't named.
            raise Forbidden("An agent's token needs a contact.", hint="Name the contact.")
        if self.contact_id is None:
            return OwnerScope(self.owner_id)
        if self.agent_id is None:
            raise Unauthorized("This token names a contact and no agent.")
        contact = None if self.shared else self.contact_id
        return session_scope(self.owner_id, self.agent_id, contact, shared=self.shared)


async def authenticate(db: ScopedDatabase, token: str) -> Bearer:
    """Return who shows this token, as of now.

    Raises:
        Unauthorized: it opens nothing; the answer is the same whatever the reason.
    """
    row = None
    if token.isascii():
        async with db.begin(WorkScope()) as tx:
            row = await tx.fetch_one(
                "SELECT * FROM gate.token_scope(%(digest)s)", {"digest": _digest(token)}
            )
    if row is None:
        raise Unauthorized(
            "Invalid, expired or revoked token.", hint="Create one: sb tokens create --help"
        )
    return Bearer(**row)


async def create_token(
    db: ScopedDatabase,
    owner_id: OwnerId,
    *,
    agent: str | None = None,
    contact: str | None = None,
    name: str = "",
    lasts: timedelta | None = None,
) -> tuple[Token, str]:
    """Return a new token and its text, which is told this once.

    With neither ``agent`` nor ``contact`` it is the owner's; a contact's is for ``agent``, or for
    the agent that was made first.

    Raises:
        NotFound, BadInput: no such agent or contact; a name that is no plain line.
    """
    if name != plain_name(name):
        raise BadInput(f"{name!a} is not a valid name.", hint="Use one line of visible characters.")
    token = MARK + secrets.token_urlsafe(32)
    async with db.begin(OwnerScope(owner_id)) as tx:
        contact_id = None if contact is None else (await find_entry(tx, contact)).contact.id
        agent_id = None
        if agent is not None or contact is not None:
            agent_id = await tx.value(
                "SELECT id FROM discreet.agents WHERE %(agent)s::text IS NULL OR name = %(agent)s"
                " ORDER BY created_at, id LIMIT 1",
                {"agent": agent},
            )
            if agent_id is None:
                raise NotFound(f"There is no agent {agent!a}.", hint="See: sb agents list")
        token_id = await tx.value(
            """INSERT INTO discreet.tokens (agent_id, contact_id, name, prefix, digest, expires_at)
               VALUES (%(agent)s, %(contact)s, %(name)s, %(prefix)s, %(digest)s,
                       clock_timestamp() + %(lasts)s::interval) RETURNING id""",
            {
                "agent": agent_id,
                "contact": contact_id,
                "name": name,
                "prefix": token[:SHOWN_CHARACTERS],
                "digest": _digest(token),
                "lasts": lasts,
            },
        )
        row = await tx.fetch_one(_TOKENS + " WHERE t.id = %(id)s", {"id": token_id})
    assert row is not None  # noqa: S101 - inserted in this transaction
    return Token(**row), token


async def list_tokens(db: ScopedDatabase, owner_id: OwnerId) -> list[Token]:
    """Every token there ever was, the newest first."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch(
            _TOKENS + " WHERE t.purpose = 'api' ORDER BY t.created_at DESC, t.id"
        )
    return [Token(**row) for row in found]


async def revoke_token(db: ScopedDatabase, owner_id: OwnerId, which: str) -> Token:
    """Revoke a token. It stops working at the next call, in every process.

    ``which``: its id, its prefix or its name.

    Raises:
        NotFound: no such token.
        BadInput: several have this name.
    """
    found = [
        token
        for token in await list_tokens(db, owner_id)
        if which and which in (str(token.id), token.prefix, token.name)
    ]
    if not found:
        raise NotFound(f"There is no token {which!a}.", hint="See: sb tokens list")
    if len(found) > 1:
        ids = ", ".join(str(token.id) for token in found)
        raise BadInput(f"{len(found)} tokens are called {which!a}.", hint=f"Say which by id: {ids}")
    async with db.begin(OwnerScope(owner_id)) as tx:
        await tx.execute(
            "UPDATE discreet.tokens SET revoked_at = coalesce(revoked_at, clock_timestamp())"
            " WHERE id = %(id)s",
            {"id": found[0].id},
        )
        row = await tx.fetch_one(_TOKENS + " WHERE t.id = %(id)s", {"id": found[0].id})
    assert row is not None  # noqa: S101 - listed before, and tokens aren't removed
    return Token(**row)


def parse_lasting(text: str) -> timedelta:
    """``30d`` -> 30 days; also minutes (m), hours (h) and weeks (w).

    Raises:
        BadInput: it is no such time, nothing, or more than ten years.
    """
    read = re.fullmatch(r"([0-9]{1,6})([mhdw])", text.strip())
    lasts = timedelta(**{_UNITS[read[2]]: int(read[1])}) if read else timedelta()
    if not timedelta() < lasts <= MAX_LIFETIME:
        raise BadInput(f"{text!a} is not a duration.", hint="Examples: 30m, 12h, 30d, 2w.")
    return lasts


def _digest(token: str) -> bytes:
    # Looked up by its hash: how long that takes says nothing about the token.
    return hashlib.sha256(token.encode()).digest()


_TOKENS = f"""
    SELECT t.id, t.name, t.prefix,
           CASE WHEN t.contact_id IS NOT NULL THEN 'contact'
                WHEN t.agent_id IS NOT NULL THEN 'agent' ELSE 'owner' END AS kind,
           coalesce({CONTACT_LABEL.format(row="t")}, a.name, '') AS of,
           a.name AS agent, t.contact_id, t.created_at, t.expires_at, t.revoked_at, t.last_used_at
      FROM discreet.tokens t LEFT JOIN discreet.agents a ON a.id = t.agent_id
"""
