"""Set reminders in a test, make them due, and see what is said."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from discreet.turn.offline import respond
from discreet.turn.reminders import fire_reminder
from discreet.turn.run import run_turn
from tests.support.platform import Platform
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import turns_of

Admin = psycopg.Connection[Any]

ANN, ALSO_ANN, BOB, GROUP = "telegram:1001", "telegram:2001", "telegram:1002", "telegram:-100500"
LATER = "2099-01-01T09:00"


async def offline(context: Any, prompt: Any, tools: Any, on_text: Any) -> Any:
    return await respond(context, tools)


async def told(platform: Platform, who: str, text: str, **more: Any) -> str:
    """Return what is answered without a model."""
    said = await platform.accepted(who, text, **more)
    await run_turn(turns_of(platform.world.db, offline), said.session_id)
    return (await platform.sent(more.get("group") or who))[-1]


async def remind(
    platform: Platform, admin: Admin, who: str, text: str, *, repeat: str | None = None, **more: Any
) -> UUID:
    """Have a model call the tool, a year ahead, and return the reminder's id."""
    at = f"{datetime.now() + timedelta(days=365):%Y-%m-%dT09:00}"
    given = {"text": text, "at": at} | ({"repeat": repeat} if repeat else {})
    said = await platform.accepted(who, calling("remind", **given), **more)
    await run_turn(turns_of(platform.world.db, Responder(do_as_told)), said.session_id)
    row = admin.execute(
        "SELECT id FROM discreet.reminders WHERE text = %s AND session_id = %s",
        (text, said.session_id),
    ).fetchone()
    assert row is not None, await platform.sent(more.get("group") or who)
    return UUID(str(row[0]))


def make_due(admin: Admin, reminder: UUID, since: str = "1 second") -> None:
    admin.execute(
        "UPDATE discreet.reminders SET due_at = clock_timestamp() - %s::interval WHERE id = %s",
        (since, reminder),
    )


def left(admin: Admin) -> list[str]:
    return [row[0] for row in admin.execute("SELECT text FROM discreet.reminders ORDER BY text")]


async def fired(platform: Platform, reminder: UUID) -> str:
    return await fire_reminder(platform.world.db, reminder)
