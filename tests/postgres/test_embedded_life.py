"""When the embedded server runs, and when it stops."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from discreet.domain.errors import Unavailable
from discreet.postgres.credentials import Credentials
from discreet.postgres.embedded import embedded_server
from discreet.postgres.folders import Layout
from discreet.postgres.roles import ADMIN_ROLE
from tests.postgres.conftest import Client, credentials_of, server_pid, wait_until_stopped
from tests.support.waiting import until_sync

StartClient = Callable[[Path], Client]


def ask(home: Path, sockets: Path, query: str = "SELECT 'alive'") -> str:
    credentials: Credentials = replace(credentials_of(home), host=str(sockets))
    with psycopg.connect(credentials.conninfo(ADMIN_ROLE)) as conn:
        row = conn.execute(query).fetchone()
    assert row is not None
    return str(row[0])


def keep_an_answer(home: Path, sockets: Path) -> None:
    credentials = replace(credentials_of(home), host=str(sockets))
    with psycopg.connect(credentials.conninfo(ADMIN_ROLE)) as conn:
        conn.execute("CREATE TABLE public.kept AS SELECT 42 AS answer")


def test_the_server_stops_when_the_last_client_has_left(
    home: Path, start_client: StartClient
) -> None:
    first, second = start_client(home), start_client(home)
    first.wait_until_ready()
    sockets = second.wait_until_ready()
    first.leave()
    assert ask(home, sockets) == "alive"
    second.leave()
    wait_until_stopped(home)


def test_the_server_stops_after_its_only_client_was_killed(
    home: Path, start_client: StartClient
) -> None:
    client = start_client(home)
    client.wait_until_ready()
    client.kill()
    wait_until_stopped(home)


def test_a_killed_client_keeps_the_server_neither_from_others_nor_running(
    home: Path, start_client: StartClient
) -> None:
    killed, orderly = start_client(home), start_client(home)
    killed.wait_until_ready()
    sockets = orderly.wait_until_ready()
    killed.kill()
    assert ask(home, sockets) == "alive"
    orderly.leave()
    wait_until_stopped(home)


def test_many_that_start_at_once_share_one_server(home: Path, start_client: StartClient) -> None:
    clients = [start_client(home) for _ in range(5)]
    sockets = {client.wait_until_ready() for client in clients}
    assert len(sockets) == 1
    starts = Layout(home).log.read_text().count("ready to accept connections")
    assert starts == 1
    for client in clients:
        client.leave()
    wait_until_stopped(home)


def test_many_that_start_at_once_make_the_database_once(
    tmp_path: Path, finished_home: Path, start_client: StartClient
) -> None:
    home = tmp_path / "fresh"
    home.mkdir()
    (home / "credentials.json").touch(0o600)
    (home / "credentials.json").write_text((finished_home / "credentials.json").read_text())
    clients = [start_client(home) for _ in range(3)]
    for client in clients:
        client.wait_until_ready()
    assert Layout(home).log.read_text().count("ready to accept connections") == 1


def test_the_next_client_takes_over_a_server_whose_supervisor_was_killed(
    home: Path, start_client: StartClient
) -> None:
    first = start_client(home)
    first.wait_until_ready()
    server = server_pid(home)
    os.kill(_supervisor_pid(home), signal.SIGKILL)
    second = start_client(home)
    second.wait_until_ready()
    assert server_pid(home) == server
    first.leave()
    second.leave()
    wait_until_stopped(home)


def test_a_crashed_server_is_started_again_while_it_is_used(
    home: Path, start_client: StartClient
) -> None:
    client = start_client(home)
    sockets = client.wait_until_ready()
    keep_an_answer(home, sockets)
    crashed = server_pid(home)
    os.kill(crashed, signal.SIGKILL)
    other = start_client(home)
    assert other.wait_until_ready() == sockets
    assert server_pid(home) != crashed
    assert ask(home, sockets, "SELECT answer FROM public.kept") == "42"


def test_a_crashed_server_that_can_not_start_again_is_reported_and_tried_until_it_can(
    home: Path, start_client: StartClient
) -> None:
    client = start_client(home)
    sockets = client.wait_until_ready()
    needed = Layout(home).data / "global" / "pg_control"
    needed.rename(home / "hidden")  # without it, each start fails, as on a full disk
    os.kill(server_pid(home), signal.SIGKILL)
    until_sync(lambda: "pg_control" in Layout(home).log.read_text(), "a failed start")
    with (
        pytest.raises(Unavailable, match=r"doesn't start: .*pg_control"),
        embedded_server(home, ""),
    ):
        pass
    (home / "hidden").rename(needed)

    def is_alive() -> bool:
        with suppress(psycopg.OperationalError):
            return ask(home, sockets) == "alive"
        return False

    until_sync(is_alive, "the server, which no new process has started")
    client.leave()


def test_the_next_start_works_after_everything_was_killed(
    home: Path, start_client: StartClient
) -> None:
    client = start_client(home)
    sockets = client.wait_until_ready()
    keep_an_answer(home, sockets)
    os.kill(_supervisor_pid(home), signal.SIGKILL)
    os.kill(server_pid(home), signal.SIGKILL)
    client.kill()
    again = start_client(home)
    assert ask(home, again.wait_until_ready(), "SELECT answer FROM public.kept") == "42"


def test_a_pid_file_that_names_another_living_process_does_not_hinder_a_start(
    home: Path, start_client: StartClient
) -> None:
    data = Layout(home).data
    stale = [str(os.getpid()), str(data), "1700000000", "5432", str(home), "", " 1 2", "ready   "]
    (data / "postmaster.pid").write_text("\n".join(stale) + "\n")
    assert ask(home, start_client(home).wait_until_ready()) == "alive"


def test_ctrl_c_reaches_no_process_of_the_server(home: Path, start_client: StartClient) -> None:
    client = start_client(home)
    sockets = client.wait_until_ready()
    group = os.getpgid(client.process.pid)
    assert os.getpgid(server_pid(home)) != group
    assert os.getpgid(_supervisor_pid(home)) != group
    second = start_client(home)
    second.wait_until_ready()
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGINT)
    client.process.communicate(timeout=180)
    assert ask(home, sockets) == "alive"


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    (Layout(home).data / "postgresql.conf").write_text("no_such_setting = 1\n")
    password = credentials_of(home).passwords[ADMIN_ROLE]
    with (
        pytest.raises(Unavailable, match="contains errors"),
        embedded_server(home, password, durable=False),
    ):
        pass


def test_a_database_of_another_major_version_is_refused_in_one_line(home: Path) -> None:
    (Layout(home).data / "PG_VERSION").write_text("17\n")
    with (
        pytest.raises(Unavailable, match=r"created by PostgreSQL 17, but this is 18\.") as raised,
        embedded_server(home, "unused", durable=False, grace_seconds=0),
    ):
        pass
    assert "sb backup" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_home_that_is_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(Unavailable, match=r"can't be used: .*DISCREET_HOME"),
        embedded_server(tmp_path / "file", "password"),
    ):
        pass


def test_a_home_whose_locks_cannot_be_opened_is_refused_in_one_line(tmp_path: Path) -> None:
    # As in a home that is read-only, which root may write to all the same.
    layout = Layout(tmp_path / "home")
    layout.clients_lock.mkdir(parents=True)
    layout.run.chmod(0o700)
    with (
        pytest.raises(Unavailable, match=r"clients\.lock can't be used: .*DISCREET_HOME"),
        embedded_server(layout.home, "password"),
    ):
        pass


def test_an_interrupted_first_start_leaves_nothing_half_made(
    home: Path, finished_home: Path
) -> None:
    layout = Layout(home)
    layout.data.rename(layout.database / "unfinished")
    (layout.database / "unfinished" / "PG_VERSION").unlink()
    password = credentials_of(home).passwords[ADMIN_ROLE]
    with embedded_server(home, password, durable=False, grace_seconds=0) as sockets:
        credentials = replace(credentials_of(home), host=str(sockets))
        with psycopg.connect(credentials.conninfo(ADMIN_ROLE, dbname="postgres")) as conn:
            assert conn.execute("SHOW data_checksums").fetchone() == ("on",)
    assert not (layout.database / "unfinished").exists()


def _supervisor_pid(home: Path) -> int:
    return int(Layout(home).supervisor_lock.read_text())
