"""Rows and secrets of homes that are backed up."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tarfile
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from discreet.domain.errors import Unavailable
from discreet.domain.ids import OwnerId
from discreet.postgres.roles import ADMIN_ROLE
from discreet.postgres.sealing import seal, unseal
from discreet.postgres.server import opened_database
from discreet.scope import ScopedDatabase
from discreet.services import erasing
from discreet.settings import Settings

OWNERS = "SELECT name FROM discreet.owners ORDER BY name"


def settings(home: Path) -> Settings:
    return Settings(home=home)


def add_owner(home: Path, name: str) -> UUID:
    with (
        opened_database(home) as database,
        psycopg.connect(database.conninfo(ADMIN_ROLE), autocommit=True) as conn,
    ):
        row = conn.execute(
            "INSERT INTO discreet.owners (name) VALUES (%s) RETURNING id", [name]
        ).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def owners(home: Path) -> list[str]:
    with (
        opened_database(home) as database,
        psycopg.connect(database.conninfo(ADMIN_ROLE)) as conn,
    ):
        return [name for (name,) in conn.execute(OWNERS)]


def refuses_to_open(home: Path) -> None:
    """Check that it opens neither as an installation nor as a new one."""
    with pytest.raises(Unavailable, match=r"did not finish.*sb restore"), opened_database(home):
        pass


def keep_secret(home: Path, account: str, text: str) -> None:
    """Store a channel with a secret, for the only owner."""
    with (
        opened_database(home) as database,
        psycopg.connect(database.conninfo(ADMIN_ROLE), autocommit=True) as conn,
    ):
        (owner,) = conn.execute("SELECT id::text FROM discreet.owners").fetchone() or ("",)
        (agent,) = conn.execute(
            "INSERT INTO discreet.agents (owner_id, name) VALUES (%s, %s) RETURNING id",
            [owner, f"agent of {account}"],
        ).fetchone() or ("",)
        conn.execute(
            "INSERT INTO discreet.channels (owner_id, agent_id, platform, account)"
            " VALUES (%s, %s, 'telegram', %s)",
            [owner, agent, account],
        )
        conn.execute(
            "INSERT INTO discreet.channel_secrets (owner_id, platform, account, sealed)"
            " VALUES (%s, 'telegram', %s, %s)",
            [owner, account, seal(database.sealing_key, text, owner, "telegram", account)],
        )


def secrets_in(home: Path) -> dict[str, str]:
    """Return the secrets by account, as far as this home can read them."""
    with (
        opened_database(home) as database,
        psycopg.connect(database.conninfo(ADMIN_ROLE)) as conn,
    ):
        rows = conn.execute(
            "SELECT owner_id::text, platform, account, sealed FROM discreet.channel_secrets"
        ).fetchall()
        return {
            account: unseal(database.sealing_key, bytes(sealed), owner, platform, account)
            for owner, platform, account, sealed in rows
        }


def add_contact(home: Path, name: str) -> tuple[OwnerId, str]:
    with (
        opened_database(home) as database,
        psycopg.connect(database.conninfo(ADMIN_ROLE), autocommit=True) as conn,
    ):
        row = conn.execute(
            "INSERT INTO discreet.contacts (owner_id, name)"
            " SELECT id, %s FROM discreet.owners RETURNING owner_id, id::text",
            [name],
        ).fetchone()
    assert row is not None
    return OwnerId(row[0]), row[1]


def contacts(home: Path) -> list[str]:
    with (
        opened_database(home) as database,
        psycopg.connect(database.conninfo(ADMIN_ROLE)) as conn,
    ):
        rows = conn.execute("SELECT name FROM discreet.contacts ORDER BY name")
        return [name for (name,) in rows]


def erase(home: Path, owner: OwnerId, contact: str) -> None:
    async def work() -> None:
        with opened_database(home) as database:
            db = ScopedDatabase(database.conninfo, database.ticket_key)
            await erasing.erase_contact(db, owner, contact, home)
            await db.close()

    asyncio.run(work())


def module_that_kills(tmp_path: Path) -> Path:
    """Return a folder whose ``sitecustomize`` ends each Python process as the kernel would."""
    folder = tmp_path / "kills"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import os\nos.kill(os.getpid(), 9)\n")
    return folder


def rewritten(
    saved: Path,
    target: Path,
    *,
    dump: bytes | None = None,
    migrations: list[str] | None = None,
    rows: dict[str, int] | None = None,
) -> Path:
    """Return a copy of a backup with other content and a correct checksum."""
    folder = target.with_suffix(".d")
    folder.mkdir()
    with tarfile.open(saved) as archive:
        for name in archive.getnames():
            member = archive.extractfile(name)
            assert member is not None
            (folder / name).write_bytes(member.read())
    manifest = json.loads((folder / "manifest.json").read_text())
    if dump is not None:
        (folder / "database.dump").write_bytes(dump)
        manifest["dump_sha256"] = hashlib.sha256(dump).hexdigest()
    if migrations is not None:
        manifest["migrations"] = migrations
    if rows is not None:
        manifest["rows"] = rows
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with tarfile.open(target, "w") as archive:
        for path in folder.iterdir():
            archive.add(path, arcname=path.name)
    return target
