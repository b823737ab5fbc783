"""What the tests of pitfalls look at."""

from __future__ import annotations

from typing import Any

import psycopg

from discreet.domain.inbound import (
    Inbound,
)
from discreet.intake.terminal_message import TerminalMessage, to_inbound
from discreet.memory.memories import list_memories
from discreet.scope import ScopedDatabase
from discreet.sessions.transcript import transcript
from tests.support.world import World

Admin = psycopg.Connection[Any]


GROUP = "telegram:-100500"


def whose(admin: Admin, table: str, world: World) -> set[Any]:
    """Return the contacts, or None, that rows of a table belong to."""
    found = admin.execute(
        f"SELECT DISTINCT contact_id FROM discreet.{table} WHERE owner_id = %s", (world.owner_id,)
    )
    return {contact for (contact,) in found}


async def contents(db: ScopedDatabase, scope: Any) -> list[str]:
    async with db.begin(scope) as tx:
        return sorted(memory.content for memory in await list_memories(tx))


async def said(db: ScopedDatabase, scope: Any, session_id: Any) -> list[str]:
    async with db.begin(scope) as tx:
        return [message.text for message in await transcript(tx, session_id)]


def inbound(world: World, sender: Any, text: str = "hello", **more: Any) -> Inbound:
    made = to_inbound(TerminalMessage(text), world.channel_id)
    values = {name: getattr(made, name) for name in Inbound.__slots__}
    return Inbound(**{**values, "sender": sender, **more})
