"""Deliver answers: check the route, send, record the state. One route at a time, in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TypeVar

import anyio

from discreet.delivery.outbox import (
    Sending,
    end_delivery_job,
    find_due_answer,
    is_ours,
    leave_answer,
    lock_route,
    record_part,
    record_result,
    renew_lease,
    store_result,
    take_answer,
)
from discreet.domain.canaries import CanaryFound, check_leaving
from discreet.domain.concurrency import running, within
from discreet.domain.errors import BadInput, SecretMissing, Unavailable
from discreet.domain.ids import MessageId, RouteId
from discreet.domain.outbound import Channel, Later, Rejected, SendResult, Sent
from discreet.queue.job_scope import DueRoute, due_route
from discreet.scope import ScopedDatabase
from discreet.scope.scopes import SessionScope
from discreet.tracing import span

SEND_SECONDS = 120.0
"""Maximum seconds a channel may take for one message. Our own channels give up sooner."""
FRESH_SECONDS = 1.0
"""An answer taken longer ago than this is checked again before it is sent."""
RENEW_SECONDS = 1.5
RECORD_SECONDS, RECORD_TRY_SECONDS, RECORD_RETRY_SECONDS = 300.0, 5.0, 0.2
"""Seconds to wait for the database to record a send: in total; per attempt; between attempts."""

Result = TypeVar("Result")
Channels = Callable[[DueRoute], Awaitable[Channel]]
"""Returns the channel for the answers of a route. Raises SecretMissing if this server can't."""


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
        await leave_answer(db, scope, route_id, missing.message)
        return False
    if channel.is_local:
        await _hand_over(db, channel, route_id, route)
        return True
    began = time.monotonic()
    counted: tuple[MessageId | None, int] = (None, 0)
    sending = await take_answer(db, scope, route_id, route.account)
    while sending is not None:
        # If this process was frozen meanwhile, it was considered dead and another one has sent it.
        if time.monotonic() - began > FRESH_SECONDS and not await is_ours(db, scope, sending):
            return False
        outbound = sending.outbound
        async with running(_renew(db, scope, sending), "renew a delivery"):
            result = await _attempt(channel, route, route_id, sending)
        if counted[0] != outbound.message_id:
            counted = (outbound.message_id, channel.parts_of(outbound))
        if isinstance(result, Sent) and outbound.part + 1 < counted[1]:
            record = partial(record_part, db, scope, route_id, outbound, result)
        else:
            record = partial(record_result, db, scope, route_id, sending, result)
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
        await lock_route(tx, route_id)
        sending = await find_due_answer(tx, route_id, route.account)
        while sending is not None:
            result = await _attempt(channel, route, route_id, sending)
            if not await store_result(tx, route_id, sending, result) or sending.is_last:
                break
            sending = await find_due_answer(tx, route_id, route.account)
        await end_delivery_job(tx, route_id)


async def _attempt(
    channel: Channel, route: DueRoute, route_id: RouteId, sending: Sending
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
    channel: Channel, route: DueRoute, route_id: RouteId, sending: Sending
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


async def _renew(db: ScopedDatabase, scope: SessionScope, sending: Sending) -> None:
    """Renew the lease on an answer while the platform is slow."""
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        with suppress(Unavailable):
            await renew_lease(db, scope, sending)
