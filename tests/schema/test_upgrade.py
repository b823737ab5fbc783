"""A database of every frozen version, with people in it, is migrated and looks the same to them.

So does an old backup.
"""

from __future__ import annotations

import gzip
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from discreet.domain.ids import AgentId, ChannelId, OwnerId
from discreet.postgres.archive import DUMP, write_archive
from discreet.postgres.binaries import run_client
from discreet.postgres.bootstrap import prepare_database
from discreet.postgres.credentials import load_credentials, save_credentials
from discreet.postgres.migrate import read_migrations
from discreet.postgres.restore import restore_backup
from discreet.postgres.roles import ADMIN_ROLE
from discreet.postgres.server import Database, opened_database
from discreet.postgres.upgrade_check import check_upgrade
from discreet.settings import Settings
from tests.conftest import Server as Shared
from tests.schema.__main__ import VERSIONS
from tests.schema.dump import schema_of
from tests.schema.sample import BOB, Seen, seen
from tests.schema.scratch import Server
from tests.support.turns import answers_of, do_all
from tests.support.world import World, open_scoped

STORED = sorted(path.name.removesuffix(".sql.gz") for path in VERSIONS.glob("*.gz"))


@pytest.fixture(params=STORED)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def old(server: Shared, version: str) -> Iterator[Database]:
    """Yield a database of that version, as it was stored."""
    name = f"{server.credentials.dbname}_{secrets.token_hex(6)}"
    place = Server(server.admin_conninfo, server.credentials)
    try:
        place.from_dump(name, VERSIONS / f"{version}.sql.gz")
        yield Database(replace(server.credentials, dbname=name))
    finally:
        place.drop(name)


def test_a_version_is_stored() -> None:
    assert STORED


async def test_an_upgraded_database_looks_to_its_people_as_it_did_before(
    server: Shared, old: Database, version: str
) -> None:
    prepare_database(server.admin_conninfo, old.credentials, read_migrations())

    place = Server(server.admin_conninfo, server.credentials)
    inside = place.inside(old.credentials.dbname)
    assert schema_of(inside) == schema_of(place.inside(server.credentials.dbname))
    with psycopg.connect(inside, autocommit=True) as admin:
        async with open_scoped(old) as db:
            found = await seen(db, admin)
    assert _as_known_to(version, found) == _before(version)


def test_a_check_says_what_an_upgrade_would_do_and_does_not_do_it(
    server: Shared, old: Database, version: str, tmp_path: Path
) -> None:
    save_credentials(tmp_path, replace(old.credentials, embedded=False))
    found = check_upgrade(tmp_path)
    assert found.schema == version
    assert list(found.pending) == [
        one.name for one in read_migrations() if not one.repeatable and one.name > version
    ]
    assert found.functions > 0 or not found.pending
    assert found == check_upgrade(tmp_path)
    prepare_database(server.admin_conninfo, old.credentials, read_migrations())
    assert check_upgrade(tmp_path).is_current
    inside = Server(server.admin_conninfo, server.credentials).inside(old.credentials.dbname)
    with psycopg.connect(inside, autocommit=True) as admin:
        admin.execute("INSERT INTO public.schema_migrations VALUES ('9999_later', 'x')")
    assert check_upgrade(tmp_path).unknown == ("9999_later",)


async def test_an_upgraded_database_goes_on_where_it_stood(server: Shared, old: Database) -> None:
    prepare_database(server.admin_conninfo, old.credentials, read_migrations())

    inside = Server(server.admin_conninfo, server.credentials).inside(old.credentials.dbname)
    with psycopg.connect(inside, autocommit=True) as admin:
        row = admin.execute(
            "SELECT a.owner_id, a.id, c.id FROM discreet.agents a"
            " JOIN discreet.channels c ON c.agent_id = a.id AND c.platform = 'terminal'"
        ).fetchone()
        assert row is not None
    async with open_scoped(old) as db:
        world = World(db, OwnerId(row[0]), AgentId(row[1]), ChannelId(row[2]))
        said = await world.say(BOB, "Still there?")
        await do_all(old, db)
        assert (await answers_of(world, said.session_id))[-1] == "re: Still there?"


async def test_an_old_backup_is_brought_up_to_date_when_it_is_restored_under_any_name(
    server: Shared, old: Database, version: str, tmp_path: Path
) -> None:
    file = tmp_path / "old.tar"
    inside = Server(server.admin_conninfo, server.credentials).inside(old.credentials.dbname)
    run_client("pg_dump", inside, "--format=custom", f"--file={tmp_path / DUMP}",
               f"--dbname={old.credentials.dbname}")  # fmt: skip
    write_archive(
        file, tmp_path, replace(old.credentials, dbname="discreet"), discreet="0", postgres="18",
        made_at=datetime.now(UTC).isoformat(),
        migrations=[name for name in STORED if name <= version], rows={},
    )  # fmt: skip

    home = tmp_path / "home"
    restore_backup(Settings(home=home), file, name="shop" if version == STORED[0] else None)

    with opened_database(home) as database:
        credentials = load_credentials(home)
        assert credentials is not None
        conninfo = replace(credentials, host=database.credentials.host).conninfo(ADMIN_ROLE)
        with psycopg.connect(conninfo, autocommit=True) as admin:
            async with open_scoped(database) as db:
                found = await seen(db, admin)
    assert _as_known_to(version, found) == _before(version)


def test_the_stored_version_contains_people_memories_history_links_files_and_work(
    version: str,
) -> None:
    before = _before(version)
    text = gzip.decompress((VERSIONS / f"{version}.sql.gz").read_bytes()).decode()
    assert len(before["contacts"]) > 2
    assert any(contact["memories"] for contact in before["contacts"].values())
    assert any(contact["history"] for contact in before["contacts"].values())
    assert any(contact["files"] for contact in before["contacts"].values())
    for kind in ("links", "quarantine", "held_messages", "erasures", "references", "turns"):
        assert before["owner"][kind], kind
    assert before["jobs"]
    assert "INSERT INTO queue.procrastinate_jobs" in text


WITHOUT_SAMPLES = {
    "queue.leases",  # of running servers
    "queue.procrastinate_events",  # nothing is logged there since 0033
    "queue.procrastinate_periodic_defers",
    "queue.procrastinate_workers",
}


def test_the_newest_stored_version_has_rows_in_every_table() -> None:
    text = gzip.decompress((VERSIONS / f"{STORED[-1]}.sql.gz").read_bytes()).decode()
    tables = set(re.findall(r"^CREATE TABLE ((?:discreet|queue|gate)\.\w+)", text, re.MULTILINE))
    filled = set(re.findall(r"^INSERT INTO (\S+)", text, re.MULTILINE))
    assert len(tables) > 40
    assert tables - filled == WITHOUT_SAMPLES


def _before(version: str) -> Seen:
    found: Seen = json.loads((VERSIONS / f"{version}.json").read_text(encoding="utf-8"))
    return found


def _as_known_to(version: str, found: Seen) -> Seen:
    """What a version could tell: of what its successors know too, nothing was stored."""
    read: Seen = json.loads(json.dumps(found))
    known = _before(version)["owner"]
    return {**read, "owner": {name: read["owner"][name] for name in known}}
