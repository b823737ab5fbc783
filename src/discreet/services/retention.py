"""Retention: delete messages, files and memories that have been kept long enough."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import NoReturn, get_args

import structlog
from psycopg.types.json import Jsonb

from discreet.domain.errors import BadInput, NotFound
from discreet.domain.ids import OwnerId
from discreet.domain.paging import MAX_LISTED
from discreet.queue.failing_jobs import Recurring
from discreet.queue.leases import leader_lock
from discreet.schemas.retention import (
    RetentionKind,
    RetentionPreview,
    RetentionRule,
    RetentionRun,
    RetentionTarget,
    RetentionToSet,
)
from discreet.scope import OwnerScope, ScopedDatabase, Transaction, WorkScope
from discreet.services.agents import get_agent
from discreet.services.channels import find_channel, refuse_web

__all__ = [
    "list_retention",
    "list_retention_runs",
    "preview_retention",
    "remove_retention",
    "retain_daily",
    "run_due_retention",
    "run_retention",
    "set_retention",
]

log = structlog.get_logger(__name__)

BATCH = 500
"""Maximum rows of a kind that one transaction deletes."""
LOOK_SECONDS = 600.0
EVERY = timedelta(hours=24)
RECEIPTS_KEPT = timedelta(days=730)
KINDS: tuple[RetentionKind, ...] = get_args(RetentionKind)


async def list_retention(db: ScopedDatabase, owner_id: OwnerId) -> tuple[RetentionRule, ...]:
    """Return all rules, the widest first."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        return await _rules(tx)


async def set_retention(
    db: ScopedDatabase, owner_id: OwnerId, wanted: RetentionToSet
) -> tuple[RetentionRule, ...]:
    """Set rules, and return all. The next run follows them.

    Raises:
        NotFound: there is no such agent or channel.
        BadInput: nothing is given, or memories for a channel.
    """
    given = {kind: days for kind in KINDS if (days := getattr(wanted, kind)) is not None}
    if not given:
        raise BadInput("Nothing to set.", hint="Give days for messages, files or memories.")
    if wanted.channel is not None and "memories" in given:
        raise BadInput("Memories belong to an agent, not to a channel.", hint="Name the agent.")
    values = await _target(db, owner_id, wanted)
    async with db.begin(OwnerScope(owner_id)) as tx:
        for kind, days in given.items():
            await tx.execute(
                "INSERT INTO discreet.retention (agent_id, channel_id, kind, days)"
                " VALUES (%(agent)s, %(channel)s, %(kind)s, %(days)s)"
                " ON CONFLICT (owner_id, agent_id, channel_id, kind)"
                " DO UPDATE SET days = excluded.days",
                {**values, "kind": kind, "days": None if days == "never" else days},
            )
        return await _rules(tx)


async def remove_retention(
    db: ScopedDatabase, owner_id: OwnerId, target: RetentionTarget
) -> tuple[RetentionRule, ...]:
    """Remove the rules of everything, an agent or a channel, and return those that are left.

    Raises:
        NotFound: there is no such agent, channel or rule.
    """
    values = await _target(db, owner_id, target)
    async with db.begin(OwnerScope(owner_id)) as tx:
        removed = await tx.fetch(
            "DELETE FROM discreet.retention WHERE agent_id IS NOT DISTINCT FROM %(agent)s"
            " AND channel_id IS NOT DISTINCT FROM %(channel)s RETURNING 1",
            values,
        )
        if not removed:
            raise NotFound("There is no such rule.", hint="See: sb retention show")
        return await _rules(tx)


async def preview_retention(db: ScopedDatabase, owner_id: OwnerId) -> RetentionPreview:
    """Count what ``run_retention`` would delete now."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        return RetentionPreview(
            counts=await tx.value("SELECT gate.preview_retention()"),
            on_hold=await tx.value(
                "SELECT count(*) FROM discreet.contacts WHERE on_hold_at IS NOT NULL"
            ),
        )


async def run_retention(db: ScopedDatabase, owner_id: OwnerId) -> RetentionRun:
    """Delete what has been kept long enough, in batches, and return the receipt.

    Rows of contacts on hold stay, and conversations that are in use wait for the next run.
    """
    began_at = datetime.now(UTC)
    total: Counter[str] = Counter()
    while True:
        async with db.begin(OwnerScope(owner_id)) as tx:
            counts = await tx.value("SELECT gate.apply_retention(%(most)s)", {"most": BATCH})
        total.update(counts)
        if not any(counts.values()):
            break
    async with db.begin(OwnerScope(owner_id)) as tx:
        await tx.execute(
            "DELETE FROM discreet.retention_runs WHERE ended_at < clock_timestamp() - %(kept)s",
            {"kept": RECEIPTS_KEPT},
        )
        row = await tx.fetch_one(
            "INSERT INTO discreet.retention_runs (counts, began_at)"
            " VALUES (%(counts)s, %(began)s) RETURNING id, began_at, ended_at, counts",
            {"counts": Jsonb(dict(total)), "began": began_at},
        )
    assert row is not None  # noqa: S101 - inserted just now
    return RetentionRun(**row)


async def list_retention_runs(
    db: ScopedDatabase, owner_id: OwnerId, *, limit: int = MAX_LISTED, skip: int = 0
) -> tuple[RetentionRun, ...]:
    """Return receipts, newest first."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch(
            "SELECT id, began_at, ended_at, counts FROM discreet.retention_runs"
            " ORDER BY ended_at DESC, id LIMIT %(limit)s OFFSET %(skip)s",
            {"limit": limit, "skip": skip},
        )
    return tuple(RetentionRun(**row) for row in found)


async def retain_daily(db: ScopedDatabase, conninfo: str) -> NoReturn:
    """Run the retention of every owner once a day, on one server. ``conninfo``: the worker's."""

    async def run() -> None:
        async with leader_lock(conninfo, "retention"):
            await run_due_retention(db)

    running = Recurring(db, "retention", run)
    while True:
        await running.run_if_due()
        await asyncio.sleep(LOOK_SECONDS)


async def run_due_retention(db: ScopedDatabase) -> int:
    """Run the retention of owners that have rules and had no run for a day; return how many."""
    async with db.begin(WorkScope()) as tx:
        owners = [OwnerId(row["owner_id"]) for row in await tx.fetch("SELECT * FROM gate.owners()")]
    done = 0
    for owner_id in owners:
        async with db.begin(OwnerScope(owner_id)) as tx:
            is_due = await tx.value(
                "SELECT EXISTS (SELECT FROM discreet.retention WHERE days IS NOT NULL)"
                " AND NOT EXISTS (SELECT FROM discreet.retention_runs"
                "                  WHERE ended_at > clock_timestamp() - %(every)s)",
                {"every": EVERY},
            )
        if is_due:
            run = await run_retention(db, owner_id)
            log.info("retention ran", receipt=str(run.id), **run.counts)
            done += 1
    return done


async def _rules(tx: Transaction) -> tuple[RetentionRule, ...]:
    found = await tx.fetch(
        "SELECT a.name AS agent, c.platform || CASE WHEN c.name = '' THEN '' ELSE ' ' || c.name END"
        " AS channel, r.kind, r.days"
        "  FROM discreet.retention r LEFT JOIN discreet.agents a ON a.id = r.agent_id"
        "  LEFT JOIN discreet.channels c ON c.id = r.channel_id"
        " ORDER BY a.name NULLS FIRST, channel NULLS FIRST, r.kind"
    )
    return tuple(RetentionRule(**row) for row in found)


async def _target(
    db: ScopedDatabase, owner_id: OwnerId, target: RetentionTarget
) -> dict[str, object]:
    if target.channel is not None:
        channel = await find_channel(db, owner_id, target.channel)
        refuse_web(channel, "What is said there is kept as long as its agent's.", "Use --agent")
        agent = await get_agent(db, owner_id, channel.agent)
        if target.agent is not None and target.agent != channel.agent:
            raise NotFound(f"{channel.label} isn't a channel of {target.agent}.")
        return {"agent": agent.id, "channel": channel.id}
    if target.agent is not None:
        return {"agent": (await get_agent(db, owner_id, target.agent)).id, "channel": None}
    return {"agent": None, "channel": None}
