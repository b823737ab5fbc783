"""A contact with something in every table, and what is left after an erasure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from discreet.intake import Accepted
from discreet.services import erasing
from discreet.turn.run import run_turn
from tests.support.platform import Platform
from tests.support.responders import Responder
from tests.support.turns import turns_of

Admin = psycopg.Connection[Any]


ANN, BOB, GROUP = "telegram:77001001", "telegram:77001002", "telegram:-77100500"


MARK = "zyxquo"
"""A word that only Ann uses; it is also in her name."""


def everything(admin: Admin) -> dict[str, dict[str, int]]:
    """Return every row of every table of ours and of the queue, as text with its count."""
    tables = admin.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname IN ('discreet', 'queue', 'gate') AND c.relkind IN ('r', 'p', 'm')"
    ).fetchall()
    found: dict[str, dict[str, int]] = {}
    for schema, table in tables:
        rows = admin.execute(
            sql.SQL("SELECT t::text, count(*) FROM {} t GROUP BY 1").format(
                sql.Identifier(schema, table)
            )
        ).fetchall()
        found[f"{schema}.{table}"] = dict(rows)
    return found


def holding(admin: Admin, *words: str) -> dict[str, list[str]]:
    """Return the tables with rows that contain one of these words, in any case."""
    found = {}
    for table, rows in everything(admin).items():
        hits = [row for row in rows if any(word.casefold() in row.casefold() for word in words)]
        if hits:
            found[table] = hits
    return found


async def answered(
    platform: Platform, sender: str, text: str, responder: Responder, **more: Any
) -> Accepted:
    said = await platform.accepted(sender, text, **more)
    await run_turn(turns_of(platform.world.db, responder), said.session_id)
    return said


async def erase(platform: Platform, who: str, home: Path) -> erasing.Erased:
    return await erasing.erase_contact(platform.world.db, platform.world.owner_id, who, home)
