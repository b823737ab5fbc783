"""The lease of a turn: it holds a session, and takes every waiting message of one route.

``sessions.current_turn`` names the turn that holds the session. A turn that lost it may change
nothing any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from discreet.domain.concurrency import end, start
from discreet.domain.errors import ScopeError
from discreet.domain.ids import RouteId, SessionId, TurnId
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.scope.scopes import SessionScope

MAX_TAKEN = 50
"""Maximum messages that one turn answers. A sender with more gets several answers, and other
sessions' turns run in between.
"""
WATCH_SECONDS = 1.0
"""Seconds between two checks that a running turn still holds its session."""

Result = TypeVar("Result")


class LeaseLost(Exception):
    """The turn has lost its lease. It must stop without storing or sending anything.

    Another turn has the session, or none may have it: the agent is paused or the contact blocked.
    Its messages are taken again when that ends.
    """


@dataclass(frozen=True, slots=True)
class Lease:
    """A turn that may begin. ``attempt`` counts from 1, over all turns that took its messages.

    ``command``: a command for the system; the turn then took only that message. ``is_held``: its
    answer waits for the owner's approval, so nothing of it is shown before.
    """

    turn_id: TurnId
    session_id: SessionId
    route_id: RouteId
    attempt: int
    command: str | None = None
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class NotYet:
    """The first waiting message must not be retried before this time."""

    at: datetime


async def acquire(tx: Transaction, session_id: SessionId) -> Lease | NotYet | None:
    """Take the waiting messages of the first one's route for a new turn, or return None.

    None means that nothing is waiting, or that the owner withholds the session; ending that wakes
    the session.

    A turn that held the session until now has lost it: the queue runs one job per session, so its
    worker is dead or was considered dead, and its messages wait again.

    Raises:
        ScopeError: the scope is the owner's and the session isn't only the owner's.
    """
    session = await tx.fetch_one(
        "SELECT current_turn FROM discreet.sessions WHERE id = %(session)s FOR UPDATE",
        {"session": session_id},
    )
    if session is None:
        return None
    # The agent is paused, the owner has blocked the contact, or a person answers it: the messages
    # keep waiting, but for commands.
    if await tx.value("SELECT gate.is_withheld(%(session)s, NULL)", {"session": session_id}):
        return None
    if session["current_turn"] is not None:
        await _drop_lost(tx, session["current_turn"])
    first = await tx.fetch_one(
        "SELECT id, route_id, attempts, command, not_before,"
        "   coalesce(not_before > clock_timestamp(), false) AS early"
        " FROM discreet.messages WHERE session_id = %(session)s AND state = 'waiting'"
        # Commands don't wait for earlier messages.
        " ORDER BY command IS NULL, position LIMIT 1",
        {"session": session_id},
    )
    if first is None:
        await tx.execute(
            "UPDATE discreet.sessions SET current_turn = NULL WHERE id = %(session)s"
            " AND current_turn IS NOT NULL",
            {"session": session_id},
        )
        return None
    if first["early"]:
        return NotYet(first["not_before"])
    if isinstance(tx.scope, OwnerScope):
        await _refuse_others(tx, session_id)
    route_id = RouteId(first["route_id"])
    attempt = first["attempts"] + 1
    turn_id = TurnId(
        await tx.value(
            "INSERT INTO discreet.turns (session_id, route_id, attempt)"
            " VALUES (%(session)s, %(route)s, %(attempt)s) RETURNING id",
            {"session": session_id, "route": route_id, "attempt": attempt},
        )
    )
    await tx.execute(
        "UPDATE discreet.messages SET state = 'taken', turn_id = %(turn)s, attempts = attempts + 1"
        " WHERE id IN (SELECT id FROM discreet.messages"
        "   WHERE session_id = %(session)s AND route_id = %(route)s AND state = 'waiting'"
        "     AND CASE WHEN %(command)s THEN id = %(first)s ELSE command IS NULL END"
        "   ORDER BY position LIMIT %(most)s)",
        {
            "turn": turn_id,
            "session": session_id,
            "route": route_id,
            "command": first["command"] is not None,
            "first": first["id"],
            "most": MAX_TAKEN,
        },
    )
    await tx.execute(
        "UPDATE discreet.sessions SET current_turn = %(turn)s WHERE id = %(session)s",
        {"turn": turn_id, "session": session_id},
    )
    is_held = await tx.value("SELECT gate.holds_answers(%(session)s)", {"session": session_id})
    return Lease(turn_id, session_id, route_id, attempt, first["command"], bool(is_held))


class TookTooLong(Exception):
    """A turn exceeded its time limit."""


async def hold(tx: Transaction, session_id: SessionId, turn_id: TurnId) -> None:
    """Lock the session for this turn until the transaction ``tx`` ends.

    Raises:
        LeaseLost: the session is not this turn's, or is withheld from all turns.
    """
    held = await tx.value(
        "SELECT true FROM discreet.sessions WHERE id = %(session)s AND current_turn = %(turn)s"
        " FOR UPDATE",
        {"session": session_id, "turn": turn_id},
    )
    # Asked after locking the row: a separate statement sees everything committed until then.
    if not held or await tx.value(
        "SELECT gate.is_withheld(%(session)s, %(turn)s)", {"session": session_id, "turn": turn_id}
    ):
        raise LeaseLost


async def while_held(
    db: ScopedDatabase,
    scope: SessionScope,
    lease: Lease,
    thinking: Coroutine[Any, Any, Result],
    seconds: float,
) -> Result:
    """Return the result of ``thinking``; cancel it when the turn loses its session or times out.

    What doesn't end even then is abandoned.

    Raises:
        LeaseLost: the turn no longer holds its session.
        TookTooLong: ``thinking`` did not end within ``seconds``.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    task = start(thinking, "thinking")
    try:
        while not task.done():
            if clock() >= until:
                raise TookTooLong
            await asyncio.wait({task}, timeout=min(WATCH_SECONDS, until - clock()))
            if not task.done():
                async with db.begin(scope, durable=False) as tx:
                    await hold(tx, lease.session_id, lease.turn_id)
        return task.result()
    finally:
        await end(task)


async def _refuse_others(tx: Transaction, session_id: SessionId) -> None:
    """Check again, before an owner's turn, that no other sender's message is waiting.

    There should be none, but answering one here would be the worst possible failure.
    """
    if await tx.value(
        "SELECT true FROM discreet.messages WHERE session_id = %(session)s"
        " AND state IN ('waiting', 'taken') AND sender_contact_id IS NOT NULL LIMIT 1",
        {"session": session_id},
    ):
        raise ScopeError("Another sender's message is never answered in the owner's scope.")


async def _drop_lost(tx: Transaction, turn_id: TurnId) -> None:
    await tx.execute(
        "UPDATE discreet.turns SET state = 'lost', finished_at = clock_timestamp(),"
        " error = 'its worker died or was taken for dead' WHERE id = %(turn)s",
        {"turn": turn_id},
    )
    await tx.execute(
        "UPDATE discreet.messages SET state = 'waiting', turn_id = NULL"
        " WHERE turn_id = %(turn)s AND state = 'taken'",
        {"turn": turn_id},
    )
    await tx.execute("SELECT gate.drop_draft(%(turn)s)", {"turn": turn_id})
