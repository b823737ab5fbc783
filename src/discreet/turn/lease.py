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
    answer waits for the owner's approval, so nothing of it is shown before. ``is_local``: it goes
    to a terminal, so it is delivered by the commit that stores it.
    """

    turn_id: TurnId
    session_id: SessionId
    route_id: RouteId
    attempt: int
    command: str | None = None
    is_held: bool = False
    is_local: bool = False


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
    row = await tx.fetch_one(
        "SELECT * FROM gate.begin_turn(%(session)s, %(most)s)",
        {"session": session_id, "most": MAX_TAKEN},
    )
    if row is None or row["turn_id"] is None:
        return NotYet(row["not_before"]) if row is not None and row["not_before"] else None
    if isinstance(tx.scope, OwnerScope):
        await _refuse_others(tx, session_id)
    return Lease(
        TurnId(row["turn_id"]),
        session_id,
        RouteId(row["route_id"]),
        row["attempt"],
        row["command"],
        row["is_held"],
        row["is_local"],
    )


class TookTooLong(Exception):
    """A turn exceeded its time limit."""


async def hold(tx: Transaction, session_id: SessionId, turn_id: TurnId) -> None:
    """Lock the session for this turn until the transaction ``tx`` ends.

    Raises:
        LeaseLost: the session is not this turn's, or is withheld from all turns.
    """
    if not await tx.value(
        "SELECT gate.verify_turn_lease(%(session)s, %(turn)s)",
        {"session": session_id, "turn": turn_id},
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
