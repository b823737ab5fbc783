"""Send messages from a terminal or a program, and wait for their answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from discreet.domain.concurrency import happens
from discreet.domain.errors import DiscreetError, NotFound, Unavailable
from discreet.domain.ids import MessageId, OwnerId
from discreet.intake import Accepted, accept
from discreet.intake.terminal_message import TerminalMessage, to_inbound
from discreet.queue.wakes import Wakes
from discreet.scope import OwnerScope, ScopedDatabase
from discreet.scope.scopes import SessionScope
from discreet.services.channels import terminal_of
from discreet.services.requeue import why_silent
from discreet.sessions.replies import MessageReply, reply_to

__all__ = ["Answer", "OnText", "Stopped", "get_accepted", "send_message", "wait_for_answer"]

LOOK_SECONDS = 2.0
"""Seconds between two checks for an answer if no notification arrives."""
MIN_LOOK_SECONDS = 0.01
"""Minimum seconds between two checks, however many notifications arrive."""
SILENCE_SECONDS = 1.0
"""Seconds between two checks, in the owner's scope, whether the agent may answer; also the retry
interval during an outage.
"""
OUTAGE_SECONDS = 60.0
"""Seconds for which the wait tolerates an unreachable database."""

OnText = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer.

    ``failed``: every attempt failed, and the text is an apology. ``plain``: plain text, not a
    model's CommonMark.
    """

    text: str
    failed: bool
    plain: bool = True


class Stopped(DiscreetError):
    """The sender stopped the message with ``/stop``: it is stored and won't be answered."""


async def send_message(db: ScopedDatabase, owner_id: OwnerId, message: TerminalMessage) -> Accepted:
    """Store a message as if it were typed at a terminal.

    Raises:
        BadInput, NotFound: the message can't be sent; nothing was stored.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        channel_id = await terminal_of(tx, message.agent)
    return await accept(db, owner_id, to_inbound(message, channel_id))


async def get_accepted(db: ScopedDatabase, owner_id: OwnerId, message_id: MessageId) -> Accepted:
    """Return a message that was stored before.

    Raises:
        NotFound: there is no such message.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        row = await tx.fetch_one(
            "SELECT session_id, contact_id FROM discreet.messages WHERE id = %(id)s",
            {"id": message_id},
        )
    if row is None:
        raise NotFound("No such message.")
    return Accepted(message_id, row["session_id"], row["contact_id"], new=False)


async def wait_for_answer(
    db: ScopedDatabase,
    wakes: Wakes,
    accepted: Accepted,
    scope: SessionScope,
    on_text: OnText,
    on_delay: OnText,
    *,
    delivered: bool = False,
) -> Answer:
    """Wait until the answer to a message, as seen in ``scope``, is saved, or ``delivered``.

    Waiting for delivery lets a process that works only while it waits finish its work.

    ``on_text`` gets the whole text so far. ``on_delay`` gets one line about the cause of a delay,
    in the owner's scope only: an attempt failed and another follows, or the agent may not answer.

    Raises:
        Stopped: the message was stopped.
        Unavailable: the database is gone. The message is stored and will be answered.
    """
    shown, told = "", None
    is_owner = isinstance(scope, OwnerScope)
    silence: str | None = None
    asked_at = 0.0
    async with wakes.waiting(accepted.message_id) as woken:
        async for reply in _replies(db, accepted.message_id, scope, woken):
            if reply.answer is not None and (reply.sent or not delivered):
                return Answer(reply.answer, reply.failed, reply.plain)
            if reply.dropped:
                raise Stopped("This message was stopped before it was answered.")
            if is_owner and reply.last_error is not None and reply.last_error != told:
                told = reply.last_error
                await on_delay(f"The agent will try again ({told})")
            if is_owner and time.monotonic() - asked_at > SILENCE_SECONDS:
                asked_at, before = time.monotonic(), silence
                silence = await why_silent(db, scope.owner_id, accepted.session_id)
                if silence is not None and silence != before:
                    await on_delay(silence)
            if reply.draft is not None and reply.draft != shown:
                shown = reply.draft
                await on_text(shown)
    raise AssertionError("a wait ends with an answer")


async def _replies(
    db: ScopedDatabase, message_id: MessageId, scope: SessionScope, woken: asyncio.Event
) -> AsyncIterator[MessageReply]:
    """Yield the state of a message now, at every notification, and every few seconds."""
    seen_at = time.monotonic()
    while True:
        woken.clear()
        try:
            async with db.begin(scope) as tx:
                reply = await reply_to(tx, message_id)
        except Unavailable:
            if time.monotonic() - seen_at > OUTAGE_SECONDS:
                raise
            await asyncio.sleep(SILENCE_SECONDS)
            continue
        seen_at = time.monotonic()
        yield reply
        await asyncio.sleep(MIN_LOOK_SECONDS)
        await happens(woken, LOOK_SECONDS)
