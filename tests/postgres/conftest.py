"""Homes with their own server, for tests that would disturb the shared one."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import psycopg
import pytest
from psycopg import sql

from discreet.postgres.backup import backup
from discreet.postgres.backup_encryption import PLAIN
from discreet.postgres.bootstrap import initialise
from discreet.postgres.credentials import (
    Credentials,
    load_credentials,
    new_credentials,
    save_credentials,
)
from discreet.postgres.embedded import embedded_server
from discreet.postgres.folders import Layout, make_layout
from discreet.postgres.roles import ADMIN_ROLE, LOGIN_ROLES
from tests.postgres.test_bootstrap import admin_url
from tests.support.backups import add_owner, settings
from tests.support.run_folders import remove

PATIENCE_SECONDS = 180.0

CLIENT = """
import sys
from pathlib import Path
from discreet.postgres.credentials import load_credentials
from discreet.postgres.embedded import embedded_server

home = Path(sys.argv[1])
with embedded_server(
    home, load_credentials(home).passwords["discreet_admin"], durable=False, grace_seconds=0
) as sockets:
    print(sockets, flush=True)
    sys.stdin.readline()
"""


@dataclass(frozen=True, slots=True)
class Client:
    """Another process that uses a home's server, in its own process group."""

    process: subprocess.Popen[str]
    output: IO[str]

    def wait_until_ready(self) -> Path:
        line = self.output.readline().strip()
        assert line, "the client could not use the server"
        return Path(line)

    def leave(self) -> None:
        self.process.communicate("\n", timeout=PATIENCE_SECONDS)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=PATIENCE_SECONDS)


@pytest.fixture(autouse=True)
def _remove_homes(tmp_path: Path) -> Iterator[None]:
    """Remove homes: a database takes 60 MB, and pytest keeps temporary folders for three runs."""
    yield
    for lock in tmp_path.rglob("clients.lock"):
        os.utime(lock, (0, 0))  # unused for a long time: nothing to wait for
        wait_until_stopped(lock.parent.parent)
    for folder in tmp_path.iterdir():
        if folder.is_dir() and not folder.is_symlink():
            remove(folder)


@pytest.fixture
def start_client() -> Iterator[Any]:
    """Yield a function that starts a client of a home; the remaining ones are killed at the end."""
    clients: list[Client] = []

    def start(home: Path) -> Client:
        process = subprocess.Popen(
            [sys.executable, "-c", CLIENT, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        clients.append(Client(process, process.stdout))
        return clients[-1]

    yield start
    for client in clients:
        if client.process.poll() is None:
            client.kill()
        with suppress(OSError, ValueError):
            client.process.communicate()


@pytest.fixture(scope="session")
def finished_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a home with an initialized database and a stopped server; copy it, don't use it."""
    home = tmp_path_factory.mktemp("finished") / "home"
    make_layout(home)
    credentials = new_credentials(embedded=True)
    save_credentials(home, credentials)
    with embedded_server(
        home, credentials.passwords[ADMIN_ROLE], durable=False, grace_seconds=0
    ) as sockets:
        credentials = replace(credentials, host=str(sockets))
        initialise(credentials.conninfo(ADMIN_ROLE, dbname="postgres"), credentials)
    wait_until_stopped(home)
    yield home
    remove(home)


@pytest.fixture
def home(finished_home: Path, tmp_path: Path) -> Path:
    """Return a home of this test's own, with its server stopped."""
    unwanted = shutil.ignore_patterns("run", "server.log")
    shutil.copytree(finished_home, tmp_path / "home", ignore=unwanted)
    return tmp_path / "home"


@pytest.fixture
def own_server(home: Path) -> Iterator[Credentials]:
    """Yield the credentials, with socket folder, of a running server for this test only."""
    credentials = credentials_of(home)
    with embedded_server(
        home, credentials.passwords[ADMIN_ROLE], durable=False, grace_seconds=0
    ) as sockets:
        yield replace(credentials, host=str(sockets))


@pytest.fixture(scope="module")
def module_server(
    finished_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Credentials]:
    """Yield the same for all tests of a file, which leave it unchanged."""
    home = tmp_path_factory.mktemp("module") / "home"
    shutil.copytree(finished_home, home, ignore=shutil.ignore_patterns("run"))
    credentials = credentials_of(home)
    with embedded_server(
        home, credentials.passwords[ADMIN_ROLE], durable=False, grace_seconds=0
    ) as sockets:
        yield replace(credentials, host=str(sockets))
    wait_until_stopped(home)
    remove(home)


@pytest.fixture
def own_admin(own_server: Credentials) -> Iterator[psycopg.Connection[Any]]:
    """Yield its superuser, connected to its application database."""
    with psycopg.connect(own_server.conninfo(ADMIN_ROLE), autocommit=True) as conn:
        yield conn


@pytest.fixture
def empty_database(server: Any, _server_admin: psycopg.Connection[Any]) -> Iterator[str]:
    """Yield an admin's conninfo of an empty database."""
    name = f"{server.credentials.dbname}_{os.urandom(6).hex()}"
    _server_admin.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
    )
    yield psycopg.conninfo.make_conninfo(server.admin_conninfo, dbname=name)
    _server_admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def credentials_of(home: Path) -> Credentials:
    credentials = load_credentials(home)
    assert credentials is not None
    return credentials


def server_pid(home: Path) -> int:
    return int((Layout(home).data / "postmaster.pid").read_text().splitlines()[0])


def wait_until_stopped(home: Path) -> None:
    """Wait until this home has neither a supervisor nor a PostgreSQL process."""
    for lock in (Layout(home).supervisor_lock, Layout(home).server_lock):
        waiting = threading.Thread(target=_take_and_release, args=[lock], daemon=True)
        waiting.start()
        waiting.join(PATIENCE_SECONDS)
        assert not waiting.is_alive(), f"{lock} is still held"


def _take_and_release(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.close(descriptor)


@pytest.fixture
def full_home(home: Path) -> Path:
    add_owner(home, "Ada")
    return home


@pytest.fixture
def saved(full_home: Path, tmp_path: Path) -> Path:
    file = tmp_path / "saved.tar"
    backup(settings(full_home), file, keys=PLAIN)
    return file


@pytest.fixture
def foreign(finished_home: Path, tmp_path: Path) -> Iterator[Credentials]:
    """Yield a second server, owned by somebody else and without anything of ours."""
    home = tmp_path / "foreign"
    shutil.copytree(finished_home, home, ignore=shutil.ignore_patterns("run", "server.log"))
    credentials = load_credentials(home)
    assert credentials is not None
    with embedded_server(
        home, credentials.passwords[ADMIN_ROLE], durable=False, grace_seconds=0
    ) as sockets:
        credentials = replace(credentials, host=str(sockets))
        with psycopg.connect(admin_url(credentials), autocommit=True) as conn:
            conn.execute("DROP DATABASE discreet")
            for role in (*LOGIN_ROLES, "discreet_gate", "discreet_schema"):
                conn.execute(f"DROP OWNED BY {role}")
                conn.execute(f"DROP ROLE {role}")
        yield credentials
