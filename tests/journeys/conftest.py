"""Installations with real processes, which are killed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from discreet.postgres.credentials import save_credentials
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase
from tests.journeys.harness import Harness, open_harness
from tests.support.fork_server import SB, ForkedSb
from tests.support.waiting import until_sync
from tests.support.world import World, make_world, open_scoped

DEADLINE = 180.0
"""Seconds after which a process that a test waits for is considered stuck."""


@dataclass
class Installation:
    """A home, and the processes that a test starts on it."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    imports_anew: bool = False
    """Whether its processes import everything themselves, as they do outside tests."""

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start ``sb ...`` in the background."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        command: Any = [str(SB), *words]
        process: subprocess.Popen[str] = (subprocess.Popen if self.imports_anew else ForkedSb)(
            command if self.imports_anew else words,
            env={
                **kept,
                "DISCREET_HOME": str(self.home),
                "DISCREET_LISTEN": "127.0.0.1:0",
                "LANG": "C.UTF-8",
                **self.settings,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def serve(self) -> subprocess.Popen[str]:
        """Start ``sb serve`` and return it once it serves."""
        process = self.start("serve")
        assert process.stdout
        for line in process.stdout:
            if "Press Ctrl-C to stop" in line:
                return process
        raise AssertionError(f"it does not serve: {process.communicate()[1]}")

    def chat(self, sender: str, text: str, *words: str) -> subprocess.Popen[str]:
        """Start ``sb chat --message`` in the background."""
        return self.start("chat", "--sender", sender, "--message", text, *words)

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


def kill(process: subprocess.Popen[str]) -> None:
    """Run kill -9 and wait until nothing of it is left."""
    process.send_signal(signal.SIGKILL)
    process.wait(DEADLINE)


def answer_of(process: subprocess.Popen[str]) -> str:
    """Return the output of a successful command."""
    out, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, err) == (0, "")
    return out


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def world(db: ScopedDatabase) -> World:
    return await make_world(db)


@pytest.fixture
async def harness(
    database: Database, db: ScopedDatabase, tmp_path: Path, admin: psycopg.Connection[Any]
) -> AsyncIterator[Harness]:
    async with open_harness(database, db, tmp_path, admin) as harness:
        yield harness


@pytest.fixture
def installation(database: Database, tmp_path: Path) -> Iterator[Installation]:
    """Yield a home that uses the test's database, so nothing needs to be created first."""
    save_credentials(tmp_path, replace(database.credentials, embedded=False))
    made = Installation(tmp_path)
    yield made
    made.end()


@pytest.fixture
def fresh_installation(tmp_path: Path) -> Iterator[Installation]:
    """Yield a home that doesn't exist yet, with an embedded server of its own."""
    made = Installation(tmp_path / "home")
    yield made
    made.end()


POINTS = {
    "claim": "BEFORE INSERT ON discreet.turns",
    "tool": "BEFORE INSERT ON discreet.memories",
    "save": "BEFORE INSERT ON discreet.outbox",
    "sent": "BEFORE INSERT OR UPDATE ON discreet.outbox",
}
"""Points, in the order of a turn, at which a session with such a thread key can be frozen."""

FREEZE = """
CREATE FUNCTION public.freeze() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  new_row jsonb := to_jsonb(NEW);
  session uuid := coalesce(new_row ->> 'session_id', (
    SELECT t.session_id FROM discreet.turns t WHERE t.id::text = new_row ->> 'turn_id')::text);
BEGIN
  IF TG_ARGV[0] = (SELECT s.thread_key FROM discreet.sessions s WHERE s.id = session)
     AND (TG_ARGV[0] <> 'sent' OR new_row ->> 'state' = 'sent') THEN
    PERFORM pg_advisory_xact_lock_shared(4711);
  END IF;
  RETURN NEW;
END $$
"""

FROZEN = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@contextmanager
def frozen_at(admin: psycopg.Connection[Any], *points: str) -> Iterator[None]:
    """Freeze work that reaches one of these points, inside its transaction, until the block ends.

    Afterwards it continues, if its process still lives.
    """
    admin.execute(FREEZE)
    for point in points:
        admin.execute(
            f"CREATE TRIGGER freeze_{point} {POINTS[point]}"
            f" FOR EACH ROW EXECUTE FUNCTION public.freeze('{point}')"
        )
    admin.execute("SELECT pg_advisory_lock(4711)")
    try:
        yield
    finally:
        if not admin.closed:
            admin.execute("SELECT pg_advisory_unlock(4711)")


def wait_until_frozen(admin: psycopg.Connection[Any], how_many: int) -> None:
    """Wait until ``how_many`` are frozen."""
    until_sync(
        lambda: admin.execute(FROZEN).fetchall() == [(how_many,)],
        f"{how_many} at a point where it stops",
        outstanding=lambda: admin.execute(FROZEN).fetchall(),
    )
