"""A full disk and exhausted connections, as each entry point reports them.

It uses a server of its own, with real files and real connections.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pexpect
import psycopg
import pytest

from discreet.postgres.credentials import load_credentials
from discreet.postgres.folders import Layout, socket_folder
from tests.cli.conftest import SB, Sb
from tests.support.small_disk import fill, small_disk

MEGABYTES = 160


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a separate file system that the database mostly fills."""
    try:
        with small_disk(tmp_path / "disk", megabytes=MEGABYTES) as place:
            yield place
    except PermissionError as error:
        pytest.skip(str(error))


class Serving:
    """``sb serve`` with the address and token for a client."""

    def __init__(self, sb: Sb) -> None:
        self.sb = sb
        self._process = pexpect.spawn(
            str(SB), ["serve"], env=sb.environment(), encoding="utf-8", timeout=180
        )
        self._process.expect(r"REST at (\S+)/api")
        assert self._process.match is not None
        self.url = str(self._process.match[1])
        self.token = str(re.findall(r"sb_[\w-]+", sb("tokens", "create", "--owner").stdout)[0])

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.close(force=True)

    def post(self, path: str, body: object) -> httpx.Response:
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/json, text/event-stream",
        }
        return httpx.post(f"{self.url}{path}", json=body, headers=headers, timeout=120)


def _is_problem(answered: httpx.Response, why: str) -> bool:
    if answered.status_code == 200:
        return False
    assert answered.status_code == 503
    assert answered.headers["content-type"] == "application/problem+json"
    assert answered.headers["retry-after"]
    assert why in answered.json()["detail"]
    return True


INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def test_a_full_disk_is_named_at_every_entry_and_nothing_has_to_be_restarted_after_it(
    disk: Path,
) -> None:
    sb = Sb(disk / "home")
    with Serving(sb) as serving:
        said = {"text": "hello", "sender": "telegram:1"}
        assert serving.post("/api/messages", said).status_code == 200
        ballast = fill(disk)
        with pytest.raises(OSError, match="No space left"):
            (disk / "one more").write_bytes(bytes(4096))
        # Existing pages are filled first.
        long = {"text": os.urandom(20_000).hex(), "sender": "telegram:1"}
        assert any(
            _is_problem(serving.post("/api/messages?wait=0", long), "disk of the database is full")
            for _ in range(200)
        )
        shown = sb("status")
        assert "The disk of the database is full. Nothing can be stored" in shown.stdout
        typed = sb("chat", "--sender", "telegram:1", "-m", str(long["text"]))
        assert typed.returncode == 1
        assert "The disk of the database is full" in typed.stderr
        assert "Traceback" not in typed.stderr
        ballast.unlink()
        assert serving.post("/api/messages", said).status_code == 200
        assert "disk of the database" not in sb("status").stdout


def _ours(admin: psycopg.Connection) -> int:
    """Return how many connections the server had, which are now closed."""
    return admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name LIKE 'discreet%'"
    ).rowcount


def test_a_database_without_connections_is_named_at_every_entry_with_who_holds_them(
    sb: Sb,
) -> None:
    with Serving(sb) as serving, ExitStack() as held:
        credentials = load_credentials(sb.home)
        assert credentials is not None
        sockets = socket_folder(Layout(sb.home), make=False)
        conninfo = replace(credentials, host=str(sockets)).conninfo("discreet_intake")
        as_admin = replace(credentials, host=str(sockets)).conninfo("discreet_admin")
        admin = held.enter_context(psycopg.connect(as_admin, autocommit=True))
        while _ours(admin):
            with suppress(psycopg.OperationalError):
                while True:
                    held.enter_context(psycopg.connect(conninfo, application_name="somebody else"))
        said = {"text": "hello", "sender": "telegram:1"}
        # Lost connections are noticed one by one.
        answers = [serving.post("/api/messages", said) for _ in range(3)]
        assert _is_problem(answers[-1], "no connections left")
        by_mcp = serving.post("/mcp/", INITIALIZE)
        assert by_mcp.status_code == 503
        assert "no connections left" in by_mcp.json()["error"]["message"]
        shown = sb("status")
        assert shown.returncode == 1
        assert "The database has no connections left." in shown.stdout
        assert re.search(r"somebody else: \d+ connections", shown.stdout)
        typed = sb("contacts", "list")
        assert (typed.returncode, typed.stdout) == (1, "")
        assert "no connections left" in typed.stderr
        held.close()
        answers = [serving.post("/api/messages", said) for _ in range(3)]
        assert answers[-1].status_code == 200
