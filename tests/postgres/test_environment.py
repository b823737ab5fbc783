"""No libpq variable affects the embedded server; only some affect another server."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import pq

from discreet.postgres.backup import backup
from discreet.postgres.backup_encryption import PLAIN
from discreet.postgres.binaries import run_client
from discreet.postgres.credentials import Credentials
from discreet.postgres.environment import HONOURED, honoured_variables
from discreet.postgres.external import external_credentials, initialise_external
from discreet.postgres.restore import restore_backup
from discreet.postgres.roles import ADMIN_ROLE
from discreet.postgres.server import Database
from discreet.settings import Settings

DOCUMENTED = {
    "PGAPPNAME": "somebody",
    "PGCHANNELBINDING": "require",
    "PGCLIENTENCODING": "LATIN1",
    "PGCONNECT_TIMEOUT": "-1x",
    "PGDATABASE": "postgres",
    "PGDATESTYLE": "German, DMY",
    "PGGEQO": "off",
    "PGGSSDELEGATION": "1",
    "PGGSSENCMODE": "require",
    "PGGSSLIB": "nothing",
    "PGHOST": "/nowhere",
    "PGHOSTADDR": "192.0.2.1",
    "PGKRBSRVNAME": "nobody",
    "PGLOADBALANCEHOSTS": "nonsense",
    "PGLOCALEDIR": "/nowhere",
    "PGMAXPROTOCOLVERSION": "3.9",
    "PGMINPROTOCOLVERSION": "3.9",
    "PGOAUTHDEBUG": "UNSAFE",
    "PGOPTIONS": "-c work_mem=4242kB",
    "PGPASSFILE": "/nowhere",
    "PGPASSWORD": "wrong",
    "PGPORT": "1",
    "PGREQUIREAUTH": "none",
    "PGREQUIREPEER": "nobody-at-all",
    "PGREQUIRESSL": "1",
    "PGSERVICE": "elsewhere",
    "PGSERVICEFILE": "/nowhere",
    "PGSSLCERT": "/nowhere",
    "PGSSLCERTMODE": "require",
    "PGSSLCOMPRESSION": "1",
    "PGSSLCRL": "/nowhere",
    "PGSSLCRLDIR": "/nowhere",
    "PGSSLKEY": "/nowhere",
    "PGSSLMAXPROTOCOLVERSION": "nonsense",
    "PGSSLMINPROTOCOLVERSION": "nonsense",
    "PGSSLMODE": "verify-full",
    "PGSSLNEGOTIATION": "direct",
    "PGSSLROOTCERT": "/nowhere",
    "PGSSLSNI": "0",
    "PGSYSCONFDIR": "/nowhere",
    "PGTARGETSESSIONATTRS": "standby",
    "PGTZ": "Asia/Tokyo",
    "PGUSER": "nobody",
}
"""Every variable in libpq's manual, with a value that breaks a connection or changes a session."""

SESSION = """
SELECT current_user, current_database(), current_setting('DateStyle'),
       current_setting('TimeZone'), current_setting('client_encoding'), current_setting('geqo'),
       current_setting('work_mem'), current_setting('application_name')
"""


def session(credentials: Credentials) -> tuple[Any, ...] | None:
    with psycopg.connect(credentials.conninfo("discreet_worker")) as conn:
        return conn.execute(SESSION).fetchone()


def test_every_variable_of_the_installed_libpq_is_tried() -> None:
    known = {option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar}
    assert known <= set(DOCUMENTED)
    assert set(DOCUMENTED) >= HONOURED


@pytest.mark.parametrize("variable", sorted(DOCUMENTED))
def test_a_variable_changes_no_connection_to_the_embedded_server(
    variable: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded = replace(database.credentials, embedded=True)
    before = session(embedded)
    monkeypatch.setenv(variable, DOCUMENTED[variable])
    assert session(embedded) == before


def test_a_service_file_and_a_password_file_in_the_home_folder_are_not_read(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".pg_service.conf").write_text("[elsewhere]\nhost=192.0.2.1\noptions=-c geqo=off\n")
    (tmp_path / ".pgpass").write_text("*:*:*:*:wrong\n")
    (tmp_path / ".pgpass").chmod(0o600)
    embedded = replace(database.credentials, embedded=True)
    before = session(embedded)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PGSERVICE", "elsewhere")
    assert session(embedded) == before


def test_a_backup_and_a_restore_work_whatever_is_set(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {"PGDATA": "/nowhere", "TZ": "Asia/Tokyo", "LC_ALL": "tr_TR.UTF-8", "LANG": "C"}
    for variable, value in (DOCUMENTED | others).items():
        monkeypatch.setenv(variable, value)
    backup(Settings(home=home), tmp_path / "saved", keys=PLAIN)
    restore_backup(Settings(home=tmp_path / "fresh"), tmp_path / "saved")


def test_an_external_server_uses_only_the_variables_for_tls_and_the_admins_password(
    own_server: Credentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in set(DOCUMENTED) - HONOURED:
        monkeypatch.setenv(variable, DOCUMENTED[variable])
    monkeypatch.setenv("PGPASSWORD", own_server.passwords[ADMIN_ROLE])
    monkeypatch.setenv("PGSSLMODE", "require")
    without_password = f"host={own_server.host} user={ADMIN_ROLE} dbname=postgres"
    made = initialise_external(tmp_path / "own", without_password, reset_roles=True)
    assert made.sslmode == "require"
    before = session(made)
    for variable in set(DOCUMENTED) - HONOURED:
        monkeypatch.delenv(variable, raising=False)
    assert session(made) == before
    # pg_dump gets the same password, from the same variable. The wheel's was built without TLS,
    # and would refuse the other one.
    inside = f"host={own_server.host} user={ADMIN_ROLE} dbname={made.dbname}"
    run_client("pg_dump", inside, "--schema-only", f"--file={tmp_path / 'dump'}")
    assert (tmp_path / "dump").stat().st_size > 0
    assert set(honoured_variables()) <= {*HONOURED, "HOME"}


def test_a_url_that_says_how_safe_a_connection_is_wins_over_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGSSLMODE", "disable")
    url = "postgresql://admin@db.example/postgres"
    assert external_credentials(url, "x").sslmode == "disable"
    assert external_credentials(f"{url}?sslmode=verify-full", "x").sslmode == "verify-full"
    assert "PGSSLMODE" in os.environ
