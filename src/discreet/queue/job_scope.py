"""Look up the scope of a job from its id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from discreet.domain.ids import RouteId, SessionId
from discreet.scope import ScopedDatabase, WorkScope, session_scope
from discreet.scope.scopes import SessionScope


@dataclass(frozen=True, slots=True)
class DueRoute:
    """A route with answers to send: its scope, and the platform and account to send on."""

    scope: SessionScope
    platform: str
    account: str


async def scope_of_session(db: ScopedDatabase, session_id: SessionId) -> SessionScope | None:
    """Return the scope of a session's turns, or None if the session is gone."""
    async with db.begin(WorkScope()) as tx:
        row = await tx.fetch_one("SELECT * FROM gate.session_scope(%s)", (session_id,))
    return None if row is None else _scope(row)


async def scope_of_reminder(db: ScopedDatabase, reminder_id: UUID) -> SessionScope | None:
    """Return the scope of a reminder, or None if it is done or cancelled."""
    async with db.begin(WorkScope()) as tx:
        row = await tx.fetch_one("SELECT * FROM gate.reminder_scope(%s)", (reminder_id,))
    return None if row is None else _scope(row)


async def due_route(db: ScopedDatabase, route_id: RouteId) -> DueRoute | None:
    """Return the route of waiting answers, or None if it is gone."""
    async with db.begin(WorkScope()) as tx:
        row = await tx.fetch_one("SELECT * FROM gate.route_scope(%s)", (route_id,))
    return None if row is None else DueRoute(_scope(row), row["platform"], row["account"])


def scope_of_job(found: Mapping[str, Any] | None) -> SessionScope | None:
    """Return the scope that came with a job, or None if its session or route is gone."""
    if found is None:
        return None
    ids = {
        name: UUID(found[name]) for name in ("owner_id", "agent_id", "contact_id") if found[name]
    }
    return _scope({"contact_id": None, **ids, "shared": found["shared"]})


def route_of_job(found: Mapping[str, Any] | None) -> DueRoute | None:
    """Return the route of a job with its scope, or None if it is gone."""
    scope = scope_of_job(found)
    if scope is None or found is None:
        return None
    return DueRoute(scope, found["platform"], found["account"])


def _scope(row: dict[str, Any]) -> SessionScope:
    return session_scope(row["owner_id"], row["agent_id"], row["contact_id"], shared=row["shared"])
