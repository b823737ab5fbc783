"""``scripts/trace-message``: the path of a Telegram message through the code.

It goes from the update to the delivered answer, without a model.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg

import discreet
from discreet.postgres.bootstrap import prepare_database, prepare_roles
from discreet.postgres.credentials import new_credentials
from discreet.postgres.embedded import embedded_server
from discreet.postgres.folders import make_layout
from discreet.postgres.migrate import read_migrations
from discreet.postgres.roles import ADMIN_ROLE
from discreet.postgres.server import Database
from tests.conftest import folder_in_memory
from tests.journeys.harness import Harness, open_harness
from tests.support.world import open_scoped

OURS = str(Path(discreet.__file__).parent) + "/"
BEGINNINGS = {
    ("channels/telegram/receive.py", "take_update"),
    ("queue/worker.py", "run_turn"),
    ("queue/worker.py", "deliver"),
}
"""Where the work for a message begins. Calls from there are its path; the server's own background
work isn't.
"""
TARGETS = {"files": 20, "switches": 28, "SQL functions": 10, "folders": 4}
IDLE_SECONDS = 12.0
"""Seconds after which a connection has reported its calls to the statistics."""
CALLS = "SELECT schemaname || '.' || funcname, calls FROM pg_stat_user_functions"

_on_its_way: ContextVar[bool] = ContextVar("on_its_way", default=False)


@dataclass
class Way:
    """Our files in the order of the first call, and calls between them."""

    recording: bool = False
    files: dict[str, int] = field(default_factory=dict)
    switches: Counter[tuple[str, str]] = field(default_factory=Counter)
    _seen: set[int] = field(default_factory=set)

    def watch(self, frame: FrameType, event: str, _: Any) -> None:
        """Handle a profile event; there is one for every call and every resumed coroutine."""
        file = frame.f_code.co_filename
        if event not in ("call", "return") or not self.recording or not file.startswith(OURS):
            return
        name = file.removeprefix(OURS)
        if (name, frame.f_code.co_name) in BEGINNINGS:
            _on_its_way.set(event == "call")
        if event == "call" and _on_its_way.get() and frame.f_code.co_name != "<module>":
            self.files[name] = self.files.get(name, 0) + 1
            caller = _caller(frame)
            if caller not in (None, name):
                self.switches[str(caller), name] += 1


def _caller(frame: FrameType) -> str | None:
    """Return the calling file of ours, through any library."""
    above = frame.f_back
    while above is not None:
        if above.f_code.co_filename.startswith(OURS):
            return above.f_code.co_filename.removeprefix(OURS)
        above = above.f_back
    return None


async def _settled_calls(admin: psycopg.Connection[Any]) -> dict[str, int]:
    await asyncio.sleep(IDLE_SECONDS)
    return dict(admin.execute(CALLS).fetchall())


async def _answered(harness: Harness, text: str, times: int) -> None:
    await harness.api.direct(1001, text)
    await harness.until(
        lambda: (
            len(harness.api.texts(1001)) == times
            and harness.count("outbox WHERE state <> 'sent'") == 0
        )
    )


async def _trace(database: Database, home: Path, admin: psycopg.Connection[Any], way: Way) -> None:
    async with open_scoped(database) as db, open_harness(database, db, home, admin) as harness:
        await harness.connect()
        async with harness.serving():
            await _answered(harness, "Remember that my dog is called Rex.", 1)
            idle_from = await _settled_calls(admin)
            before = await _settled_calls(admin)
            way.recording = True
            await _answered(harness, "What is my dog called?", 2)
            way.recording = False
            after = await _settled_calls(admin)
    assert "Rex" in harness.api.texts(1001)[1]
    alone = {name for name, calls in before.items() if calls != idle_from.get(name, 0)}
    sql = {
        name: calls - before.get(name, 0)
        for name, calls in after.items()
        if calls != before.get(name, 0) and name not in alone
    }
    _print(way, sql)


def _print(way: Way, sql: dict[str, int]) -> None:
    print("Python files, in the order of the first call, and how many calls each got:")
    for name, calls in way.files.items():
        print(f"  {calls:5} {name}")
    print("Switches, a call from one file to another, and how often:")
    for (caller, called), times in way.switches.items():
        print(f"  {times:5} {caller} -> {called}")
    print("SQL functions, and how often each ran:")
    for name, calls in sorted(sql.items()):
        print(f"  {calls:5} {name}")
    rooms = {name.partition("/")[0] for name in way.files}
    counts = {
        "files": len(way.files),
        "switches": len(way.switches),
        "SQL functions": len(sql),
        "folders": len(rooms),
    }
    print(f"Rooms: {', '.join(sorted(rooms))}")
    for what, count in counts.items():
        print(f"{what}: {count} (target: at most {TARGETS[what]})")


def main() -> None:
    way = Way()
    # Before there is any other thread.
    threading.setprofile(way.watch)
    sys.setprofile(way.watch)
    with tempfile.TemporaryDirectory(prefix="discreet-trace-", dir=folder_in_memory()) as place:
        home = Path(place)
        make_layout(home)
        credentials = new_credentials(embedded=True)
        password = credentials.passwords[ADMIN_ROLE]
        with embedded_server(home, password, durable=False, grace_seconds=0) as sockets:
            credentials = replace(credentials, host=str(sockets))
            admin_url = credentials.conninfo(ADMIN_ROLE, dbname="postgres")
            prepare_roles(admin_url, credentials)
            prepare_database(admin_url, credentials, read_migrations())
            with psycopg.connect(credentials.conninfo(ADMIN_ROLE), autocommit=True) as admin:
                name = credentials.dbname
                admin.execute(f"ALTER DATABASE {name} SET track_functions = 'all'".encode())
                asyncio.run(_trace(Database(credentials), home, admin, way))


if __name__ == "__main__":
    main()
