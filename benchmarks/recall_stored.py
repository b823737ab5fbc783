"""Conversations stored by intake, indexed, and searched in the scope of their contact or group."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from tests.support.world import World, make_world

from benchmarks.recall_sets import AGENT, Conversation
from benchmarks.scratch import scratch_database
from discreet.memory.embedding import Embedder
from discreet.memory.indexing import catch_up
from discreet.memory.query import prepare
from discreet.memory.recall import search_messages
from discreet.postgres.roles import ADMIN_ROLE
from discreet.postgres.server import Database

MOST = 50


async def through_the_database(
    conversations: Sequence[Conversation], embedder: Embedder
) -> tuple[list[npt.NDArray[np.int64]], npt.NDArray[np.float64]]:
    """The turns that a contact's search gives, best first, and the milliseconds of each search."""
    orders, spent = [], []
    async with scratch_database() as (database, db):
        world = await make_world(db)
        for number, one in enumerate(conversations):
            scope, turns = await _store(world, number, one, embedder)
            _date(database, {id_: one.turns[at].said_at for id_, at in turns.items()})
            order = np.zeros((len(one.questions), MOST), dtype=np.int64)
            for at, question in enumerate(one.questions):
                now = one.turns[-1].said_at + timedelta(days=1)
                start = time.perf_counter()
                query = prepare(question, embedder, now=now)
                async with db.begin(scope) as tx:
                    found = await search_messages(tx, query, limit=MOST)
                spent.append((time.perf_counter() - start) * 1000)
                order[at] = [turns[hit.id] for hit in found]
            orders.append(order)
    return orders, np.array(spent)


def _date(database: Database, said_at: dict[Any, datetime]) -> None:
    """An answer is as old as its conversation, and not as this run."""
    with psycopg.connect(database.conninfo(ADMIN_ROLE)) as admin:
        admin.cursor().executemany(
            "UPDATE discreet.messages SET sent_at = %s WHERE id = %s",
            [(when, id_) for id_, when in said_at.items()],
        )


async def _store(
    world: World, number: int, one: Conversation, embedder: Embedder
) -> tuple[Any, dict[Any, int]]:
    """Two people talk in a group, which is one contact; one talks to the agent alone. Gives the
    scope and the stored turns."""
    people = sorted({turn.speaker for turn in one.turns} - {AGENT})
    group = f"telegram:-{number + 1}" if len(people) > 1 else None
    turns, said = {}, None
    for at, turn in enumerate(one.turns):
        if turn.speaker == AGENT and said is not None:
            turns[await world.answer(said, turn.text)] = at
            continue
        said = await world.say(
            f"telegram:{1000 * (number + 1) + people.index(turn.speaker)}",
            turn.text,
            name=turn.speaker,
            group=group,
            sent_at=turn.said_at,
        )
        turns[said.message_id] = at
    assert said is not None
    scope = world.contact(said.contact_id)
    while await catch_up(world.db, scope, "message", embedder):
        pass
    return scope, turns
