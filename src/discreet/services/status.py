"""Status: everything that needs the owner's attention, in one place."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, TypeVar
from uuid import UUID

from discreet.contacts.labels import CONTACT_LABEL, whose
from discreet.contacts.pairing import pending_pairings
from discreet.domain.database_codes import text_of_code
from discreet.domain.errors import Unavailable
from discreet.domain.ids import OwnerId
from discreet.schemas import operations as schemas
from discreet.schemas.admission import Pairing
from discreet.schemas.limits import LimitHit, NearLimit
from discreet.schemas.quarantine import QuarantinedMessage
from discreet.scope import OwnerScope, ScopedDatabase, Transaction, WorkScope
from discreet.services.backups import backup_problem, list_backups
from discreet.services.channels import ChannelAccess, unreadable_secrets
from discreet.services.limits import recent_limit_hits
from discreet.services.quarantine import waiting_in_quarantine
from discreet.services.takeover import taken_over
from discreet.services.usage import near_limits

LOOK_BACK = timedelta(days=7)  # older failures are not reported
DELIVERY_GRACE = timedelta(minutes=1)  # an answer that is pending longer than this is reported
LONG_TURN = timedelta(minutes=2)  # a turn that runs longer than this is reported
_MAX_SHOWN = 20
_SPILL = """
SELECT count(*) FROM (
  SELECT n FROM generate_series(1, 60000) n ORDER BY md5(n::text) OFFSET 0) sorted
"""

AttentionType = TypeVar("AttentionType", bound="Attention")
FailureState = Literal["failed", "given_up", "lost"]


@dataclass(frozen=True, slots=True)
class FailedTurn:
    """A turn that failed. ``retry_at`` None: it isn't retried."""

    turn_id: UUID
    session_id: UUID
    agent: str
    whose: str
    state: FailureState
    attempt: int
    error: str
    at: datetime
    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class LongTurn:
    """A turn that has been running for a long time. ``characters``: the length of its draft."""

    turn_id: UUID
    session_id: UUID
    agent: str
    whose: str
    attempt: int
    since: datetime
    characters: int


@dataclass(frozen=True, slots=True)
class ReplacedModel:
    """An agent whose model failed within a day, so that fallback models answered ``turns`` times.

    ``model`` is the fallback that answered last, and ``reason`` says why.
    """

    agent: str
    turns: int
    model: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Undelivered:
    """An answer that has not been delivered. ``state``: pending, sending or failed."""

    message_id: UUID
    session_id: UUID
    agent: str
    whose: str
    state: str
    attempts: int
    error: str
    since: datetime


@dataclass(frozen=True, slots=True)
class DeafChannel:
    """A channel that can't receive, and the reason ``why``."""

    platform: str
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class ToolServerNote:
    """A server of an agent that needs attention, or was given more than usual.

    ``changes``: it offers something that wasn't approved; ``error``: why its last test failed.
    """

    agent: str
    name: str
    shared: bool
    trusted: bool
    changes: bool
    error: str


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
class FailingWebhook:
    """A webhook that doesn't take events. ``is_disabled``: none is sent there any more."""

    id: UUID
    url: str
    why: str
    is_disabled: bool


@dataclass(frozen=True, slots=True)
class FailingJob:
    """A job that fails by an error of the program, or a task of the server.

    ``task``: turn, deliver, remind, or the name of a task, which has no session. ``error``: its
    type.
    """

    task: str
    session_id: UUID | None
    contact_id: UUID | None
    agent: str
    whose: str
    error: str
    failures: int
    since: datetime
    next_try_at: datetime


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
            f"its token can't be read by this server: sb channels add {one.platform}",
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
            "SELECT EXISTS (SELECT FROM discreet.sessions WHERE last_message_at IS NOT NULL)"
        )


async def _attention(tx: Transaction) -> Attention:
    return Attention(
        quarantine=tuple(await waiting_in_quarantine(tx)),
        pairings=tuple(await pending_pairings(tx))[:_MAX_SHOWN],
        limit_hits=await recent_limit_hits(tx),
        near_limits=await near_limits(tx),
        replaced_models=await _replaced_models(tx),
        paused=await _paused(tx),
        blocked=await _blocked(tx),
        taken_over=await taken_over(tx, _MAX_SHOWN),
        held_answers=await tx.value(
            "SELECT count(*) FROM discreet.held_answers WHERE state = 'waiting'"
        ),
        asking=await _asking(tx),
        turns=await _failed_turns(tx),
        long_turns=await _long_turns(tx),
        undelivered=await _undelivered(tx),
        deaf=await _deaf(tx),
        tool_servers=await _tool_servers(tx),
        failing_webhooks=await _failing_webhooks(tx),
        failing_jobs=await _failing_jobs(tx),
        waiting=await _waiting(tx),
    )


async def _tool_servers(tx: Transaction) -> tuple[ToolServerNote, ...]:
    found = await tx.fetch(
        """SELECT a.name AS agent, s.name, s.shared, s.trusted, s.offered IS NOT NULL AS changes,
                  s.last_error AS error
             FROM discreet.tool_servers s JOIN discreet.agents a ON a.id = s.agent_id
            WHERE s.shared OR s.trusted OR s.offered IS NOT NULL OR s.last_error <> ''
            ORDER BY a.name, s.name LIMIT %(limit)s""",
        {"limit": _MAX_SHOWN},
    )
    return tuple(ToolServerNote(**row) for row in found)


async def _failing_webhooks(tx: Transaction) -> tuple[FailingWebhook, ...]:
    found = await tx.fetch(
        "SELECT id, url, coalesce(last_error, '') AS why, disabled_at IS NOT NULL AS is_disabled"
        " FROM discreet.webhooks WHERE failing_since < clock_timestamp() - interval '5 minutes'"
        " ORDER BY failing_since LIMIT %(limit)s",
        {"limit": _MAX_SHOWN},
    )
    return tuple(FailingWebhook(**row) for row in found)


async def _failing_jobs(tx: Transaction) -> tuple[FailingJob, ...]:
    found = await tx.fetch(
        f"""SELECT f.task, f.session_id, s.contact_id, coalesce(a.name, '') AS agent,
                   coalesce(s.shared, false) AS shared, {CONTACT_LABEL.format(row="s")} AS label,
                   f.error, f.failures, f.since, f.next_try_at
              FROM gate.failing_work() f
              LEFT JOIN discreet.sessions s ON s.id = f.session_id
              LEFT JOIN discreet.agents a ON a.id = s.agent_id
             ORDER BY f.since, f.task LIMIT %(limit)s""",
        {"limit": _MAX_SHOWN},
    )
    return tuple(
        FailingJob(
            task=row["task"],
            session_id=row["session_id"],
            contact_id=row["contact_id"],
            agent=row["agent"],
            whose=whose(row["label"], shared=row["shared"]),
            error=row["error"],
            failures=row["failures"],
            since=row["since"],
            next_try_at=row["next_try_at"],
        )
        for row in found
    )


async def _asking(tx: Transaction) -> tuple[str, ...]:
    """Return the contacts that asked for a person and haven't been answered by one."""
    found = await tx.fetch(
        f"""SELECT DISTINCT s.shared, {CONTACT_LABEL.format(row="s")} AS label
              FROM discreet.person_requests r JOIN discreet.sessions s ON s.id = r.session_id
             WHERE r.answered_at IS NULL AND r.ends_at > clock_timestamp()
             ORDER BY label LIMIT %(limit)s""",
        {"limit": _MAX_SHOWN},
    )
    return tuple(whose(row["label"], shared=row["shared"]) for row in found)


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
        {"limit": _MAX_SHOWN},
    )
    return tuple(row["name"] for row in found)


async def _blocked(tx: Transaction) -> tuple[str, ...]:
    found = await tx.fetch(
        f"""SELECT {CONTACT_LABEL.format(row="b")} AS label
              FROM (SELECT id AS contact_id FROM discreet.contacts WHERE blocked_at IS NOT NULL
                     ORDER BY blocked_at DESC LIMIT %(limit)s) b""",
        {"limit": _MAX_SHOWN},
    )
    return tuple(row["label"] for row in found)


async def _failed_turns(tx: Transaction) -> tuple[FailedTurn, ...]:
    """Return turns that gave up, and failed turns that are the last of their session."""
    found = await tx.fetch(
        f"""SELECT t.id AS turn_id, t.session_id, a.name AS agent, t.shared,
                   {CONTACT_LABEL.format(row="t")} AS contact_label,
                   t.state, t.attempt, coalesce(t.error, '') AS error,
                   coalesce(t.finished_at, t.started_at) AS at,
                   (SELECT min(m.not_before) FROM discreet.messages m
                     WHERE m.session_id = t.session_id AND m.state = 'waiting') AS retry_at
              FROM discreet.turns t
              JOIN discreet.agents a ON a.id = t.agent_id
             WHERE t.state IN ('failed', 'given_up', 'lost')
               AND t.started_at > clock_timestamp() - %(look_back)s
               AND (t.state = 'given_up' OR NOT EXISTS (
                     SELECT FROM discreet.turns later
                      WHERE later.session_id = t.session_id AND later.started_at > t.started_at))
             ORDER BY t.started_at DESC LIMIT %(limit)s""",
        {"look_back": LOOK_BACK, "limit": _MAX_SHOWN},
    )
    return tuple(
        FailedTurn(
            turn_id=row["turn_id"],
            session_id=row["session_id"],
            agent=row["agent"],
            whose=whose(row["contact_label"], shared=row["shared"]),
            state=row["state"],
            attempt=row["attempt"],
            error=text_of_code(row["error"]),
            at=row["at"],
            retry_at=row["retry_at"],
        )
        for row in found
    )


async def _long_turns(tx: Transaction) -> tuple[LongTurn, ...]:
    found = await tx.fetch(
        f"""SELECT t.id AS turn_id, t.session_id, a.name AS agent, t.shared,
                   {CONTACT_LABEL.format(row="t")} AS contact_label, t.attempt,
                   t.started_at AS since, coalesce(length(d.text), 0) AS characters
              FROM discreet.turns t
              JOIN discreet.agents a ON a.id = t.agent_id
              LEFT JOIN discreet.drafts d ON d.turn_id = t.id
             WHERE t.state = 'running' AND t.started_at < clock_timestamp() - %(long)s
             ORDER BY t.started_at LIMIT %(limit)s""",
        {"long": LONG_TURN, "limit": _MAX_SHOWN},
    )
    return tuple(
        LongTurn(
            turn_id=row["turn_id"],
            session_id=row["session_id"],
            agent=row["agent"],
            whose=whose(row["contact_label"], shared=row["shared"]),
            attempt=row["attempt"],
            since=row["since"],
            characters=row["characters"],
        )
        for row in found
    )


async def _replaced_models(tx: Transaction) -> tuple[ReplacedModel, ...]:
    found = await tx.fetch(
        """SELECT a.name AS agent, count(*) AS turns, max(t.finished_at) AS at,
                  (array_agg(t.model ORDER BY t.finished_at DESC))[1] AS model,
                  (array_agg(t.usage->>'instead_of' ORDER BY t.finished_at DESC))[1] AS reason
             FROM discreet.turns t JOIN discreet.agents a ON a.id = t.agent_id
            WHERE t.usage->>'instead_of' IS NOT NULL AND t.state = 'answered'
              AND t.started_at > clock_timestamp() - interval '1 day'
            GROUP BY a.id, a.name ORDER BY at DESC LIMIT %(limit)s""",
        {"limit": _MAX_SHOWN},
    )
    return tuple(ReplacedModel(**row) for row in found)


async def _undelivered(tx: Transaction) -> tuple[Undelivered, ...]:
    found = await tx.fetch(
        f"""SELECT o.message_id, o.session_id, a.name AS agent, o.shared,
                   {CONTACT_LABEL.format(row="o")} AS contact_label,
                   o.state, o.attempts, coalesce(o.error, '') AS error, o.created_at AS since
              FROM discreet.outbox o
              JOIN discreet.agents a ON a.id = o.agent_id
             WHERE o.state = 'failed'
                OR (o.state <> 'sent' AND o.created_at < clock_timestamp() - %(grace)s)
             ORDER BY o.created_at DESC LIMIT %(limit)s""",
        {"grace": DELIVERY_GRACE, "limit": _MAX_SHOWN},
    )
    return tuple(
        Undelivered(
            message_id=row["message_id"],
            session_id=row["session_id"],
            agent=row["agent"],
            whose=whose(row["contact_label"], shared=row["shared"]),
            state=row["state"],
            attempts=row["attempts"],
            error=row["error"],
            since=row["since"],
        )
        for row in found
    )


async def _deaf(tx: Transaction) -> tuple[DeafChannel, ...]:
    found = await tx.fetch(
        "SELECT c.platform, c.name, CASE WHEN s.platform IS NOT NULL THEN c.last_error"
        "   ELSE 'its token is missing: sb channels add ' || c.platform END AS why"
        "  FROM discreet.channels c"
        "  LEFT JOIN discreet.channel_secrets s USING (owner_id, platform, account)"
        " WHERE c.closed_at IS NULL AND c.parent_id IS NULL AND c.platform <> 'terminal'"
        "   AND (c.last_error <> '' OR s.platform IS NULL)"
        " ORDER BY c.created_at, c.id LIMIT %(limit)s",
        {"limit": _MAX_SHOWN},
    )
    return tuple(DeafChannel(**row) for row in found)


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
