"""Turns, jobs and deliveries that need the owner's attention."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from discreet.contacts.labels import CONTACT_LABEL, party_label
from discreet.domain.database_codes import text_of_code
from discreet.scope import Transaction

MAX_SHOWN = 20
LOOK_BACK = timedelta(days=7)  # older failures are not reported
DELIVERY_GRACE = timedelta(minutes=1)  # an answer that is pending longer than this is reported
LONG_TURN = timedelta(minutes=2)  # a turn that runs longer than this is reported
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
    contact_id: UUID | None
    agent: str
    whose: str
    state: str
    attempts: int
    error: str
    since: datetime


@dataclass(frozen=True, slots=True)
class FailingJob:
    """A job or a task of the server that fails because of an error in the program.

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


async def failing_jobs(tx: Transaction) -> tuple[FailingJob, ...]:
    """Return jobs that fail because of an error in the program."""
    found = await tx.fetch(
        f"""SELECT f.task, f.session_id, s.contact_id, coalesce(a.name, '') AS agent,
                   coalesce(s.shared, false) AS shared, {CONTACT_LABEL.format(row="s")} AS label,
                   f.error, f.failures, f.since, f.next_try_at
              FROM gate.list_failures() f
              LEFT JOIN discreet.sessions s ON s.id = f.session_id
              LEFT JOIN discreet.agents a ON a.id = s.agent_id
             ORDER BY f.since, f.task LIMIT %(limit)s""",
        {"limit": MAX_SHOWN},
    )
    return tuple(
        FailingJob(
            task=row["task"],
            session_id=row["session_id"],
            contact_id=row["contact_id"],
            agent=row["agent"],
            whose=party_label(row["label"], shared=row["shared"]),
            error=row["error"],
            failures=row["failures"],
            since=row["since"],
            next_try_at=row["next_try_at"],
        )
        for row in found
    )


async def failed_turns(tx: Transaction) -> tuple[FailedTurn, ...]:
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
               AND t.started_at > statement_timestamp() - %(look_back)s
               AND (t.state = 'given_up' OR NOT EXISTS (
                     SELECT FROM discreet.turns later
                      WHERE later.session_id = t.session_id AND later.started_at > t.started_at))
             ORDER BY t.started_at DESC LIMIT %(limit)s""",
        {"look_back": LOOK_BACK, "limit": MAX_SHOWN},
    )
    return tuple(
        FailedTurn(
            turn_id=row["turn_id"],
            session_id=row["session_id"],
            agent=row["agent"],
            whose=party_label(row["contact_label"], shared=row["shared"]),
            state=row["state"],
            attempt=row["attempt"],
            error=text_of_code(row["error"]),
            at=row["at"],
            retry_at=row["retry_at"],
        )
        for row in found
    )


async def long_turns(tx: Transaction) -> tuple[LongTurn, ...]:
    """Return turns that have been running for a long time."""
    found = await tx.fetch(
        f"""SELECT t.id AS turn_id, t.session_id, a.name AS agent, t.shared,
                   {CONTACT_LABEL.format(row="t")} AS contact_label, t.attempt,
                   t.started_at AS since, coalesce(length(d.text), 0) AS characters
              FROM discreet.turns t
              JOIN discreet.agents a ON a.id = t.agent_id
              LEFT JOIN discreet.drafts d ON d.turn_id = t.id
             WHERE t.state = 'running' AND t.started_at < statement_timestamp() - %(long)s
             ORDER BY t.started_at LIMIT %(limit)s""",
        {"long": LONG_TURN, "limit": MAX_SHOWN},
    )
    return tuple(
        LongTurn(
            turn_id=row["turn_id"],
            session_id=row["session_id"],
            agent=row["agent"],
            whose=party_label(row["contact_label"], shared=row["shared"]),
            attempt=row["attempt"],
            since=row["since"],
            characters=row["characters"],
        )
        for row in found
    )


async def replaced_models(tx: Transaction) -> tuple[ReplacedModel, ...]:
    """Return models that fallback models answered for within a day."""
    found = await tx.fetch(
        """SELECT a.name AS agent, count(*) AS turns, max(t.finished_at) AS at,
                  (array_agg(t.model ORDER BY t.finished_at DESC))[1] AS model,
                  (array_agg(t.usage->>'instead_of' ORDER BY t.finished_at DESC))[1] AS reason
             FROM discreet.turns t JOIN discreet.agents a ON a.id = t.agent_id
            WHERE t.usage->>'instead_of' IS NOT NULL AND t.state = 'answered'
              AND t.started_at > statement_timestamp() - interval '1 day'
            GROUP BY a.id, a.name ORDER BY at DESC LIMIT %(limit)s""",
        {"limit": MAX_SHOWN},
    )
    return tuple(ReplacedModel(**row) for row in found)


async def undelivered(tx: Transaction) -> tuple[Undelivered, ...]:
    """Return answers that failed or are pending for too long."""
    found = await tx.fetch(
        f"""SELECT o.message_id, o.session_id, o.contact_id, a.name AS agent, o.shared,
                   {CONTACT_LABEL.format(row="o")} AS contact_label,
                   o.state, o.attempts, coalesce(o.error, '') AS error, o.created_at AS since
              FROM discreet.outbox o
              JOIN discreet.agents a ON a.id = o.agent_id
             WHERE o.state = 'failed'
                OR (o.state <> 'sent' AND o.created_at < statement_timestamp() - %(grace)s)
             ORDER BY o.created_at DESC LIMIT %(limit)s""",
        {"grace": DELIVERY_GRACE, "limit": MAX_SHOWN},
    )
    return tuple(
        Undelivered(
            message_id=row["message_id"],
            session_id=row["session_id"],
            contact_id=row["contact_id"],
            agent=row["agent"],
            whose=party_label(row["contact_label"], shared=row["shared"]),
            state=row["state"],
            attempts=row["attempts"],
            error=row["error"],
            since=row["since"],
        )
        for row in found
    )
