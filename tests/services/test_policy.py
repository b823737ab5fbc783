"""Several servers with different settings: the differences are named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from discreet.domain.policy import Policy
from discreet.postgres.credentials import save_credentials
from discreet.postgres.server import Database
from discreet.services.policy import OtherNumber, other_numbers, write_policy
from tests.cli.conftest import Sb
from tests.support.world import World


@pytest.fixture
def sb(tmp_path: Path) -> Sb:
    return Sb(tmp_path / "home")


async def test_what_another_server_wrote_is_named_until_they_agree(
    world: World, database: Database, sb: Sb
) -> None:
    ours, theirs = Policy(), Policy(tokens_a_day=100, album_seconds=0)
    assert await other_numbers(world.db, ours) == []
    await write_policy(world.db, theirs)
    assert await other_numbers(world.db, theirs) == []
    assert await other_numbers(world.db, ours) == [
        OtherNumber("tokens_a_day", ours.tokens_a_day, 100),
        OtherNumber("album_seconds", ours.album_seconds, 0),
    ]
    sb.home.mkdir()
    save_credentials(sb.home, replace(database.credentials, embedded=False))
    line = "tokens_a_day is 500,000 in these settings and 100 in the database"
    assert line in sb("status").stdout
    assert any(line in item["line"] for item in sb.json("status")["attention"])
    checked = sb("db", "check")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert line in checked.stdout
    await write_policy(world.db, ours)
    assert await other_numbers(world.db, ours) == []
    assert "in these settings" not in sb("status").stdout


async def test_a_server_of_ones_own_without_connections_is_named_with_who_can_help(
    world: World, database: Database, sb: Sb, admin: psycopg.Connection[tuple[int]]
) -> None:
    sb.home.mkdir()
    save_credentials(sb.home, replace(database.credentials, embedded=False))
    admin.execute(f"ALTER DATABASE {database.credentials.dbname} CONNECTION LIMIT 0")
    shown = sb("status")
    admin.execute(f"ALTER DATABASE {database.credentials.dbname} CONNECTION LIMIT -1")
    assert shown.returncode == 1
    assert "The database has no connections left." in shown.stdout
    assert "pg_stat_activity" in shown.stdout
    assert sb("status").returncode == 0
