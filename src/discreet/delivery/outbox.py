"""The outbox of a route: the SQL that takes the answer that is due and records what became of it.

Whatever takes or records an answer locks its session first, as whatever adds one does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never

import structlog

from discreet.domain.ids import MessageId, RouteId
from discreet.domain.outbound import (
    OFFLINE,
    WITH_MARKS,
    Later,
    Outbound,
    Rejected,
    SendResult,
    Sent,
    ShownDraft,
    Unreachable,
)
from discreet.scope import ScopedDatabase, Transaction
from discreet.scope.scopes import SessionScope

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 10
FIRST_WAIT = timedelta(seconds=2)
MAX_WAIT = timedelta(minutes=10)
SECRET_WAIT = timedelta(seconds=5)
"""Time until this server, or another one, looks again if this one lacks the secret."""
MAX_DOUBT = timedelta(seconds=4)
"""How long an answer is left to a sender that looks dead before it is sent again."""

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
       gate.may_send_on_route(r.id, o.session_id, m.turn_id, m.id) AS may_send_on_route,
       count(*) OVER () = 1 AS is_last
  FROM discreet.outbox o
  JOIN discreet.messages m ON m.id = o.message_id
  JOIN discreet.routes r ON r.id = %(route)s
 WHERE o.route_id = %(route)s AND o.state IN ('pending', 'sending')
 ORDER BY m.position LIMIT 1
"""


_NEXT = {"offline": OFFLINE, "marked": list(WITH_MARKS)}


@dataclass(frozen=True, slots=True)
class Sending:
    """An answer being sent, in attempt number ``attempt``. ``is_last``: none waits behind it."""

    outbound: Outbound
    attempt: int
    is_last: bool = False


async def _doubt(tx: Transaction, message_id: MessageId) -> datetime | None:
    """Return until when an answer is left to its sender; None if the sender has been silent.

    After an outage every worker looks dead to the others. The first one back would resend what
    another one has sent and can't record yet.
    """
    row = await tx.fetch_one(
        "UPDATE discreet.outbox SET uncertain_since = coalesce(uncertain_since, clock_timestamp())"
        " WHERE message_id = %(message)s RETURNING uncertain_since + %(most)s AS ends_at,"
        " uncertain_since + %(most)s > clock_timestamp() AS goes_on",
        {"message": message_id, "most": MAX_DOUBT},
    )
    return row["ends_at"] if row is not None and row["goes_on"] else None


async def leave_answer(
    db: ScopedDatabase, scope: SessionScope, route_id: RouteId, why: str
) -> None:
    """Leave the answer to a server with the secret, and check again later. The owner sees why."""
    async with db.begin(scope) as tx:
        await lock_route(tx, route_id)
        due_at = await tx.value(
            "UPDATE discreet.outbox SET error = %(why)s WHERE route_id = %(route)s"
            " AND state IN ('pending', 'sending') RETURNING clock_timestamp() + %(wait)s",
            {"why": why, "route": route_id, "wait": SECRET_WAIT},
        )
        if due_at is not None:
            await _wake(tx, route_id, due_at)


async def take_answer(
    db: ScopedDatabase, scope: SessionScope, route_id: RouteId, account: str
) -> Sending | None:
    """Return the next answer that is due, marked as being sent, after checking its route."""
    # If that is lost in a crash, the answer is sent again, as it is if the process dies.
    async with db.begin(scope, durable=False) as tx:
        await lock_route(tx, route_id)
        return await _take_next(tx, route_id, account)


async def _take_next(tx: Transaction, route_id: RouteId, account: str) -> Sending | None:
    """Do the same in a transaction that holds the session. If there is none, the job ends."""
    sending = await find_due_answer(tx, route_id, account)
    if sending is None:
        await end_delivery_job(tx, route_id)
        return None
    await tx.execute(
        "UPDATE discreet.outbox SET state = 'sending', attempts = attempts + 1,"
        " uncertain_since = NULL"
        " WHERE message_id = %(message)s",
        {"message": sending.outbound.message_id},
    )
    return sending


async def find_due_answer(tx: Transaction, route_id: RouteId, account: str) -> Sending | None:
    """Return the next answer that is due, after checking its route."""
    while (row := await tx.fetch_one(NEXT, _NEXT | {"route": route_id})) is not None:
        message_id = row["message_id"]
        if not row["may_send_on_route"]:
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
            return Sending(outbound, row["attempts"] + 1, row["is_last"])
    return None


async def record_part(
    db: ScopedDatabase, scope: SessionScope, route_id: RouteId, outbound: Outbound, result: Sent
) -> Sending | None:
    """Record a part that the platform accepted, so that it is never sent again; take the next."""
    async with db.begin(scope) as tx:
        await lock_route(tx, route_id)
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


async def record_result(
    db: ScopedDatabase,
    scope: SessionScope,
    route_id: RouteId,
    sending: Sending,
    result: SendResult,
) -> Sending | None:
    """Record a result and take the next answer, if it may be sent.

    A process that was considered dead while sending finds out here; then only a successful send
    still counts.
    """
    outbound = sending.outbound
    async with db.begin(scope) as tx:
        await lock_route(tx, route_id)
        if not isinstance(result, Sent) and not await _is_still_sending(tx, sending):
            return None
        if not await store_result(tx, route_id, sending, result):
            await end_delivery_job(tx, route_id)
            return None
        return await _take_next(tx, route_id, outbound.account)


async def store_result(
    tx: Transaction, route_id: RouteId, sending: Sending, result: SendResult
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
    tx: Transaction, route_id: RouteId, sending: Sending, wait: timedelta, why: str
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


async def is_ours(db: ScopedDatabase, scope: SessionScope, sending: Sending) -> bool:
    async with db.begin(scope) as tx:
        return await _is_still_sending(tx, sending)


async def renew_lease(db: ScopedDatabase, scope: SessionScope, sending: Sending) -> None:
    """Renew the lease on an answer: its sender is alive."""
    async with db.begin(scope) as tx:
        await tx.execute(
            "UPDATE discreet.outbox SET uncertain_since = NULL"
            " WHERE message_id = %(message)s AND state = 'sending'"
            " AND attempts = %(attempt)s AND uncertain_since IS NOT NULL",
            {"message": sending.outbound.message_id, "attempt": sending.attempt},
        )


async def _is_still_sending(tx: Transaction, sending: Sending) -> bool:
    return bool(
        await tx.value(
            "SELECT true FROM discreet.outbox WHERE message_id = %(message)s"
            " AND state = 'sending' AND attempts = %(attempt)s",
            {"message": sending.outbound.message_id, "attempt": sending.attempt},
        )
    )


async def lock_route(tx: Transaction, route_id: RouteId) -> None:
    # Everyone who adds to the outbox holds this lock too, so no answer is missed.
    await tx.execute(
        "SELECT 1 FROM discreet.sessions WHERE id ="
        " (SELECT session_id FROM discreet.routes WHERE id = %(route)s) FOR UPDATE",
        {"route": route_id},
    )


async def end_delivery_job(tx: Transaction, route_id: RouteId) -> None:
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
