"""A separate database for every test, cloned in milliseconds from one migrated template.

All workers of a run share one embedded server in a temporary folder. With
``DISCREET_TEST_ADMIN_URL`` the same tests run against that server; the roles get new passwords
there. Without a server, the tests fail.
"""

from __future__ import annotations

import fcntl
import gc
import logging
import os
import secrets
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog
from hypothesis import settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from discreet.postgres.bootstrap import let_roles_connect, prepare_database, prepare_roles
from discreet.postgres.credentials import (
    Credentials,
    load_credentials,
    new_credentials,
    save_credentials,
)
from discreet.postgres.embedded import embedded_server
from discreet.postgres.external import external_credentials
from discreet.postgres.folders import Layout, make_layout
from discreet.postgres.migrate import read_migrations
from discreet.postgres.roles import ADMIN_ROLE
from discreet.postgres.server import Database
from tests.support.fork_server import use_folder
from tests.support.order import in_order, is_quick
from tests.support.run_folders import PREFIX, remove, remove_abandoned
from tests.support.static_checks import StaticChecks
from tests.support.tls import share_contexts
from tests.support.waiting import leave_midnight_behind

# The time of one example depends on the machine's load, so it says nothing.
settings.register_profile("here", deadline=None, derandomize=True)
settings.load_profile("here")

RUN_FOLDER = pytest.StashKey[Path]()
RUN_LOCK = pytest.StashKey[int]()
ADMIN_URL = "DISCREET_TEST_ADMIN_URL"
FOLDER = "DISCREET_TEST_FOLDER"
"""Credentials of a migrated template created and removed by somebody else."""
ROOM_BYTES = 4_000_000_000
"""More than any run has ever used."""


@dataclass(frozen=True, slots=True)
class Server:
    """The server of this run; ``credentials`` are for the template database."""

    credentials: Credentials
    admin_conninfo: str


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="leave out what takes long")
    parser.addoption("--checks", action="store_true", help="also check types and imports")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage while modules are imported, and never look through them again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what isn't quick before it is imported."""
    if not config.getoption("--quick") or not collection_path.match("test_*.py"):
        return None
    return None if is_quick(collection_path) else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    given = getattr(config, "workerinput", {})
    items[:] = in_order(items, int(given.get("workercount", 1)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    leave_midnight_behind()


def pytest_configure(config: pytest.Config) -> None:
    share_contexts()
    _make_run_folder(config)
    use_folder(config.stash[RUN_FOLDER])
    if config.getoption("--checks") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(StaticChecks())


def _make_run_folder(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", None)
    if given is not None:
        config.stash[RUN_FOLDER] = Path(given["run_folder"])
        return
    if FOLDER in os.environ:
        config.stash[RUN_FOLDER] = Path(os.environ[FOLDER])
        return
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder_in_memory()))
    remove_abandoned(folder.parent)
    config.stash[RUN_FOLDER] = folder
    if not config.option.basetemp:
        # For temporary folders with servers in them: a socket's path must be short.
        config.option.basetemp = folder / "t"
    # Use the server before it is needed, so that it lives as long as the run.
    layout = make_layout(folder)
    lock = os.open(layout.clients_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_SH)
    config.stash[RUN_LOCK] = lock


def folder_in_memory() -> str | None:
    """Return a folder in memory, where creating databases is several times faster than on disk.

    None: there is none with enough room, or ``TMPDIR`` names another.
    """
    memory = Path("/dev/shm")
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK):
        return None
    place = os.statvfs(memory)
    roomy = place.f_bavail * place.f_frsize > ROOM_BYTES and not place.f_flag & os.ST_NOEXEC
    return str(memory) if roomy else None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["run_folder"] = str(node.config.stash[RUN_FOLDER])


def pytest_unconfigure(config: pytest.Config) -> None:
    lock = config.stash.get(RUN_LOCK, None)
    if lock is None:
        return
    folder = config.stash[RUN_FOLDER]
    admin_url = os.environ.get(ADMIN_URL)
    credentials = load_credentials(folder)
    if admin_url and credentials:
        with psycopg.connect(admin_url, autocommit=True) as conn:
            _drop(conn, credentials.dbname)
    os.close(lock)
    with _locked(
        Layout(folder).supervisor_lock
    ):  # the supervisor holds it until the server is down
        remove(folder)


@pytest.fixture(scope="session")
def server(pytestconfig: pytest.Config) -> Iterator[Server]:
    """Yield a running server with the roles and a migrated template database."""
    folder = pytestconfig.stash[RUN_FOLDER]
    admin_url = os.environ.get(ADMIN_URL)
    with ExitStack() as stack:
        with _locked(folder / "template.lock"):
            credentials = load_credentials(folder)
            made_before = credentials is not None
            if credentials is None:
                credentials = _credentials(admin_url, f"discreet_test_{secrets.token_hex(4)}")
            if admin_url is None:
                running = embedded_server(
                    folder, credentials.passwords[ADMIN_ROLE], durable=False, grace_seconds=0
                )
                credentials = replace(credentials, host=str(stack.enter_context(running)))
                admin_url = credentials.conninfo(ADMIN_ROLE, dbname="postgres")
            if not made_before:
                prepare_roles(admin_url, credentials, reset_roles=True)
                prepare_database(admin_url, credentials, read_migrations())
                _compact(admin_url, credentials.dbname)
                save_credentials(folder, credentials)
        yield Server(credentials, admin_url)


@pytest.fixture(scope="session")
def _server_admin(server: Server) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(server.admin_conninfo, autocommit=True) as conn:
        yield conn


@pytest.fixture
def database(server: Server, _server_admin: psycopg.Connection[Any]) -> Iterator[Database]:
    """Yield an empty, migrated database for this test only."""
    with cloned(server, _server_admin) as database:
        yield database


@pytest.fixture(scope="module")
def shared_database(server: Server, _server_admin: psycopg.Connection[Any]) -> Iterator[Database]:
    """Yield the same for all tests of a file."""
    with cloned(server, _server_admin) as database:
        yield database


@contextmanager
def cloned(server: Server, server_admin: psycopg.Connection[Any]) -> Iterator[Database]:
    """Yield a copy of the template."""
    name = f"{server.credentials.dbname}_{secrets.token_hex(6)}"
    # The faster strategy if nothing is synced to disk.
    strategy = sql.SQL("FILE_COPY" if server.credentials.embedded else "WAL_LOG")
    server_admin.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY {}").format(
            sql.Identifier(name), sql.Identifier(server.credentials.dbname), strategy
        )
    )
    try:
        credentials = replace(server.credentials, dbname=name)
        let_roles_connect(server_admin, credentials)
        yield Database(credentials)
    finally:
        _drop(server_admin, name)


@pytest.fixture
def admin(server: Server, database: Database) -> Iterator[psycopg.Connection[Any]]:
    """Yield an admin's autocommit connection to the test's database, for setup and checks.

    It bypasses row-level security, so never test with it what a scope may do.
    """
    conninfo = make_conninfo(server.admin_conninfo, dbname=database.credentials.dbname)
    with psycopg.connect(conninfo, autocommit=True) as conn:
        yield conn


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """Restore the log after each test: a command run in process sends it to its own file."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def _compact(admin_url: str, template: str) -> None:
    """Leave less to copy: migrations left dead rows and maps of free space."""
    with psycopg.connect(make_conninfo(admin_url, dbname=template), autocommit=True) as conn:
        conn.execute("VACUUM FULL")


def _credentials(admin_url: str | None, dbname: str) -> Credentials:
    if admin_url is None:
        return new_credentials(embedded=True, dbname=dbname)
    return external_credentials(admin_url, dbname)


def _drop(conn: psycopg.Connection[Any], name: str) -> None:
    conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
