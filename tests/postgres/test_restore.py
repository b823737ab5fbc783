"""A restore that fails, or is not wanted, leaves no half of an installation."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from discreet.domain.errors import BadInput, Conflict, Unavailable
from discreet.postgres.backup import backup
from discreet.postgres.backup_encryption import (
    PLAIN,
)
from discreet.postgres.credentials import Credentials, load_credentials
from discreet.postgres.external import initialise_external
from discreet.postgres.restore import restore_backup
from discreet.postgres.roles import ADMIN_ROLE
from discreet.postgres.server import opened_database
from tests.postgres.test_bootstrap import admin_url
from tests.support.backups import (
    OWNERS,
    add_owner,
    owners,
    refuses_to_open,
    rewritten,
    settings,
)

KILLED_RESTORE = """
import os, sys
from pathlib import Path
from discreet.postgres import restore
from discreet.settings import Settings

event, function, home, file = sys.argv[1:]

def kill(frame, happened, _):
    code = frame.f_code
    if happened == event and code.co_name == function and "discreet" in code.co_filename:
        os.kill(os.getpid(), 9)

sys.setprofile(kill)
restore.restore_backup(Settings(home=Path(home)), Path(file))
"""


def test_an_installation_with_data_is_overwritten_only_when_told(
    full_home: Path, saved: Path
) -> None:
    add_owner(full_home, "Bob")
    with pytest.raises(Conflict, match="--overwrite"):
        restore_backup(settings(full_home), saved)
    assert owners(full_home) == ["Ada", "Bob"]
    kept = load_credentials(full_home)
    restore_backup(settings(full_home), saved, overwrite=True)
    assert owners(full_home) == ["Ada"]
    assert load_credentials(full_home) == kept


def test_a_restore_disconnects_the_users_of_the_database(full_home: Path, saved: Path) -> None:
    with (
        opened_database(full_home) as database,
        psycopg.connect(database.conninfo("discreet_worker")) as conn,
    ):
        conn.execute("SELECT 1")
        restore_backup(settings(full_home), saved, overwrite=True)
        with pytest.raises(psycopg.OperationalError):
            conn.execute("SELECT 1")
        psycopg.connect(database.conninfo("discreet_worker")).close()


def test_a_failed_restore_leaves_the_installation_unchanged(
    full_home: Path, saved: Path, tmp_path: Path
) -> None:
    broken = rewritten(saved, tmp_path / "broken.tar", dump=b"PGDMP and then nonsense")
    with pytest.raises(Unavailable, match="pg_restore failed"):
        restore_backup(settings(full_home), broken, overwrite=True)
    assert owners(full_home) == ["Ada"]
    restore_backup(settings(full_home), saved, overwrite=True)
    assert owners(full_home) == ["Ada"]


def test_a_restore_that_fails_leaves_a_fresh_home_closed_until_it_is_repeated(
    saved: Path, tmp_path: Path
) -> None:
    fresh = tmp_path / "fresh"
    broken = rewritten(saved, tmp_path / "broken.tar", dump=b"PGDMP and then nonsense")
    with pytest.raises(Unavailable, match="pg_restore failed"):
        restore_backup(settings(fresh), broken)
    refuses_to_open(fresh)
    restore_backup(settings(fresh), saved)
    assert owners(fresh) == ["Ada"]


def test_a_restore_that_fails_closes_a_home_that_had_no_data(home: Path, tmp_path: Path) -> None:
    add_owner(home, "Ada")
    backup(settings(home), tmp_path / "saved.tar", keys=PLAIN)
    with (
        opened_database(home) as database,
        psycopg.connect(database.conninfo(ADMIN_ROLE), autocommit=True) as conn,
    ):
        conn.execute("DELETE FROM discreet.owners")
    broken = rewritten(tmp_path / "saved.tar", tmp_path / "broken.tar", dump=b"PGDMP nonsense")
    with pytest.raises(Unavailable, match="pg_restore failed"):
        restore_backup(settings(home), broken)
    refuses_to_open(home)
    restore_backup(settings(home), tmp_path / "saved.tar")
    assert owners(home) == ["Ada"]


def test_a_restore_that_fails_on_an_external_server_leaves_the_home_closed(
    saved: Path, foreign: Credentials, tmp_path: Path
) -> None:
    own, url = tmp_path / "own", admin_url(foreign)
    broken = rewritten(saved, tmp_path / "broken.tar", dump=b"PGDMP and then nonsense")
    with pytest.raises(Unavailable, match="pg_restore failed"):
        restore_backup(settings(own), broken, admin_url=url)
    refuses_to_open(own)
    with pytest.raises(Unavailable, match="did not finish"):
        initialise_external(own, url)
    restore_backup(settings(own), saved, admin_url=url)
    with psycopg.connect(make_conninfo(url, dbname="discreet")) as conn:
        assert conn.execute(OWNERS).fetchall() == [("Ada",)]
    with opened_database(own) as database:
        assert not database.credentials.embedded


@pytest.mark.parametrize(
    ("event", "function"),
    [
        ("call", "create_cluster"),
        ("call", "run_client"),
        ("return", "_swap"),
        ("return", "set_restored"),
    ],
)
def test_a_restore_that_is_killed_never_leaves_a_new_empty_installation(
    event: str, function: str, saved: Path, tmp_path: Path
) -> None:
    fresh = tmp_path / "fresh"
    words = [event, function, str(fresh), str(saved)]
    done = subprocess.run([sys.executable, "-c", KILLED_RESTORE, *words], check=False)
    assert done.returncode == -signal.SIGKILL
    if function != "set_restored":
        refuses_to_open(fresh)
        restore_backup(settings(fresh), saved)
    assert owners(fresh) == ["Ada"]
    assert list((fresh / "run").glob("restoring-*")) == [] or function == "set_restored"


@pytest.mark.parametrize("fault", ["cut", "other", "missing", "changed", "folder"])
def test_an_incomplete_backup_is_refused_and_nothing_is_created(
    saved: Path, tmp_path: Path, fault: str
) -> None:
    file = tmp_path / "file.tar"
    if fault == "cut":
        file.write_bytes(saved.read_bytes()[:-40_000])
    elif fault == "other":
        file.write_bytes(b"\0" * 20_000)
    elif fault == "changed":
        content = bytearray(saved.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif fault == "folder":
        file.mkdir()
    with pytest.raises(BadInput, match=r"file\.tar"):
        restore_backup(settings(tmp_path / "fresh"), file)
    assert not (tmp_path / "fresh").exists()


def test_a_backup_of_a_newer_version_is_refused(saved: Path, tmp_path: Path) -> None:
    newer = rewritten(saved, tmp_path / "newer.tar", migrations=["0001_baseline", "9999_later"])
    with pytest.raises(BadInput, match="newer version"):
        restore_backup(settings(tmp_path / "fresh"), newer)


def test_a_backup_older_than_the_baseline_is_refused_in_one_line(
    saved: Path, tmp_path: Path
) -> None:
    older = rewritten(
        saved, tmp_path / "older.tar", migrations=["0001_schemas", "0002_queue", "0090_columns"]
    )
    with pytest.raises(BadInput, match="made before 0001_baseline") as raised:
        restore_backup(settings(tmp_path / "fresh"), older)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "fresh").exists()
