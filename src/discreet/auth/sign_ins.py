"""Browsers signed in to the dashboard, and the one-time codes that sign them in."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from discreet.domain.errors import NotFound
from discreet.domain.ids import OwnerId
from discreet.domain.text import plain_name
from discreet.scope import OwnerScope, ScopedDatabase, WorkScope

CODE_LASTS = timedelta(minutes=10)
SESSION_LASTS = timedelta(days=7)
MAX_SECRET_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class SignIn:
    """A signed-in browser. ``device``: its own description."""

    id: UUID
    device: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class DashboardSession:
    """The owner and session behind a session's secret."""

    id: UUID
    owner_id: OwnerId


async def create_sign_in_code(db: ScopedDatabase, owner_id: OwnerId) -> str:
    """Create a code that signs one browser in, once, within ten minutes."""
    code = secrets.token_urlsafe(32)
    async with db.begin(OwnerScope(owner_id)) as tx:
        await tx.execute(
            "INSERT INTO discreet.tokens (name, prefix, digest, expires_at, purpose) VALUES"
            " ('', '', %(digest)s, clock_timestamp() + %(lasts)s::interval, 'sign_in')",
            {"digest": _digest(code), "lasts": CODE_LASTS},
        )
    return code


async def sign_in(db: ScopedDatabase, code: str, device: str) -> str | None:
    """Exchange a code for the secret of a new session; None if the code is not valid now."""
    if not _may_be_ours(code):
        return None
    secret = secrets.token_urlsafe(32)
    async with db.begin(WorkScope()) as tx:
        made = await tx.value(
            "SELECT gate.sign_in(%(code)s, %(session)s, %(device)s, %(lasts)s)",
            {
                "code": _digest(code),
                "session": _digest(secret),
                "device": plain_name(device),
                "lasts": SESSION_LASTS,
            },
        )
    return None if made is None else secret


async def find_session(db: ScopedDatabase, secret: str) -> DashboardSession | None:
    """Look up a session at every request; None if it is unknown, expired or revoked."""
    if not _may_be_ours(secret):
        return None
    async with db.begin(WorkScope()) as tx:
        row = await tx.fetch_one(
            "SELECT * FROM gate.dashboard_session(%(digest)s)", {"digest": _digest(secret)}
        )
    return None if row is None else DashboardSession(row["session_id"], row["owner_id"])


async def list_sign_ins(db: ScopedDatabase, owner_id: OwnerId) -> list[SignIn]:
    """List the browsers that are signed in now, newest first."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch(
            "SELECT id, name AS device, created_at, expires_at, last_used_at FROM discreet.tokens"
            " WHERE purpose = 'dashboard' AND revoked_at IS NULL"
            "   AND expires_at > clock_timestamp() ORDER BY created_at DESC, id"
        )
    return [SignIn(**row) for row in found]


async def sign_out(db: ScopedDatabase, owner_id: OwnerId, session_id: UUID) -> None:
    """End one session, from its next request on.

    Raises:
        NotFound: no such session is signed in.
    """
    if not await _revoke(db, owner_id, session_id):
        raise NotFound("That browser is not signed in.")


async def sign_out_everywhere(db: ScopedDatabase, owner_id: OwnerId) -> int:
    """End every session and every unused code. Return how many sessions there were."""
    return await _revoke(db, owner_id, None)


async def _revoke(db: ScopedDatabase, owner_id: OwnerId, session_id: UUID | None) -> int:
    async with db.begin(OwnerScope(owner_id)) as tx:
        ended = await tx.fetch(
            "UPDATE discreet.tokens SET revoked_at = clock_timestamp()"
            " WHERE revoked_at IS NULL AND expires_at > clock_timestamp()"
            "   AND (id = %(id)s AND purpose = 'dashboard'"
            "        OR %(id)s::uuid IS NULL AND purpose IN ('dashboard', 'sign_in'))"
            " RETURNING purpose",
            {"id": session_id},
        )
    return sum(row["purpose"] == "dashboard" for row in ended)


def _may_be_ours(secret: str) -> bool:
    return secret.isascii() and 0 < len(secret) <= MAX_SECRET_CHARACTERS


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
