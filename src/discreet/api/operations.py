"""Status, health, readiness and metrics, for the person who runs the installation."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from discreet.api.dependencies import AnyCaller, Api, MetricsReader, OwnerCaller
from discreet.api.metrics import Measured
from discreet.api.problems import documented
from discreet.auth.scopes import bearer_label
from discreet.schemas import operations as wire
from discreet.schemas.backups import BackupList
from discreet.scope import WorkScope
from discreet.services.backups import list_backups
from discreet.services.status import summarise
from discreet.services.usage import get_usage

router = APIRouter(tags=["operations"])


@router.get("/api/admin/status", responses=documented(), operation_id="get_status")
async def status(who: OwnerCaller) -> wire.Status:
    """Get counts of what needs attention."""
    app = who.api.app
    return await summarise(app.channels_of(who.owner_id), app.settings.home)


@router.get("/api/admin/usage", responses=documented(), operation_id="get_usage")
async def usage(
    who: OwnerCaller,
    by: Annotated[wire.UsageBy, Query(description="What to group by.")] = "day",
    days: Annotated[
        int, Query(ge=1, le=366, description="Number of UTC days, including today.")
    ] = 14,
) -> wire.Usage:
    """Get the usage of turns, in tokens and money."""
    return await get_usage(who.db, who.owner_id, by, days)


@router.get("/api/admin/backups", responses=documented(), operation_id="list_backups")
async def backups(who: OwnerCaller) -> BackupList:
    """List the backups that still exist, oldest first."""
    return list_backups(who.api.app.settings.home)


@router.get("/api/me", responses=documented(), operation_id="get_me")
async def me(who: AnyCaller) -> wire.Me:
    """Get the identity of the token."""
    bearer = who.bearer
    return wire.Me(
        kind=bearer.kind,
        agent_id=bearer.agent_id,
        contact_id=bearer.contact_id,
        label=await bearer_label(who.db, bearer),
    )


@router.get("/healthz", operation_id="get_health")
async def health() -> wire.Health:
    """Check that the process is running."""
    return wire.Health()


@router.get("/readyz", responses={503: documented()[503]}, operation_id="get_readiness")
async def readiness(request: Request) -> wire.Health:
    """Check that the database answers."""
    api: Api = request.app.state.api
    async with api.app.db.begin(WorkScope()) as tx:
        await tx.value("SELECT 1")
    return wire.Health()


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses=documented(),
    operation_id="get_metrics",
)
async def metrics(who: MetricsReader, request: Request) -> Response:
    """Get metrics for Prometheus. They contain numbers only: no texts, names or ids."""
    measured: Measured = request.app.state.measured
    app = request.app.state.api.app
    shown = await summarise(app.channels_of(who), app.settings.home)
    now = CollectorRegistry()
    for name, help_text, value in (
        ("waiting_messages", "Messages waiting for an answer.", shown.waiting.messages),
        ("quarantined_messages", "Messages whose sender can't be resolved.", shown.quarantined),
        ("undelivered_answers", "Answers that could not be delivered.", shown.undelivered),
        ("failed_turns", "Turns that failed recently.", shown.failed_turns),
        ("long_turns", "Turns that have been running for a long time.", shown.long_turns),
        ("deaf_channels", "Connected channels that can't receive.", shown.deaf_channels),
        (
            "failing_jobs",
            "Jobs and tasks that fail because of an error in the program.",
            shown.failing_jobs,
        ),
        (
            "backup_failed",
            "1 if the last scheduled backup failed or is overdue.",
            int(bool(shown.backup_problem)),
        ),
        (
            "last_backup_timestamp_seconds",
            "When the last scheduled backup was made; 0 for never.",
            shown.last_backup_at.timestamp() if shown.last_backup_at else 0,
        ),
        ("pairing_requests", "Strangers waiting for approval.", shown.pairing_requests),
        ("contacts", "Contacts.", shown.counts.contacts),
        ("open_sessions", "Open sessions.", shown.counts.open_sessions),
        ("messages", "Messages, inbound and outbound.", shown.counts.messages),
        ("memories", "Memories.", shown.counts.memories),
    ):
        Gauge(f"discreet_{name}", help_text, registry=now).set(value)
    body = generate_latest(measured.shown()) + generate_latest(now)
    return Response(body, media_type=CONTENT_TYPE_LATEST)
