"""A reminder is said once, whatever dies, and by whichever server."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from discreet.domain.outbound import Channel
from discreet.postgres.roles import LOGIN_ROLES
from discreet.postgres.server import Database
from discreet.queue.job_scope import scope_of_reminder
from discreet.scope import WorkScope
from tests.support.platform import Platform
from tests.support.turns import Recording, do_all, turns_of, working
from tests.support.waiting import until
from tests.turn.reminders.reminding import (
    ANN,
    Admin,
    fired,
    left,
    make_due,
    offline,
    remind,
    told,
)


async def test_a_reminder_that_went_while_it_was_looked_at_is_past(
    platform: Platform, admin: Admin
) -> None:
    await told(platform, ANN, "Remind me tomorrow at 9 to call the dentist.")
    [[reminder, due]] = admin.execute("SELECT id, due_at FROM discreet.reminders").fetchall()
    scope = await scope_of_reminder(platform.world.db, reminder)
    assert scope is not None
    admin.execute("DELETE FROM discreet.reminders WHERE id = %s", (reminder,))
    async with platform.world.db.begin(scope) as tx:
        outcome = await tx.value(
            "SELECT gate.fire_reminder(%(id)s, %(seen)s, NULL, 'x')", {"id": reminder, "seen": due}
        )
    assert outcome == "past"


async def test_a_worker_says_it_within_five_seconds(
    platform: Platform, admin: Admin, database: Database
) -> None:
    db = platform.world.db
    wire: dict[str, Channel] = {"telegram": Recording("telegram"), "terminal": Recording()}
    async with working(database, db, turns_of(db, offline), wire):
        await platform.accepted(ANN, "remind me in 1 minute to look")
        await until(lambda: left(admin) == ["look"], "the reminder is set")
        # The minute passes at once.
        admin.execute("UPDATE discreet.reminders SET due_at = clock_timestamp()")
        admin.execute("SET search_path = queue, public")
        admin.execute(
            "UPDATE queue.procrastinate_jobs SET scheduled_at = clock_timestamp()"
            " WHERE task_name = 'remind'"
        )
        await until(lambda: left(admin) == [], "the reminder is said")

        async def sent() -> bool:
            return "⏰ look" in await platform.sent(ANN)

        await until(sent, "it is on its way")
    [[seconds]] = admin.execute(
        "SELECT extract(epoch FROM o.created_at - (SELECT max(m.created_at)"
        " FROM discreet.messages m WHERE m.direction = 'in')) FROM discreet.outbox o"
        " ORDER BY o.created_at DESC LIMIT 1"
    ).fetchall()
    assert seconds < 60


async def test_the_sweep_finds_what_a_dead_worker_left(
    platform: Platform, admin: Admin, database: Database
) -> None:
    reminder = await remind(platform, admin, ANN, "look")
    make_due(admin, reminder)
    admin.execute("SET search_path = queue, public")
    admin.execute("DELETE FROM queue.procrastinate_jobs WHERE task_name = 'remind'")
    async with platform.world.db.begin(WorkScope()) as tx:
        assert await tx.value("SELECT gate.wake_reminders()") == 1
        assert await tx.value("SELECT gate.wake_reminders()") == 0
    await do_all(database, platform.world.db, offline, {"telegram": Recording("telegram")})
    assert left(admin) == []


async def test_two_servers_say_sixty_reminders_once_each_and_within_five_seconds(
    platform: Platform, admin: Admin, database: Database
) -> None:
    db = platform.world.db
    made = await remind(platform, admin, ANN, "number 0")
    # One row in sixty, due within the next two seconds, each with its job.
    admin.execute(
        "INSERT INTO discreet.reminders (owner_id, agent_id, contact_id, shared, session_id,"
        " route_id, text, starts_at, zone, due_at)"
        " SELECT owner_id, agent_id, contact_id, shared, session_id, route_id, 'number ' || n,"
        " starts_at, zone, clock_timestamp() + n * interval '30 milliseconds'"
        " FROM discreet.reminders, generate_series(1, 60) n WHERE id = %s",
        (made,),
    )
    admin.execute("DELETE FROM discreet.reminders WHERE id = %s", (made,))
    due = dict(admin.execute("SELECT text, due_at FROM discreet.reminders").fetchall())
    admin.execute("SET search_path = queue, public")
    admin.execute("SELECT gate.defer_reminder(id, session_id, due_at) FROM discreet.reminders")
    wires = [Recording("telegram"), Recording("telegram")]
    first = working(database, db, turns_of(db, offline), {"telegram": wires[0]})
    second = working(database, db, turns_of(db, offline), {"telegram": wires[1]})
    async with first, second:
        await until(lambda: left(admin) == [], "all are said")
    said = admin.execute(
        "SELECT text, created_at FROM discreet.messages WHERE text LIKE '⏰ number%'"
    ).fetchall()
    assert sorted(text for text, _ in said) == sorted(f"⏰ {text}" for text in due)
    late = max(at - due[text.removeprefix("⏰ ")] for text, at in said)
    assert late < timedelta(seconds=5), late


FIRING = """
import asyncio, json, os, sys
from uuid import UUID
from discreet.scope import ScopedDatabase
from discreet.turn.reminders import fire_reminder

given = json.load(sys.stdin)
db = ScopedDatabase(given["conninfo"].__getitem__, bytes.fromhex(given["key"]))

async def main():
    print(await fire_reminder(db, UUID(given["reminder"])), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@asynccontextmanager
async def firing(database: Database, reminder: UUID) -> AsyncIterator[asyncio.subprocess.Process]:
    """Fire a reminder in a process of its own, and kill it with SIGKILL at the end."""
    given = {
        "conninfo": {role: database.conninfo(role) for role in LOGIN_ROLES},
        "key": database.ticket_key.hex(),
        "reminder": str(reminder),
    }
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FIRING, stdin=pipe, stdout=pipe
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(given).encode())
        process.stdin.close()
        yield process
    finally:
        process.kill()
        await process.wait()


async def test_a_process_killed_while_it_fires_a_reminder_says_it_neither_twice_nor_never(
    platform: Platform, admin: Admin, database: Database
) -> None:
    before = await remind(platform, admin, ANN, "before")
    after = await remind(platform, admin, ANN, "after")
    for one in (before, after):
        make_due(admin, one)
    # Killed in the middle of its transaction: it waits to write the outbox.
    with admin.transaction():
        admin.execute("LOCK TABLE discreet.outbox IN SHARE MODE")
        async with firing(database, before):
            await until(lambda: is_blocked(admin), "it waits in its transaction")
    await until(lambda: not is_blocked(admin), "its transaction is over")
    await until(lambda: "before" in left(admin), "nothing is changed")
    # Killed after its commit, and before its job is over.
    async with firing(database, after) as process:
        assert process.stdout is not None
        assert b"fired" in await process.stdout.readline()
    for one in (before, after):  # whoever does the work of the dead looks at both again
        await fired(platform, one)
        await fired(platform, one)
    said = admin.execute("SELECT text FROM discreet.messages WHERE text LIKE '⏰%'").fetchall()
    assert sorted(text for (text,) in said) == ["⏰ after", "⏰ before"]
    assert left(admin) == []


def is_blocked(admin: Admin) -> bool:
    row = admin.execute(
        "SELECT EXISTS (SELECT FROM pg_locks l WHERE NOT l.granted"
        "  AND l.relation = 'discreet.outbox'::regclass)"
    ).fetchone()
    return bool(row and row[0])
