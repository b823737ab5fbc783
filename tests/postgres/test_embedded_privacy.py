"""Only the operating-system user who runs the embedded server can use it."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from discreet.domain.errors import Unavailable
from discreet.postgres.credentials import Credentials
from discreet.postgres.embedded import embedded_server
from discreet.postgres.folders import SOCKET_NAME, Layout, make_layout, socket_folder
from discreet.postgres.roles import ADMIN_ROLE, LOGIN_ROLES
from discreet.postgres.server import opened_database
from discreet.postgres.unprivileged import find_runner
from tests.postgres.conftest import Client, credentials_of, wait_until_stopped

NOBODY = 65534
StartClient = Callable[[Path], Client]
AS_ROOT = os.geteuid() == 0


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_new_folders_are_private_and_an_existing_home_keeps_its_mode(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)
    with opened_database(home):
        layout = Layout(home)
        assert mode(home) == 0o755
        for folder in (layout.database, layout.data, layout.run):
            assert mode(folder) == 0o700
        for file in (home / "credentials.json", layout.log, layout.clients_lock):
            assert mode(file) == 0o600
        assert mode(layout.run / SOCKET_NAME) & 0o077 == 0


def test_a_new_home_is_private(tmp_path: Path) -> None:
    make_layout(tmp_path / "new")
    assert mode(tmp_path / "new") == 0o700


def test_no_role_gets_in_without_its_password(own_server: Credentials) -> None:
    for role in (ADMIN_ROLE, *LOGIN_ROLES):
        for password in ("", "wrong", "discreet"):
            guess = replace(own_server, passwords={role: password})
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(guess.conninfo(role))


def test_the_server_listens_at_its_socket_only(own_admin: psycopg.Connection) -> None:
    assert own_admin.execute("SHOW listen_addresses").fetchone() == ("",)
    rules = own_admin.execute("SELECT type, auth_method FROM pg_hba_file_rules").fetchall()
    assert rules == [("local", "scram-sha-256")]


def test_another_user_of_the_machine_cannot_reach_the_socket(own_server: Credentials) -> None:
    path = Path(own_server.host) / SOCKET_NAME
    assert mode(path.parent) == 0o700
    if AS_ROOT:
        attempt = f"import socket; socket.socket(socket.AF_UNIX).connect({str(path)!r})"
        tried = subprocess.run(
            ["/usr/bin/env", "python3", "-I", "-c", attempt],
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            cwd="/",
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "PermissionError" in tried.stderr or tried.returncode == 127
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(path))


def test_errors_and_their_values_are_not_logged(
    own_server: Credentials, own_admin: psycopg.Connection, home: Path
) -> None:
    for statement in (
        "SELECT 'mango-1'::integer",
        "DO $$ BEGIN RAISE EXCEPTION 'mango-2' USING DETAIL = 'mango-3'; END $$",
        "DO $$ BEGIN RAISE WARNING 'mango-4'; END $$",
        "SELECT mango_5 FROM nowhere",
    ):
        try:
            own_admin.execute(statement)
        except psycopg.Error:
            continue
    log = Layout(home).log.read_text()
    assert "ready to accept connections" in log
    assert "mango" not in log


def test_a_long_home_has_its_socket_in_a_private_folder_that_all_find(
    home: Path, tmp_path: Path, start_client: StartClient
) -> None:
    long = tmp_path / ("x" * 100) / "home"
    long.parent.mkdir()
    home.rename(long)
    first = start_client(long)
    second = start_client(long)
    sockets = first.wait_until_ready()
    assert second.wait_until_ready() == sockets
    assert not sockets.is_relative_to(long)
    assert mode(sockets) == 0o700
    first.leave()
    second.leave()
    wait_until_stopped(long)
    third = start_client(long)
    assert third.wait_until_ready() == sockets
    third.leave()
    wait_until_stopped(long)
    shutil.rmtree(sockets)
    fourth = start_client(long)
    shutil.rmtree(fourth.wait_until_ready())


@pytest.mark.parametrize("name", ["a b", "a,b", 'a"b', "ä%s{0}'$(x)", "-D"])
def test_a_home_can_have_any_name(
    home: Path, tmp_path: Path, name: str, start_client: StartClient
) -> None:
    named = tmp_path / name
    home.rename(named)
    client = start_client(named)
    sockets = client.wait_until_ready()
    credentials = replace(credentials_of(named), host=str(sockets))
    with psycopg.connect(credentials.conninfo(ADMIN_ROLE)) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
    client.leave()
    wait_until_stopped(named)
    if not sockets.is_relative_to(named):
        sockets.rmdir()


@pytest.mark.parametrize("fault", ["open", "link", "stranger"])
def test_a_socket_folder_that_is_not_ours_alone_is_refused(tmp_path: Path, fault: str) -> None:
    layout = make_layout(tmp_path / ("x" * 120))
    folder = tmp_path / "elsewhere"
    folder.mkdir(mode=0o700)
    if fault == "open":
        folder.chmod(0o755)
    elif fault == "link":
        folder.rename(tmp_path / "target")
        folder.symlink_to(tmp_path / "target")
    elif AS_ROOT:
        os.chown(folder, NOBODY, NOBODY)
    else:
        folder = Path("/usr")
    layout.socket_note.write_bytes(os.fsencode(folder))
    with pytest.raises(Unavailable, match="isn't used"):
        socket_folder(layout, make=True)


@pytest.mark.parametrize("name", ["run", "database"])
def test_a_folder_that_was_opened_to_others_is_refused_and_not_changed(
    tmp_path: Path, name: str
) -> None:
    make_layout(tmp_path)
    (tmp_path / name).chmod(0o750)
    with pytest.raises(Unavailable, match="chmod 700"):
        make_layout(tmp_path)
    assert mode(tmp_path / name) == 0o750


def test_a_home_that_everybody_may_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(Unavailable, match="chmod o-w"):
        make_layout(tmp_path)


@pytest.mark.parametrize("tool", ["unshare", "setpriv"])
def test_root_runs_it_with_either_tool_and_keeps_its_rights(
    home: Path, tmp_path: Path, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _only_tool(tmp_path, tool, monkeypatch)
    password = credentials_of(home).passwords[ADMIN_ROLE]
    runner = find_runner()
    assert bool(runner.prefix) == AS_ROOT
    for _ in range(2):
        with embedded_server(home, password, durable=False, grace_seconds=0) as sockets:
            credentials = replace(credentials_of(home), host=str(sockets))
            with psycopg.connect(credentials.conninfo(ADMIN_ROLE)) as conn:
                assert conn.execute("SELECT 1").fetchone() == (1,)
            assert Layout(home).data.stat().st_uid == runner.uid
            assert mode(Layout(home).database) == 0o700
        wait_until_stopped(home)


def test_root_with_neither_tool_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _only_tool(tmp_path, "", monkeypatch)
    if not AS_ROOT:
        assert find_runner().prefix == ()
        return
    with pytest.raises(Unavailable, match="sb db init"):
        find_runner()


def test_the_server_does_not_inherit_our_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "mango")
    monkeypatch.setenv("PGDATA", "/nowhere")
    password = credentials_of(home).passwords[ADMIN_ROLE]
    with embedded_server(home, password, durable=False, grace_seconds=0):
        pid = (Layout(home).data / "postmaster.pid").read_text().splitlines()[0]
        if sys.platform == "linux":
            assert b"mango" not in Path(f"/proc/{pid}/environ").read_bytes()


def _only_tool(tmp_path: Path, tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    found = shutil.which(tool) if tool else None
    if found:
        (folder / tool).symlink_to(found)
    monkeypatch.setenv("PATH", str(folder))
