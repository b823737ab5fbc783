"""Access tokens for programs, and the scope that each of them carries.

A token is looked up at every call and never cached, so a revoked one is refused at once by every
process.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, LiteralString
from uuid import UUID

from discreet.auth.rate_limits import TooManyRequests
from discreet.contacts.agent_names import full_name
from discreet.contacts.labels import CONTACT_LABEL
from discreet.contacts.lookup import find_entry
from discreet.domain.errors import BadInput, Forbidden, NotFound, Unauthorized
from discreet.domain.ids import AgentId, ContactId, OwnerId
from discreet.domain.paging import MAX_LISTED
from discreet.domain.text import MAX_NAME, plain_name
from discreet.schemas.tokens import MAX_LIFE_SECONDS, Token
from discreet.scope import OwnerScope, ScopedDatabase, WorkScope
from discreet.scope.scopes import SessionScope, session_scope

BearerKind = Literal["owner", "agent", "contact"]

MARK = "sb_"
"""The prefix of every token, so that a leaked one is recognized."""
SHOWN_CHARACTERS = len(MARK) + 6
"""Characters of a token that are stored to tell tokens apart in a list; 36 bits of 256."""
MAX_LIFETIME = timedelta(seconds=MAX_LIFE_SECONDS)
MINTED_A_MINUTE = 60
"""Maximum tokens per minute that one agent's token may mint, on all servers together."""
MINTED_OF_CONTACT = 20
"""Maximum valid minted tokens of one contact; one more ends the oldest."""
_ID_START = re.compile(r"(?i)[0-9a-f]{6,8}|[0-9a-f]{8}-[0-9a-f-]{0,27}")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


FIND_BEARER: LiteralString = "SELECT * FROM gate.token_scope_with_ticket(%(ticket)s, %(digest)s) t"


@dataclass(frozen=True, slots=True)
class Bearer:
    """The bearer of a token.

    ``shared``: the agent shares one memory among everyone who talks to it. ``token_id`` None: no
    token was used, and the person who runs the installation vouches.
    """

    token_id: UUID | None
    owner_id: OwnerId
    agent_id: AgentId | None
    contact_id: ContactId | None
    shared: bool

    @property
    def kind(self) -> BearerKind:
        """The kind of token."""
        if self.contact_id is not None:
            return "contact"
        return "owner" if self.agent_id is None else "agent"

    @property
    def scope(self) -> SessionScope:
        """The scope that the token carries, and never more.

        A contact's token carries the contact's scope, or the shared one if the agent shares its
        memory.

        Raises:
            Forbidden: it carries none by itself, like an agent's.
        """
        if self.kind == "agent":
            # It is valid for any contact of its agent, so a contact must be named.
            raise Forbidden("An agent's token needs a contact.", hint="Name the contact.")
        if self.contact_id is None:
            return OwnerScope(self.owner_id)
        if self.agent_id is None:
            raise Unauthorized("This token names a contact but no agent.")
        contact = None if self.shared else self.contact_id
        return session_scope(self.owner_id, self.agent_id, contact, shared=self.shared)


async def authenticate(db: ScopedDatabase, token: str) -> Bearer:
    """Return the current bearer of this token.

    Raises:
        Unauthorized: it is missing or not valid; the answer is the same whatever the reason.
    """
    return Bearer(**await look_up(db, token, FIND_BEARER, {}))


async def look_up(
    db: ScopedDatabase, token: str, sql: LiteralString, params: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the row of a token, by a query that begins with ``FIND_BEARER``.

    Raises:
        Unauthorized: as ``authenticate``.
    """
    if not token:
        raise Unauthorized(
            "This request has no token.", hint="Send the header: Authorization: Bearer sb_..."
        )
    row = None
    if token.isascii():
        row = await db.ask(WorkScope(), sql, {**params, "digest": _digest(token)})
    if row is None:
        raise Unauthorized(
            "Invalid, expired or revoked token.", hint="Create one: sb tokens create --help"
        )
    return row


async def owner_of_metrics(db: ScopedDatabase, token: str) -> OwnerId:
    """Return the owner whose metrics a token may read: a metrics token or the owner's own.

    Raises:
        Unauthorized: it is missing or not valid.
        Forbidden: it is of another kind.
    """
    if token and token.isascii():
        async with db.begin(WorkScope()) as tx:
            owner_id = await tx.value(
                "SELECT gate.metrics_owner(%(digest)s)", {"digest": _digest(token)}
            )
        if owner_id is not None:
            return OwnerId(owner_id)
    bearer = await authenticate(db, token)
    if bearer.kind != "owner":
        raise Forbidden(
            "Metrics need an owner's token or one for metrics.",
            hint="Create one: sb tokens create --metrics",
        )
    return bearer.owner_id


async def create_token(
    db: ScopedDatabase,
    owner_id: OwnerId,
    *,
    agent: str | None = None,
    contact: str | None = None,
    name: str = "",
    lasts: timedelta | None = None,
    metrics: bool = False,
) -> tuple[Token, str]:
    """Return a new token and its text, which is shown only once.

    Without ``agent`` or ``contact`` it is the owner's, or with ``metrics`` for metrics only. A
    contact's is for ``agent``, or for the agent created first.

    Raises:
        NotFound, BadInput: no such agent or contact, or an invalid name.
    """
    if name != plain_name(name):
        raise BadInput(
            f"{name[:100]!a} is not a valid name.",
            hint=f"Use one line of at most {MAX_NAME} visible characters.",
        )
    token = MARK + secrets.token_urlsafe(32)
    async with db.begin(OwnerScope(owner_id)) as tx:
        contact_id = None if contact is None else (await find_entry(tx, contact)).contact.id
        agent_id = None
        if agent is not None or contact is not None:
            if agent is not None:
                agent = await full_name(tx, agent)
            agent_id = await tx.value(
                "SELECT id FROM discreet.agents WHERE %(agent)s::text IS NULL OR name = %(agent)s"
                " ORDER BY created_at, id LIMIT 1",
                {"agent": agent},
            )
            if agent_id is None:
                raise NotFound("There is no such agent.", hint="See: sb agents list")
        token_id = await tx.value(
            """INSERT INTO discreet.tokens (agent_id, contact_id, name, prefix, digest, expires_at,
                                             purpose)
               VALUES (%(agent)s, %(contact)s, %(name)s, %(prefix)s, %(digest)s,
                       clock_timestamp() + %(lasts)s::interval, %(purpose)s) RETURNING id""",
            {
                "agent": agent_id,
                "contact": contact_id,
                "name": name,
                "prefix": token[:SHOWN_CHARACTERS],
                "digest": _digest(token),
                "lasts": lasts,
                "purpose": "metrics" if metrics else "api",
            },
        )
        row = await tx.fetch_one(_TOKENS + " WHERE t.id = %(id)s", {"id": token_id})
    assert row is not None  # noqa: S101 - inserted in this transaction
    return Token(**row), token


async def mint_token(
    db: ScopedDatabase, bearer: Bearer, contact_id: ContactId, lasts: timedelta
) -> tuple[UUID, str, datetime]:
    """Mint a token for a contact with an agent's token; return its id, its text and its expiry.

    It has no more rights than the token that mints it, and expires with that one at the latest. The
    caller has checked that the agent knows the contact.

    Raises:
        Unauthorized: the minting token has expired.
        Forbidden: it is not an agent's, or the contact is blocked, merged, or a group.
        TooManyRequests: it has minted too many within a minute.
    """
    if bearer.kind != "agent":
        raise Forbidden(
            "Only an agent's token mints tokens.", hint="Create one: sb tokens create --agent NAME"
        )
    token = MARK + secrets.token_urlsafe(32)
    async with db.begin(OwnerScope(bearer.owner_id)) as tx:
        row = await tx.fetch_one(
            "SELECT * FROM gate.mint_token(%(minter)s, %(contact)s, %(prefix)s, %(digest)s,"
            " %(lasts)s, %(a_minute)s, %(of_contact)s)",
            {
                "minter": bearer.token_id,
                "contact": contact_id,
                "prefix": token[:SHOWN_CHARACTERS],
                "digest": _digest(token),
                "lasts": lasts,
                "a_minute": MINTED_A_MINUTE,
                "of_contact": MINTED_OF_CONTACT,
            },
        )
    assert row is not None  # noqa: S101 - the function gives one row
    match row["code"]:
        case None:
            return row["token_id"], token, row["ends_at"]
        case "too_many":
            raise TooManyRequests(
                60, f"This token minted {MINTED_A_MINUTE} tokens within a minute."
            )
        case "no_such_contact":
            raise Forbidden("This contact is blocked, merged into another, or a group.")
        case _:
            raise Unauthorized("Invalid, expired or revoked token.")


async def list_tokens(
    db: ScopedDatabase, owner_id: OwnerId, *, minted: bool = False
) -> list[Token]:
    """List the owner's tokens, or those that agents' tokens ``minted``, newest first.

    At most 1,000 are listed.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch(
            _TOKENS + " WHERE t.purpose IN ('api', 'metrics')"
            "   AND (t.minted_by IS NOT NULL) = %(minted)s"
            " ORDER BY t.created_at DESC, t.id LIMIT %(limit)s",
            {"minted": minted, "limit": MAX_LISTED},
        )
    return [Token(**row) for row in found]


async def revoke_token(db: ScopedDatabase, owner_id: OwnerId, which: str) -> Token:
    """Revoke a token. It stops working at the next call, in every process.

    ``which``: its id, or at least the first six characters of it; its prefix; or its name.

    Raises:
        NotFound: no such token.
        BadInput: several have this name.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        rows = await tx.fetch(
            _TOKENS + " WHERE t.purpose IN ('api', 'metrics') AND %(which)s <> ''"
            "   AND (%(which)s IN (t.prefix, t.name) OR starts_with(t.id::text, %(start)s))"
            " ORDER BY t.created_at LIMIT 20",
            {"which": which, "start": which.casefold() if _ID_START.fullmatch(which) else None},
        )
    found = [Token(**row) for row in rows]
    if not found:
        raise NotFound(f"There is no token {which!a}.", hint="See: sb tokens list")
    if len(found) > 1:
        ids = ", ".join(str(token.id) for token in found)
        raise BadInput(
            f"{len(found)} tokens are called {which!a}.", hint=f"Use one of these ids: {ids}"
        )
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
    """Parse a duration such as ``30d``: minutes (m), hours (h), days (d) or weeks (w).

    Raises:
        BadInput: not a duration, zero, or more than ten years.
    """
    read = re.fullmatch(r"([0-9]{1,6})([mhdw])", text.strip())
    lasts = timedelta(**{_UNITS[read[2]]: int(read[1])}) if read else timedelta()
    if not timedelta() < lasts <= MAX_LIFETIME:
        raise BadInput(f"{text!a} is not a duration.", hint="Examples: 30m, 12h, 30d, 2w.")
    return lasts


def _digest(token: str) -> bytes:
    # Look up by hash: the timing reveals nothing about the token.
    return hashlib.sha256(token.encode()).digest()


_TOKENS = f"""
    SELECT t.id, t.name, t.prefix,
           CASE WHEN t.purpose = 'metrics' THEN 'metrics'
                WHEN t.contact_id IS NOT NULL THEN 'contact'
                WHEN t.agent_id IS NOT NULL THEN 'agent' ELSE 'owner' END AS kind,
           coalesce({CONTACT_LABEL.format(row="t")}, a.name, '') AS of,
           a.name AS agent, t.contact_id, t.created_at, t.expires_at, t.revoked_at, t.last_used_at,
           t.minted_by
      FROM discreet.tokens t LEFT JOIN discreet.agents a ON a.id = t.agent_id
"""
