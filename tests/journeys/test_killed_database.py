"""kill -9 of the whole embedded PostgreSQL during a turn."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psycopg

from discreet.postgres.credentials import load_credentials
from discreet.postgres.folders import Layout
from discreet.postgres.roles import ADMIN_ROLE
from tests.journeys.conftest import DEADLINE, Installation, answer_of, frozen_at, wait_until_frozen


def test_a_database_killed_in_the_middle_of_a_turn_comes_back_with_nothing_lost_or_doubled(
    fresh_installation: Installation,
) -> None:
    installation = fresh_installation
    serving = installation.serve()
    told = installation.chat("telegram:1", "Remember that my dog is called Rex.")
    assert "Rex" in answer_of(told)
    with connect(installation.home) as admin, frozen_at(admin, "save"):
        asking = installation.chat("telegram:1", "What is my dog called?", "--thread-key", "save")
        wait_until_frozen(admin, 1)
        kill_database(installation.home)
        admin.close()
    # The waiting terminal and the server survive, and work continues when the database is back.
    out, _ = asking.communicate(timeout=DEADLINE)
    assert asking.returncode == 0
    assert "Rex" in out
    again = installation.chat("telegram:1", "What is my dog called?")
    assert "Rex" in answer_of(again)
    assert serving.poll() is None
    with connect(installation.home) as admin:
        row = admin.execute(
            "SELECT (SELECT count(*) FROM discreet.messages WHERE direction = 'in'),"
            " (SELECT count(*) FROM discreet.messages WHERE direction = 'out'),"
            " (SELECT count(*) FROM discreet.outbox WHERE state = 'sent'),"
            " (SELECT count(*) FROM discreet.memories WHERE content LIKE '%Rex%')"
        ).fetchone()
    assert row == (3, 3, 3, 1)


def connect(home: Path) -> psycopg.Connection[tuple[int, ...]]:
    """Connect as the superuser of the embedded server."""
    credentials = load_credentials(home)
    assert credentials
    sockets = (Layout(home).data / "postmaster.pid").read_text().splitlines()[4]
    return psycopg.connect(credentials.conninfo(ADMIN_ROLE), host=sockets, autocommit=True)


def kill_database(home: Path) -> None:
    """Kill the server and all its processes."""
    postmaster = int((Layout(home).data / "postmaster.pid").read_text().splitlines()[0])
    children = [
        int(status.parent.name)
        for status in Path("/proc").glob("[0-9]*/status")
        if f"PPid:\t{postmaster}\n" in read(status)
    ]
    for pid in (postmaster, *children):
        os.kill(pid, signal.SIGKILL)


def read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
