"""Deliver answers: check the route, send, record the state. One route at a time, in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar, assert_never

import anyio
import structlog

from discreet.domain.canaries import CanaryFound, check_leaving
from discreet.domain.concurrency import running, within
from discreet.domain.errors import BadInput, SecretMissing, Unavailable
from discreet.domain.ids import MessageId, RouteId
from discreet.domain.outbound import (
    OFFLINE,
    WITH_MARKS,
    Channel,
    Later,
    Outbound,
    Rejected,
    SendResult,
    Sent,
    ShownDraft,
    Unreachable,
)
from discreet.queue.job_scope import DueRoute, due_route
from discreet.scope import ScopedDatabase, Transaction
from discreet.scope.scopes import SessionScope
from discreet.tracing import span

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 10
SEND_SECONDS = 120.0
"""Maximum seconds a channel may take for one message. Our own channels give up sooner."""
FRESH_SECONDS = 1.0
"""An answer taken longer ago than this is checked again before it is sent."""
FIRST_WAIT = timedelta(seconds=2)
MAX_WAIT = timedelta(minutes=10)
SECRET_WAIT = timedelta(seconds=5)
"""Time until this server, or another one, looks again if this one lacks the secret."""

MAX_DOUBT = timedelta(seconds=4)
"""How long an answer is left to a sender that looks dead before it is sent again."""
RENEW_SECONDS = 1.5
RECORD_SECONDS, RECORD_TRY_SECONDS, RECORD_RETRY_SECONDS = 300.0, 5.0, 0.2
"""Seconds to wait for the database to record a send: in total; per attempt; between attempts."""

Result = TypeVar("Result")
Channels = Callable[[DueRoute], Awaitable[Channel]]
"""Returns the channel for the answers of a route. Raises SecretMissing if this server can't."""

NEXT = """
SELECT o.message_id, o.attempts, o.parts_sent, m.text, m.reply_to, r.chat_id, r.thread_id,
       r.draft_message,
       -- What no model wrote is words: the machine's, the owner's, or a sender's own, quoted; but
       -- for what the machine tells the owner, in which such words are code.
       coalesce(m.command <> ALL (%(marked)s), m.turn_id IS NULL OR m.in_person)
         OR m.command IS NULL
           AND (SELECT t.model = %(offline)s FROM discreet.turns t WHERE t.id = m.turn_id)
             IS NOT FALSE AS plain,
       -- What came late is not what was written last; so far back nothing comes late.
       (SELECT max(heard.sent_at) FROM (
          SELECT i.sent_at FROM discreet.messages i
           WHERE i.session_id = o.session_id AND i.direction = 'in'
             AND (i.channel_id, i.chat_id) = (r.channel_id, r.chat_id)
           ORDER BY i.position DESC LIMIT 50) heard) AS heard_at,
       -- What grew there was the agent's; an edit that comes late would be overlooked.
       m.turn_id IS NOT NULL AND m.command IS NULL AND NOT m.in_person
         AND coalesce(r.draft_at > clock_timestamp() - interval '10 minutes', false) AS draft_fits,
       o.next_try_at > clock_timestamp() AS early, o.next_try_at, o.state = 'sending' AS unknown,
       gate.leads_back(r.id, o.session_id, m.turn_id, m.id) AS leads_back,
       count(*) OVER () = 1 AS is_last
  FROM discreet.outbox o
  JOIN discreet.messages m ON m.id = o.message_id
  JOIN discreet.routes r ON r.id = %(route)s
 WHERE o.route_id = %(route)s AND o.state IN ('pending', 'sending')
 ORDER BY m.position LIMIT 1
"""

_NEXT = {"offline": OFFLINE, "marked": list(WITH_MARKS)}


@dataclass(frozen=True, slots=True)
class _Sending:
    """An answer being sent, in attempt number ``attempt``. ``is_last``: none waits behind it."""

    outbound: Outbound
    attempt: int
    is_last: bool = False


async def deliver(
    db: ScopedDatabase, channels: Channels, route_id: RouteId, route: DueRoute | None = None
) -> bool:
    """Send the waiting answers of one route, oldest first, until none is left or one must wait.

    A send with an unknown outcome (the process died in the middle) is repeated: a duplicate is
    better than no answer. Answers for which this server lacks the secret wait without counting an
    attempt. ``route``: what ``due_route`` returns, if it is known. Return whether its job has ended
    with the last commit.
    """
    route = route or await due_route(db, route_id)
    if route is None:
        return False
    scope = route.scope
    try:
        channel = await channels(route)
    except SecretMissing as missing:
        await _leave(db, scope, route_id, missing.message)
        return False
    if channel.is_local:
        await _hand_over(db, channel, route_id, route)
        return True
    began = time.monotonic()
    counted: tuple[MessageId | None, int] = (None, 0)
    sending = await _take(db, scope, route_id, route.account)
    while sending is not None:
        # If this process was frozen meanwhile, it was considered dead and another one has sent it.
        if time.monotonic() - began > FRESH_SECONDS and not await _is_ours(db, scope, sending):
            return False
        outbound = sending.outbound
        async with running(_renew(db, scope, sending), "renew a delivery"):
            result = await _attempt(channel, route, route_id, sending)
        if counted[0] != outbound.message_id:
            counted = (outbound.message_id, channel.parts_of(outbound))
        if isinstance(result, Sent) and outbound.part + 1 < counted[1]:
            record = partial(_record_part, db, scope, route_id, outbound, result)
        else:
            record = partial(_record, db, scope, route_id, sending, result)
        sending = await _surely(record)
        began = time.monotonic()
    return True


async def _hand_over(
    db: ScopedDatabase, channel: Channel, route_id: RouteId, route: DueRoute
) -> None:
    """Deliver every waiting answer of a local channel in one commit.

    It is sent exactly once: nobody else sees it as being sent, and nothing remains of it if this
    process dies.
    """
    async with db.begin(route.scope) as tx:
        await _lock_session(tx, route_id)
        await hand_over(tx, channel, route_id, route)
        await _end_job(tx, route_id)


async def hand_over(tx: Transaction, channel: Channel, route_id: RouteId, route: DueRoute) -> None:
    """Deliver the waiting answers of a local channel within a transaction that holds the session.

    What can't be delivered now gets a job.
    """
    sending = await _look(tx, route_id, route.account)
    while sending is not None:
        result = await _attempt(channel, route, route_id, sending)
        if not await _store_result(tx, route_id, sending, result) or sending.is_last:
            return
        sending = await _look(tx, route_id, route.account)


async def _attempt(
    channel: Channel, route: DueRoute, route_id: RouteId, sending: _Sending
) -> SendResult:
    """Send an answer, unless it must not leave. What goes wrong is a result."""
    try:
        check_leaving(sending.outbound.text, "delivery")
        return await _send(channel, route, route_id, sending)
    except CanaryFound as found:
        return Rejected(f"{found.message} {found.hint}")
    except Exception as error:
        # An error in the channel's code counts like a refusal, or it would be retried forever.
        why = error.message if isinstance(error, BadInput) else type(error).__name__
        return Later(timedelta(0), f"the channel failed ({why})")


async def _send(
    channel: Channel, route: DueRoute, route_id: RouteId, sending: _Sending
) -> SendResult:
    with span(
        "delivery",
        "producer",
        owner_id=route.scope.owner_id,
        route_id=route_id,
        message_id=sending.outbound.message_id,
        platform=route.platform,
        attempt=sending.attempt,
    ) as traced:
        result = await within(SEND_SECONDS, channel.send(sending.outbound), "a send")
        traced.note(outcome=type(result).__name__)
        return result


async def _surely(record: Callable[[], Awaitable[Result]]) -> Result:
    """Record the outcome of a send, waiting for a lost database: only this process knows it.

    Raises:
        Unavailable: it didn't come back in time.
    """
    give_up_at = time.monotonic() + RECORD_SECONDS
    while True:
        try:
            with anyio.fail_after(RECORD_TRY_SECONDS):
                return await record()
        except (Unavailable, TimeoutError):
            if time.monotonic() > give_up_at:
                raise Unavailable("The database was lost.", hint="Try again.") from None
        await asyncio.sleep(RECORD_RETRY_SECONDS)


async def _renew(db: ScopedDatabase, scope: SessionScope, sending: _Sending) -> None:
    """Renew the lease on an answer while the platform is slow."""
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        with suppress(Unavailable):
            async with db.begin(scope) as tx:
                await tx.execute(
                    "UPDATE discreet.outbox SET doubted_at = NULL"
                    " WHERE message_id = %(message)s AND state = 'sending'"
                    " AND attempts = %(attempt)s AND doubted_at IS NOT NULL",
                    {"message": sending.outbound.message_id, "attempt": sending.attempt},
                )


async def _doubt(tx: Transaction, message_id: MessageId) -> datetime | None:
    """Return until when an answer is left to its sender; None if the sender has been silent.

    After an outage every worker looks dead to the others. The first one back would resend what
    another one has sent and can't record yet.
    """
    row = await tx.fetch_one(
        "UPDATE discreet.outbox SET doubted_at = coalesce(doubted_at, clock_timestamp())"
        " WHERE message_id = %(message)s RETURNING doubted_at + %(most)s AS ends_at,"
        " doubted_at + %(most)s > clock_timestamp() AS goes_on",
        {"message": message_id, "most": MAX_DOUBT},
    )
    return row["ends_at"] if row is not None and row["goes_on"] else None


async def _leave(db: ScopedDatabase, scope: SessionScope, route_id: RouteId, why: str) -> None:
    """Leave the answer to a server with the secret, and check again later. The owner sees why."""
    async with db.begin(scope) as tx:
        await _lock_session(tx, route_id)
        due_at = await tx.value(
            "UPDATE discreet.outbox SET error = %(why)s WHERE route_id = %(route)s"
            " AND state IN ('pending', 'sending') RETURNING clock_timestamp() + %(wait)s",
            {"why": why, "route": route_id, "wait": SECRET_WAIT},
        )
        if due_at is not None:
            await _wake(tx, route_id, due_at)


async def _take(
    db: ScopedDatabase, scope: SessionScope, route_id: RouteId, account: str
) -> _Sending | None:
    """Return the next answer that is due, marked as being sent, after checking its route."""
    # If that is lost in a crash, the answer is sent again, as it is if the process dies.
    async with db.begin(scope, durable=False) as tx:
        await _lock_session(tx, route_id)
        return await _take_next(tx, route_id, account)


async def _take_next(tx: Transaction, route_id: RouteId, account: str) -> _Sending | None:
    """Do the same in a transaction that holds the session. If there is none, the job ends."""
    sending = await _look(tx, route_id, account)
    if sending is None:
        await _end_job(tx, route_id)
        return None
    await tx.execute(
        "UPDATE discreet.outbox SET state = 'sending', attempts = attempts + 1,"
        " doubted_at = NULL"
        " WHERE message_id = %(message)s",
        {"message": sending.outbound.message_id},
    )
    return sending


async def _look(tx: Transaction, route_id: RouteId, account: str) -> _Sending | None:
    """Return the next answer that is due, after checking its route."""
    while (row := await tx.fetch_one(NEXT, _NEXT | {"route": route_id})) is not None:
        message_id = row["message_id"]
        if not row["leads_back"]:
            await _finish(tx, message_id, "its route leads elsewhere")
            log.error(
                "an answer was held back: its route leads elsewhere",
                message_id=str(message_id),
            )
        elif row["early"]:
            await _wake(tx, route_id, row["next_try_at"])
            return None
        elif row["unknown"] and (ends_at := await _doubt(tx, message_id)) is not None:
            await _wake(tx, route_id, ends_at)
            return None
        elif row["attempts"] >= MAX_ATTEMPTS:
            await _finish(tx, message_id, "given up: its outcome is unknown")
        else:
            draft = None
            if row["draft_message"] is not None and row["parts_sent"] == 0:
                draft = ShownDraft(row["draft_message"], row["draft_fits"])
            outbound = Outbound(
                message_id,
                account,
                row["chat_id"],
                row["thread_id"],
                row["text"],
                row["reply_to"],
                row["parts_sent"],
                draft,
                row["heard_at"],
                row["plain"],
            )
            return _Sending(outbound, row["attempts"] + 1, row["is_last"])
    return None


async def _record_part(
    db: ScopedDatabase, scope: SessionScope, route_id: RouteId, outbound: Outbound, result: Sent
) -> _Sending | None:
    """Record a part that the platform accepted, so that it is never sent again; take the next."""
    async with db.begin(scope) as tx:
        await _lock_session(tx, route_id)
        await _forget_draft(tx, route_id, outbound)
        await tx.execute(
            "UPDATE discreet.outbox SET state = 'pending', attempts = 0, error = NULL,"
            " parts_sent = %(parts)s, platform_messages = platform_messages || %(id)s::text"
            # A commit whose response was lost may have recorded it already.
            " WHERE message_id = %(message)s AND parts_sent < %(parts)s",
            {
                "parts": outbound.part + 1,
                "id": result.platform_message_id,
                "message": outbound.message_id,
            },
        )
        return await _take_next(tx, route_id, outbound.account)


async def _record(
    db: ScopedDatabase,
    scope: SessionScope,
    route_id: RouteId,
    sending: _Sending,
    result: SendResult,
) -> _Sending | None:
    """Record a result and take the next answer, if it may be sent.

    A process that was considered dead while sending finds out here; then only a successful send
    still counts.
    """
    outbound = sending.outbound
    async with db.begin(scope) as tx:
        await _lock_session(tx, route_id)
        if not isinstance(result, Sent) and not await _is_still_sending(tx, sending):
            return None
        if not await _store_result(tx, route_id, sending, result):
            await _end_job(tx, route_id)
            return None
        return await _take_next(tx, route_id, outbound.account)


async def _store_result(
    tx: Transaction, route_id: RouteId, sending: _Sending, result: SendResult
) -> bool:
    """Store a result; return whether the next answer may be sent."""
    outbound = sending.outbound
    match result:
        case Sent(platform_message_id, note):
            await _forget_draft(tx, route_id, outbound)
            await tx.execute(
                "UPDATE discreet.outbox SET state = 'sent', sent_at = clock_timestamp(),"
                " attempts = greatest(attempts, %(attempt)s),"
                " error = nullif(%(note)s, ''), parts_sent = parts_sent + 1,"
                " platform_messages = platform_messages || %(id)s::text"
                " WHERE message_id = %(message)s AND state <> 'sent'",
                {
                    "id": platform_message_id,
                    "note": note,
                    "message": outbound.message_id,
                    "attempt": sending.attempt,
                },
            )
        case Rejected(why) | Unreachable(why):
            await _finish(tx, outbound.message_id, why)
        case Later(wait, why):
            return await _try_later(tx, route_id, sending, wait, why)
        case _:
            assert_never(result)
    return True


async def _forget_draft(tx: Transaction, route_id: RouteId, outbound: Outbound) -> None:
    """Delete the draft: the answer has replaced it."""
    if outbound.draft is not None:
        await tx.execute(
            "UPDATE discreet.routes SET draft_message = NULL, draft_at = NULL"
            " WHERE id = %(route)s AND draft_message = %(message)s",
            {"route": route_id, "message": outbound.draft.platform_message_id},
        )


async def _try_later(
    tx: Transaction, route_id: RouteId, sending: _Sending, wait: timedelta, why: str
) -> bool:
    message_id = sending.outbound.message_id
    if sending.attempt >= MAX_ATTEMPTS:
        await _finish(tx, message_id, f"given up: {why}")
        return True
    wait = max(wait, min(FIRST_WAIT * 2 ** (sending.attempt - 1), MAX_WAIT))
    row: dict[str, Any] | None = await tx.fetch_one(
        "UPDATE discreet.outbox SET state = 'pending', error = %(why)s,"
        " attempts = greatest(attempts, %(attempt)s),"
        " next_try_at = clock_timestamp() + %(wait)s WHERE message_id = %(message)s"
        " RETURNING next_try_at",
        {"why": why, "wait": wait, "message": message_id, "attempt": sending.attempt},
    )
    if row is not None:
        await _wake(tx, route_id, row["next_try_at"])
    return False


async def _is_ours(db: ScopedDatabase, scope: SessionScope, sending: _Sending) -> bool:
    async with db.begin(scope) as tx:
        return await _is_still_sending(tx, sending)


async def _is_still_sending(tx: Transaction, sending: _Sending) -> bool:
    return bool(
        await tx.value(
            "SELECT true FROM discreet.outbox WHERE message_id = %(message)s"
            " AND state = 'sending' AND attempts = %(attempt)s",
            {"message": sending.outbound.message_id, "attempt": sending.attempt},
        )
    )


async def _lock_session(tx: Transaction, route_id: RouteId) -> None:
    # Everyone who adds to the outbox holds this lock too, so no answer is missed.
    await tx.execute(
        "SELECT 1 FROM discreet.sessions WHERE id ="
        " (SELECT session_id FROM discreet.routes WHERE id = %(route)s) FOR UPDATE",
        {"route": route_id},
    )


async def _end_job(tx: Transaction, route_id: RouteId) -> None:
    """End the job of the route with this transaction, which saves one more."""
    await tx.execute("SELECT gate.end_delivery(%(route)s)", {"route": route_id})


async def _wake(tx: Transaction, route_id: RouteId, at: Any) -> None:
    await tx.execute("SELECT gate.wake_route(%(route)s, %(at)s)", {"route": route_id, "at": at})


async def _finish(tx: Transaction, message_id: Any, error: str) -> None:
    await tx.execute(
        "UPDATE discreet.outbox SET state = 'failed', error = %(error)s"
        " WHERE message_id = %(message)s",
        {"error": error, "message": message_id},
    )
