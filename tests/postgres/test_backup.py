"""A restore brings back everything in a backup, with the same isolation."""

from __future__ import annotations

import asyncio
import json
import shutil
import stat
import tarfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from discreet.domain.errors import BadInput, Conflict, Unavailable
from discreet.domain.ids import OwnerId
from discreet.postgres.backup import backup
from discreet.postgres.backup_check import check_backup
from discreet.postgres.backup_encryption import (
    PLAIN,
    Unlocking,
    keys_of_recipients,
    new_identity,
)
from discreet.postgres.backup_schedule import Schedule, backups_in, load_outcome, save_schedule
from discreet.postgres.credentials import Credentials, load_credentials, save_credentials
from discreet.postgres.erasure_list import ERASURES
from discreet.postgres.external import initialise_external
from discreet.postgres.restore import restore_backup
from discreet.postgres.roles import ADMIN_ROLE, LOGIN_ROLES
from discreet.postgres.sealing import seal, unseal
from discreet.postgres.server import Database, opened_database
from discreet.scope import OwnerScope
from discreet.services import backups
from tests.postgres.test_bootstrap import admin_url
from tests.support.backups import (
    OWNERS,
    add_contact,
    add_owner,
    contacts,
    erase,
    keep_secret,
    module_that_kills,
    owners,
    rewritten,
    secrets_in,
    settings,
)
from tests.support.tickets import show_ticket

# Everything that keeps people apart, and all triggers.
CATALOGUE = """
SELECT 'table', c.oid::regclass::text, c.relowner::regrole::text,
       coalesce(c.relacl, acldefault(
         CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))::text,
       c.relrowsecurity::text || c.relforcerowsecurity::text
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('discreet', 'gate', 'queue')
UNION ALL
SELECT 'column', attrelid::regclass || '.' || attname, attnum::text, attacl::text, ''
  FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('discreet', 'gate', 'queue') AND attacl IS NOT NULL
UNION ALL
SELECT 'policy', tablename || '.' || policyname, roles::text, cmd, concat(qual, with_check)
  FROM pg_policies
UNION ALL
SELECT 'function', p.oid::regprocedure::text, proowner::regrole::text,
       coalesce(proacl, acldefault('f', proowner))::text,
       concat(prosecdef, proconfig, md5(prosrc))
  FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
 WHERE n.nspname IN ('discreet', 'gate', 'queue')
UNION ALL
SELECT 'system function', p.oid::regprocedure::text, '', proacl::text, ''
  FROM pg_proc p WHERE pronamespace = 'pg_catalog'::regnamespace AND proacl IS NOT NULL
UNION ALL
SELECT 'trigger', tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid), '', ''
  FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT 'schema', nspname, nspowner::regrole::text,
       coalesce(nspacl, acldefault('n', nspowner))::text, ''
  FROM pg_namespace WHERE nspname IN ('discreet', 'gate', 'queue', 'public')
UNION ALL
SELECT 'migration', name, checksum, '', '' FROM public.schema_migrations
UNION ALL
SELECT 'database', datname, datdba::regrole::text, datacl::text, datlocale
  FROM pg_database WHERE datname = current_database()
ORDER BY 1, 2, 3, 4, 5
"""


def catalogue(database: Database) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.conninfo(ADMIN_ROLE)) as conn:
        return conn.execute(CATALOGUE).fetchall()


def seen_by_owner(database: Database, owner: UUID) -> list[str]:
    """Return what discreet_owner sees with a ticket for this owner."""
    with psycopg.connect(database.conninfo("discreet_owner")) as conn:
        show_ticket(conn, OwnerScope(OwnerId(owner)), database.ticket_key)
        return [name for (name,) in conn.execute(OWNERS)]


def test_a_restored_home_has_the_same_rows_roles_rights_and_policies(
    home: Path, tmp_path: Path
) -> None:
    ada = add_owner(home, "Ada")
    add_owner(home, "Bob")
    backup(settings(home), tmp_path / "saved.tar", keys=PLAIN)
    fresh = tmp_path / "fresh"
    restore_backup(settings(fresh), tmp_path / "saved.tar")
    with opened_database(home) as before, opened_database(fresh) as after:
        assert catalogue(after) == catalogue(before)
        assert len(catalogue(after)) > 100
        assert seen_by_owner(after, ada) == ["Ada"]
        assert seen_by_owner(after, uuid4()) == []
        for role in LOGIN_ROLES:
            psycopg.connect(after.conninfo(role)).close()
            assert before.credentials.passwords[role] == after.credentials.passwords[role]
        with (
            psycopg.connect(after.conninfo("discreet_contact")) as conn,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            conn.execute(OWNERS)


def test_secrets_of_channels_are_in_the_backup_and_readable_wherever_it_is_restored(
    full_home: Path, tmp_path: Path
) -> None:
    keep_secret(full_home, "7", "sesame")
    backup(settings(full_home), tmp_path / "saved.tar", keys=PLAIN)
    assert b"sesame" not in (tmp_path / "saved.tar").read_bytes()
    restore_backup(settings(tmp_path / "fresh"), tmp_path / "saved.tar")
    assert secrets_in(tmp_path / "fresh") == {"7": "sesame"}
    webhook = uuid4()
    with (
        opened_database(full_home) as database,
        psycopg.connect(database.conninfo(ADMIN_ROLE), autocommit=True) as conn,
    ):
        (owner,) = conn.execute("SELECT id::text FROM discreet.owners").fetchone() or ("",)
        sealed = seal(database.sealing_key, "hush", owner, "webhook", str(webhook))
        conn.execute(
            "INSERT INTO discreet.webhooks (id, owner_id, url, sealed)"
            " VALUES (%s, %s, 'https://example.org', %s)",
            [webhook, owner, sealed],
        )
    (tmp_path / "saved.tar").unlink()
    backup(settings(full_home), tmp_path / "saved.tar", keys=PLAIN)
    # A home that has credentials keeps them: another key.
    other = tmp_path / "other"
    with opened_database(other):
        pass
    restore_backup(settings(other), tmp_path / "saved.tar", overwrite=True)
    assert load_credentials(other) != load_credentials(full_home)
    assert secrets_in(other) == {"7": "sesame"}
    with (
        opened_database(other) as database,
        psycopg.connect(database.conninfo(ADMIN_ROLE)) as conn,
    ):
        (sealed,) = conn.execute("SELECT sealed FROM discreet.webhooks").fetchone() or (b"",)
        assert unseal(database.sealing_key, bytes(sealed), owner, "webhook", str(webhook)) == "hush"


def test_an_old_backup_without_secrets_takes_none_away_from_the_channels_that_it_has(
    full_home: Path, tmp_path: Path
) -> None:
    keep_secret(full_home, "7", "sesame")
    with (
        opened_database(full_home) as database,
        psycopg.connect(database.conninfo(ADMIN_ROLE), autocommit=True) as conn,
    ):
        columns = "owner_id, platform, account, sealed, changed_at"
        kept = conn.execute(f"SELECT {columns} FROM discreet.channel_secrets").fetchall()
        conn.execute("DELETE FROM discreet.channel_secrets")
        backup(settings(full_home), tmp_path / "old.tar", keys=PLAIN)
        for row in kept:
            conn.execute(
                f"INSERT INTO discreet.channel_secrets ({columns}) VALUES (%s, %s, %s, %s, %s)", row
            )
    keep_secret(full_home, "8", "later")
    restore_backup(settings(full_home), tmp_path / "old.tar", overwrite=True)
    assert secrets_in(full_home) == {"7": "sesame"}


def test_a_backup_is_readable_by_its_user_only_and_names_what_made_it(saved: Path) -> None:
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert [path.name for path in saved.parent.glob(".saved*")] == []
    with tarfile.open(saved) as archive:
        manifest = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]
    assert manifest["postgres"].startswith("18.")
    assert manifest["migrations"][0].startswith("0001_")


def test_a_contact_erased_after_the_backup_stays_erased_after_a_restore(
    full_home: Path, saved: Path, tmp_path: Path
) -> None:
    owner, ann = add_contact(full_home, "Ann")
    add_contact(full_home, "Bob")
    file = tmp_path / "people.tar"
    backup(settings(full_home), file, keys=PLAIN)
    erase(full_home, owner, ann)
    fresh = tmp_path / "fresh"
    done = restore_backup(settings(fresh), file, erase=backups.erase_again)
    assert contacts(fresh) == ["Bob"]
    assert (done.erased_again, done.erasures_listed) == (1, True)
    # Without the list it is said; the database that is replaced knows it too.
    (tmp_path / ERASURES).unlink()
    done = restore_backup(settings(full_home), file, erase=backups.erase_again, overwrite=True)
    assert contacts(full_home) == ["Bob"]
    assert (done.erased_again, done.erasures_listed) == (1, False)
    (tmp_path / ERASURES).write_text("{}\n")
    with pytest.raises(BadInput, match="might come back"):
        restore_backup(settings(full_home), file, erase=backups.erase_again, overwrite=True)


def test_an_encrypted_backup_is_checked_and_restored_and_leaves_nothing_readable(
    full_home: Path, tmp_path: Path
) -> None:
    with (
        opened_database(full_home) as database,
        psycopg.connect(database.conninfo(ADMIN_ROLE), autocommit=True) as conn,
    ):
        # Rows of a table that isn't dumped are not missed.
        conn.execute(
            "INSERT INTO discreet.events (owner_id, agent_id, kind)"
            " SELECT id, gen_random_uuid(), 'message' FROM discreet.owners"
        )
    private, public = new_identity()
    folder = tmp_path / "backups"
    folder.mkdir()
    file = folder / "saved"
    backup(settings(full_home), file, keys=keys_of_recipients([public]), check=True)
    assert sorted(path.name for path in folder.iterdir()) == [ERASURES, "saved"]
    left = [path.name for path in (full_home / "run").iterdir() if path.is_dir()]
    assert left == []
    kept = load_credentials(full_home)
    assert kept is not None
    for secret in (kept.ticket_key, "manifest.json", "PGDMP"):
        assert secret.encode() not in file.read_bytes()
    with pytest.raises(BadInput, match="--identity"):
        restore_backup(settings(tmp_path / "fresh"), file)
    unlocking = Unlocking(identities=(private,))
    done = restore_backup(settings(tmp_path / "fresh"), file, unlocking=unlocking)
    assert owners(tmp_path / "fresh") == ["Ada"]
    assert done.erasures_listed


def test_a_check_finds_rows_that_are_missing(full_home: Path, saved: Path, tmp_path: Path) -> None:
    checked = check_backup(full_home, saved, Unlocking())
    assert checked.rows > 1
    short = rewritten(saved, tmp_path / "short.tar", rows={"discreet.owners": 2})
    with pytest.raises(BadInput, match=r"discreet\.owners has 1 of 2 rows"):
        check_backup(full_home, short, Unlocking())
    assert list((full_home / "run").glob("checking-*")) == []


def test_a_server_writes_the_backup_that_is_due_and_a_second_one_does_not(
    full_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    for day in range(3):
        (folder / f"discreet-2020-01-0{day + 1}T000000Z.backup").touch()
    private, public = new_identity()
    keys = keys_of_recipients([public])
    save_schedule(full_home, Schedule(folder, timedelta(days=1), 2, keys))
    with opened_database(full_home) as database:
        conninfo = database.conninfo("discreet_worker")

        async def both() -> list[bool]:
            tries = (backups.back_up_if_due(conninfo, settings(full_home)) for _ in range(2))
            return list(await asyncio.gather(*tries))

        assert sorted(asyncio.run(both())) == [False, True]
        # One that dies without a word isn't tried again at once.
        save_schedule(full_home, Schedule(tmp_path / "other", timedelta(days=1), 2, keys))
        (tmp_path / "other").mkdir()
        with monkeypatch.context() as patched:
            patched.setenv("PYTHONPATH", str(module_that_kills(tmp_path)))
            assert asyncio.run(backups.back_up_if_due(conninfo, settings(full_home)))
            assert not asyncio.run(backups.back_up_if_due(conninfo, settings(full_home)))
        assert "ended with code -9" in backups.backup_problem(full_home)
        save_schedule(full_home, Schedule(folder, timedelta(days=1), 2, keys))
    outcome = load_outcome(full_home)
    kept = backups_in(folder)
    assert [file.name for file in kept[:1]] == ["discreet-2020-01-03T000000Z.backup"]
    assert [str(file) for file in kept[1:]] == [outcome.file]
    assert check_backup(full_home, kept[1], Unlocking(identities=(private,))).rows > 1


def test_a_backup_overwrites_no_file(full_home: Path, saved: Path) -> None:
    with pytest.raises(Conflict, match="already exists"):
        backup(settings(full_home), saved, keys=PLAIN)
    with pytest.raises(BadInput, match="does not exist"):
        backup(settings(full_home), saved / "not" / "there", keys=PLAIN)


def test_a_backup_moves_to_an_external_server_and_from_there_into_a_file(
    saved: Path, foreign: Credentials, tmp_path: Path
) -> None:
    with psycopg.connect(admin_url(foreign), autocommit=True) as conn:
        conn.execute("CREATE ROLE postgres SUPERUSER LOGIN PASSWORD 'p'")  # unknown elsewhere
    own, url = tmp_path / "own", admin_url(foreign, "postgres", "p")
    restore_backup(settings(own), saved, admin_url=url)
    with opened_database(own) as database:
        assert not database.credentials.embedded
        with psycopg.connect(make_conninfo(url, dbname="discreet")) as conn:
            assert conn.execute(OWNERS).fetchall() == [("Ada",)]
    with pytest.raises(BadInput, match="--admin-url"):
        backup(settings(own), tmp_path / "again.tar", keys=PLAIN)
    backup(settings(own), tmp_path / "again.tar", keys=PLAIN, admin_url=url)
    restore_backup(settings(tmp_path / "back"), tmp_path / "again.tar")
    assert owners(tmp_path / "back") == ["Ada"]


def test_an_admin_who_is_held_by_row_level_security_gets_no_partial_backup(
    foreign: Credentials, tmp_path: Path
) -> None:
    with psycopg.connect(admin_url(foreign), autocommit=True) as conn:
        conn.execute("CREATE ROLE boss LOGIN CREATEROLE CREATEDB PASSWORD 'boss'")
        conn.execute("CREATE DATABASE discreet OWNER boss")
    with psycopg.connect(
        make_conninfo(admin_url(foreign), dbname="discreet"), autocommit=True
    ) as conn:
        conn.execute("CREATE EXTENSION vector")
    boss = admin_url(foreign, "boss", "boss")
    initialise_external(tmp_path / "own", boss)
    with pytest.raises(Unavailable, match="pg_dump failed"):
        backup(settings(tmp_path / "own"), tmp_path / "saved.tar", keys=PLAIN, admin_url=boss)
    assert not (tmp_path / "saved.tar").exists()


def test_passwords_of_roles_that_others_use_are_reset_by_a_restore_only_when_told(
    saved: Path, own_server: Credentials, tmp_path: Path
) -> None:
    other = load_credentials(tmp_path / "home")
    assert other is not None
    url = admin_url(own_server)
    file = tmp_path / "other.tar"
    shutil.copy(saved, file)
    own = tmp_path / "own"
    strange = replace(
        other,
        embedded=False,
        host=own_server.host,
        passwords={role: uuid4().hex for role in LOGIN_ROLES},
    )
    own.mkdir()
    save_credentials(own, strange)
    with pytest.raises(Conflict, match="--reset-roles"):
        restore_backup(settings(own), file, admin_url=url, overwrite=True)
    psycopg.connect(own_server.conninfo("discreet_contact")).close()
    restore_backup(settings(own), file, admin_url=url, overwrite=True, reset_roles=True)
    with opened_database(own) as database:
        psycopg.connect(database.conninfo("discreet_contact")).close()
