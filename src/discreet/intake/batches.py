"""Store messages that arrive together in one call and one commit.

A message that arrives alone is stored at once. Those that arrive during running calls wait for one
of them to end, and the first of them stores all that are waiting. This needs no separate task.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from weakref import WeakKeyDictionary

from psycopg import Error
from psycopg.types.json import Jsonb

from discreet.domain.errors import Unavailable
from discreet.domain.ids import OwnerId
from discreet.scope import IntakeScope, ScopedDatabase

__all__ = ["store"]

MAX_TOGETHER = 32
"""Messages of one call. Each is a subtransaction, of which PostgreSQL holds 64 in shared memory."""
MAX_CALLS = 4
"""Simultaneous calls of one owner's intake in one process."""

ACCEPT = """
SELECT * FROM gate.accept_messages(%(ticket)s, ARRAY(
  SELECT jsonb_populate_record(NULL::gate.inbound, given.message)
    FROM jsonb_array_elements(%(messages)s) WITH ORDINALITY AS given (message, place)
   ORDER BY given.place))
"""
"""Stores any number of messages, each with its own outcome. Their keys are the attributes of
``gate.inbound``.
"""

Row = dict[str, Any]


@dataclass(slots=True, eq=False)
class _Waiting:
    """A message that waits. ``told``: its row, or that it makes the next call, or a call alone."""

    message: Mapping[str, Any]
    told: asyncio.Future[Row | Literal["lead", "alone"]]

    def leads(self) -> bool:
        """Return whether it was told to make the next call."""
        told = self.told
        return not told.cancelled() and told.exception() is None and told.result() == "lead"


@dataclass(slots=True, eq=False)
class _Queue:
    """The messages of one owner that wait, oldest first, and how many calls are under way."""

    waiting: deque[_Waiting] = field(default_factory=deque)
    calls: int = 0

    def end_call(self) -> None:
        """Let the oldest that waits make the next call."""
        while self.waiting:
            oldest = self.waiting.popleft()
            if not oldest.told.done():
                oldest.told.set_result("lead")
                return
        self.calls -= 1


_queues: WeakKeyDictionary[ScopedDatabase, dict[OwnerId, _Queue]] = WeakKeyDictionary()


async def store(db: ScopedDatabase, owner_id: OwnerId, message: Mapping[str, Any]) -> Row:
    """Store a message, with others of the same owner that arrive meanwhile; return its outcome.

    Raises:
        psycopg.Error: the call failed for this message alone. Another one's error is never raised.
        Unavailable: no connection was available, or the database gave no outcome.
    """
    queues = _queues.setdefault(db, {})
    queue = queues.setdefault(owner_id, _Queue())
    try:
        if queue.calls < MAX_CALLS:
            queue.calls += 1
            return await _lead(db, owner_id, queue, message)
        own = _Waiting(message, asyncio.get_running_loop().create_future())
        queue.waiting.append(own)
        try:
            told = await own.told
        except asyncio.CancelledError:
            if own in queue.waiting:
                queue.waiting.remove(own)
            elif own.leads():
                queue.end_call()
            raise
        if told == "lead":
            return await _lead(db, owner_id, queue, message)
        return (await _call(db, owner_id, [message]))[0] if told == "alone" else told
    finally:
        if not queue.calls and not queue.waiting and queues.get(owner_id) is queue:
            del queues[owner_id]


async def _lead(
    db: ScopedDatabase, owner_id: OwnerId, queue: _Queue, message: Mapping[str, Any]
) -> Row:
    """Store a message and the oldest that wait; tell each its outcome."""
    others = [queue.waiting.popleft() for _ in range(min(len(queue.waiting), MAX_TOGETHER - 1))]
    try:
        try:
            own, *rest = await _call(db, owner_id, [message, *(one.message for one in others)])
        except Unavailable as error:
            for one in others:
                if not one.told.done():
                    one.told.set_exception(error)
            raise
        except Error:
            if not others:
                raise
            # Whatever is wrong with one of them must not be the others' outcome.
            _tell_alone(others)
            return (await _call(db, owner_id, [message]))[0]
        for one, row in zip(others, rest, strict=True):
            if not one.told.done():
                one.told.set_result(row)
        return own
    finally:
        # After a cancellation it is unknown what was stored; a repeated message changes nothing.
        _tell_alone(others)
        queue.end_call()


def _tell_alone(waiting: list[_Waiting]) -> None:
    for one in waiting:
        if not one.told.done():
            one.told.set_result("alone")


async def _call(
    db: ScopedDatabase, owner_id: OwnerId, messages: list[Mapping[str, Any]]
) -> list[Row]:
    rows = await db.call_all(IntakeScope(owner_id), ACCEPT, {"messages": Jsonb(messages)})
    if len(rows) != len(messages):
        raise Unavailable("The message was not stored.", hint="Try again.")
    return rows
