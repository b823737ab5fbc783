"""Status: everything that needs the owner's attention, in one place."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from discreet.contacts.labels import CONTACT_LABEL, party_label
from discreet.contacts.pairing import pending_pairings
from discreet.domain.errors import Unavailable
from discreet.domain.ids import OwnerId
from discreet.schemas import operations as schemas
from discreet.schemas.admission import Pairing
from discreet.schemas.channels import WEB
from discreet.schemas.limits import LimitHit, NearLimit
from discreet.schemas.quarantine import QuarantinedMessage
from discreet.scope import OwnerScope, ScopedDatabase, Transaction, WorkScope
from discreet.services import status_connections, status_turns
from discreet.services.backups import backup_problem, list_backups
from discreet.services.channels import ChannelAccess, unreadable_secrets
from discreet.services.limits import recent_limit_hits
from discreet.services.quarantine import waiting_in_quarantine
from discreet.services.status_connections import (
    DeafChannel,
    FailingWebhook,
    ToolServerNote,
)
from discreet.services.status_turns import (
    MAX_SHOWN,
    FailedTurn,
    FailingJob,
    LongTurn,
    ReplacedModel,
    Undelivered,
)
from discreet.services.takeover import taken_over
from discreet.services.usage import near_limits

_SPILL = """
SELECT count(*) FROM (
  SELECT n FROM generate_series(1, 60000) n ORDER BY md5(n::text) OFFSET 0) sorted
"""

AttentionType = TypeVar("AttentionType", bound="Attention")


@dataclass(frozen=True, slots=True)
class Waiting:
    """Messages that no turn has answered yet."""

    messages: int
    sessions: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Counts:
    """Totals."""

    agents: int
    contacts: int
    open_sessions: int
    messages: int
    memories: int
    reference_passages: int


@dataclass(frozen=True, slots=True)
class Attention:
    """What needs attention. Lists have at most 20 items, newest first.

    ``paused``: names of agents; ``blocked``, ``taken_over`` and ``asking`` (for a person): labels
    of contacts.
    """

    quarantine: tuple[QuarantinedMessage, ...]
    pairings: tuple[Pairing, ...]
    limit_hits: tuple[LimitHit, ...]
    near_limits: tuple[NearLimit, ...]
    replaced_models: tuple[ReplacedModel, ...]
    paused: tuple[str, ...]
    blocked: tuple[str, ...]
    taken_over: tuple[str, ...]
    held_answers: int
    asking: tuple[str, ...]
    turns: tuple[FailedTurn, ...]
    long_turns: tuple[LongTurn, ...]
    undelivered: tuple[Undelivered, ...]
    deaf: tuple[DeafChannel, ...]
    tool_servers: tuple[ToolServerNote, ...]
    failing_webhooks: tuple[FailingWebhook, ...]
    failing_jobs: tuple[FailingJob, ...]
    waiting: Waiting

    @property
    def needs_attention(self) -> bool:
        return bool(
            self.quarantine
            or self.turns
            or self.long_turns
            or self.undelivered
            or self.deaf
            or self.failing_webhooks
            or self.failing_jobs
        )


@dataclass(frozen=True, slots=True)
class Status(Attention):
    """What needs attention, and totals."""

    counts: Counts


async def get_attention(db: ScopedDatabase, owner_id: OwnerId) -> Attention:
    """Return what needs attention, as of one moment. Totals would read every row."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        return await _attention(tx)


async def with_unreadable(found: AttentionType, access: ChannelAccess) -> AttentionType:
    """Add the channels whose token this server has and can't decrypt: they receive nothing here."""
    known = {(one.platform, one.name) for one in found.deaf}
    more = [
        DeafChannel(
            one.platform,
            one.name,
            "this server can't read its secret; remove the chat and add it again"
            if one.platform == WEB
            else f"this server can't read its token; enter it again: sb channels add "
            f"{one.platform}",
        )
        for one in await unreadable_secrets(access)
        if (one.platform, one.name) not in known
    ]
    return replace(found, deaf=(*found.deaf, *more))


async def get_status(db: ScopedDatabase, owner_id: OwnerId) -> Status:
    """Return everything as of one moment, in one transaction."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await _attention(tx)
        counts = await _counts(tx)
    return Status(
        **{field.name: getattr(found, field.name) for field in fields(Attention)}, counts=counts
    )


async def is_new(db: ScopedDatabase, owner_id: OwnerId) -> bool:
    """Return whether nobody has written yet."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        return not await tx.value(
            "SELECT EXISTS (SELECT FROM discreet.sessions WHERE active_hour IS NOT NULL)"
        )


async def _attention(tx: Transaction) -> Attention:
    return Attention(
        quarantine=tuple(await waiting_in_quarantine(tx)),
        pairings=tuple(await pending_pairings(tx))[:MAX_SHOWN],
        limit_hits=await recent_limit_hits(tx),
        near_limits=await near_limits(tx),
        replaced_models=await status_turns.replaced_models(tx),
        paused=await _paused(tx),
        blocked=await _blocked(tx),
        taken_over=await taken_over(tx, MAX_SHOWN),
        held_answers=await tx.value(
            "SELECT count(*) FROM discreet.held_answers WHERE state = 'waiting'"
        ),
        asking=await _asking(tx),
        turns=await status_turns.failed_turns(tx),
        long_turns=await status_turns.long_turns(tx),
        undelivered=await status_turns.undelivered(tx),
        deaf=await status_connections.deaf(tx),
        tool_servers=await status_connections.tool_servers(tx),
        failing_webhooks=await status_connections.failing_webhooks(tx),
        failing_jobs=await status_turns.failing_jobs(tx),
        waiting=await _waiting(tx),
    )


async def _asking(tx: Transaction) -> tuple[str, ...]:
    """Return the contacts that asked for a person and haven't been answered by one."""
    found = await tx.fetch(
        f"""SELECT DISTINCT s.shared, {CONTACT_LABEL.format(row="s")} AS label
              FROM discreet.person_requests r JOIN discreet.sessions s ON s.id = r.session_id
             WHERE r.answered_at IS NULL AND r.ends_at > clock_timestamp()
             ORDER BY label LIMIT %(limit)s""",
        {"limit": MAX_SHOWN},
    )
    return tuple(party_label(row["label"], shared=row["shared"]) for row in found)


async def summarise(access: ChannelAccess, home: Path) -> schemas.Status:
    """Count what needs the owner's attention, for programs. ``home``: the answering server's."""
    status = await get_status(access.db, access.owner_id)
    deaf = (await with_unreadable(status, access)).deaf
    schedule = list_backups(home).schedule
    return schemas.Status(
        quarantined=len(status.quarantine),
        pairing_requests=len(status.pairings),
        limits_reached=len(status.limit_hits),
        paused_agents=list(status.paused),
        blocked_contacts=len(status.blocked),
        taken_over=len(status.taken_over),
        failed_turns=len(status.turns),
        long_turns=len(status.long_turns),
        undelivered=len(status.undelivered),
        deaf_channels=len(deaf),
        failing_jobs=len(status.failing_jobs),
        last_backup_at=None if schedule is None else schedule.last_made_at,
        backup_problem=backup_problem(home),
        waiting=schemas.Waiting.model_validate(status.waiting),
        counts=schemas.Counts.model_validate(status.counts),
    )


async def outage_now(db: ScopedDatabase) -> Unavailable | None:
    """Return why the database can't store anything although it can be read, or None.

    A sort that spills some megabytes to the disk finds out, without any right to write.
    """
    try:
        async with db.begin(WorkScope()) as tx:
            await tx.execute("SET LOCAL work_mem = '64kB'")
            await tx.value(_SPILL)
    except Unavailable as error:
        return error
    return None


async def _paused(tx: Transaction) -> tuple[str, ...]:
    found = await tx.fetch(
        "SELECT name FROM discreet.agents WHERE paused_at IS NOT NULL"
        " ORDER BY paused_at DESC LIMIT %(limit)s",
        {"limit": MAX_SHOWN},
    )
    return tuple(row["name"] for row in found)


async def _blocked(tx: Transaction) -> tuple[str, ...]:
    found = await tx.fetch(
        f"""SELECT {CONTACT_LABEL.format(row="b")} AS label
              FROM (SELECT id AS contact_id FROM discreet.contacts WHERE blocked_at IS NOT NULL
                     ORDER BY blocked_at DESC LIMIT %(limit)s) b""",
        {"limit": MAX_SHOWN},
    )
    return tuple(row["label"] for row in found)


async def _waiting(tx: Transaction) -> Waiting:
    row = await tx.fetch_one(
        """SELECT count(*) AS messages, count(DISTINCT session_id) AS sessions,
                  min(created_at) AS since
             FROM discreet.messages
            WHERE direction = 'in' AND state IN ('waiting', 'taken')"""
    )
    return Waiting(**row) if row else Waiting(0, 0, None)


async def _counts(tx: Transaction) -> Counts:
    row = await tx.fetch_one(
        """SELECT (SELECT count(*) FROM discreet.agents) AS agents,
                  (SELECT count(*) FROM discreet.contacts
                    WHERE merged_into IS NULL) AS contacts,
                  (SELECT count(*) FROM discreet.sessions WHERE ended_at IS NULL) AS open_sessions,
                  (SELECT count(*) FROM discreet.messages) AS messages,
                  (SELECT count(*) FROM discreet.memories) AS memories,
                  (SELECT count(*) FROM discreet.passages) AS reference_passages"""
    )
    return Counts(**row) if row else Counts(0, 0, 0, 0, 0, 0)
