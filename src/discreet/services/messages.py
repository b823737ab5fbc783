"""Send messages from a terminal or a program, and wait for their answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import get_args

from discreet.domain.answers import NOT_ANSWERED, Answer, Stopped
from discreet.domain.concurrency import happens
from discreet.domain.errors import NotFound, Unavailable
from discreet.domain.ids import MessageId, OwnerId, SessionId
from discreet.intake import Accepted, accept
from discreet.intake.terminal_message import TerminalMessage, to_inbound
from discreet.queue.wakes import Wakes
from discreet.schemas import messages as wire
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.scope.scopes import SessionScope
from discreet.services.channels import terminal_of
from discreet.services.requeue import Silence, silence_of
from discreet.sessions.replies import MessageReply, reply_to

__all__ = [
    "NOT_ANSWERED",
    "Answer",
    "OnSilence",
    "OnText",
    "Stopped",
    "get_accepted",
    "get_reply",
    "reply_with",
    "reply_without_answer",
    "send_message",
    "wait_for_answer",
]

FIRST_LOOK_SECONDS = 0.6
"""Seconds to wait for a notification before the first check for the answer to a new message.

Longer than most answers take without a model and with 16 senders at once, because a check that
finds no answer costs two transactions.
"""
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
OnSilence = Callable[[Silence], Awaitable[None]]


async def send_message(
    db: ScopedDatabase,
    owner_id: OwnerId,
    message: TerminalMessage,
    prepare: Callable[[Transaction], Awaitable[None]] | None = None,
) -> Accepted:
    """Store a message as if it were typed at a terminal.

    ``prepare``: run before, in the transaction that looks up the terminal.

    Raises:
        BadInput, NotFound: the message can't be sent; nothing was stored.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        if prepare is not None:
            await prepare(tx)
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


async def get_reply(db: ScopedDatabase, scope: SessionScope, message_id: MessageId) -> wire.Reply:
    """Return the state of a message and its answer, as ``scope`` sees it.

    Raises:
        NotFound: the scope has no such message.
    """
    async with db.begin(scope) as tx:
        found = await reply_to(tx, message_id)
    if found.answer is not None:
        return reply_with(message_id, found.session_id, _answer_of(found, found.answer))
    reply = reply_without_answer(message_id, found.session_id)
    if found.dropped:
        reply.state = "stopped"
    else:
        silence = await silence_of(db, scope.owner_id, message_id)
        if silence is not None and silence.shown is not None:
            reply.state = silence.shown
    return reply


def reply_without_answer(message_id: MessageId, session_id: SessionId) -> wire.Reply:
    """Return the reply to a message that waits."""
    return wire.Reply(message_id=message_id, session_id=session_id, state="waiting", answer=None)


def reply_with(message_id: MessageId, session_id: SessionId, answer: Answer) -> wire.Reply:
    """Return the reply to a message that was answered, or failed."""
    reply = reply_without_answer(message_id, session_id)
    if not answer.failed:
        reply.state, reply.answer = "answered", answer.text
        return reply
    kind = answer.error_kind if answer.error_kind in get_args(wire.ErrorKind) else "internal"
    reply.state, reply.apology = "failed", answer.text
    reply.error = wire.ReplyError.model_validate({"kind": kind, "retrying": answer.retrying})
    return reply


async def wait_for_answer(
    db: ScopedDatabase,
    wakes: Wakes,
    accepted: Accepted,
    scope: SessionScope,
    on_text: OnText,
    on_delay: OnText,
    on_silence: OnSilence,
    *,
    delivered: bool = False,
) -> Answer:
    """Wait until the answer to a message, as seen in ``scope``, is saved, or ``delivered``.

    Waiting for delivery lets a process that works only while it waits finish its work.

    ``on_text`` gets the whole text so far. ``on_delay`` gets one line about the cause of a delay,
    in the owner's scope only: an attempt failed and another follows. ``on_silence`` gets the reason
    why nobody answers now, once for each reason; the wait goes on unless it raises.

    Raises:
        Stopped: the message was stopped.
        Unavailable: the database is gone. The message is stored and will be answered.
    """
    shown, told = "", None
    is_owner = isinstance(scope, OwnerScope)
    silence: Silence | None = None
    asked_at = 0.0
    async with wakes.waiting(accepted.message_id) as woken:
        if accepted.new:
            await happens(woken, FIRST_LOOK_SECONDS)
        async for reply in _replies(db, accepted.message_id, scope, woken):
            if reply.answer is not None and (reply.sent or not delivered):
                return _answer_of(reply, reply.answer)
            if reply.dropped:
                raise Stopped(NOT_ANSWERED)
            if is_owner and reply.last_error is not None and reply.last_error != told:
                told = reply.last_error
                await on_delay(f"The agent will try again ({told})")
            if time.monotonic() - asked_at > SILENCE_SECONDS:
                asked_at, before = time.monotonic(), silence
                silence = await silence_of(db, scope.owner_id, accepted.message_id)
                if silence is not None and silence.state == "rejected":
                    raise Stopped(NOT_ANSWERED)
                if silence is not None and silence != before:
                    await on_silence(silence)
            if reply.draft is not None and reply.draft != shown:
                shown = reply.draft
                await on_text(shown)
    raise AssertionError("a wait ends with an answer")


def _answer_of(reply: MessageReply, text: str) -> Answer:
    if not reply.failed:
        return Answer(text, failed=False, plain=reply.plain)
    return Answer(text, True, reply.plain, reply.error_kind, reply.retrying)


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
